/**
 * What lmdb gets instead of its loader when it is bundled: its addon, from its package for the platform, a plain
 * dependency of ours. The order of preference is lmdb's: built for this Node, then for any.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export default function loadLmdb() {
  const { platform, arch, versions } = process
  const name = `@lmdb/lmdb-${platform}-${arch}`
  const require = createRequire(import.meta.url)
  let folder
  try {
    folder = dirname(require.resolve(`${name}/package.json`))
  } catch (cause) {
    throw new Error(`a node of a cluster keeps its votes in LMDB, and ${name} is missing: install without --omit=optional`, { cause })
  }
  const libc = platform !== 'linux' ? '' : isMusl() ? '.musl' : '.glibc'
  const files = [`node.abi${versions.modules}${libc}.node`, `node.napi${libc}.node`, `node.abi${versions.modules}.node`, 'node.napi.node']
  return require(join(folder, files.find((file) => existsSync(join(folder, file))) ?? files[0]))
}

/** Where musl's loader is; the report, which would tell too, takes longer. */
const isMusl = () => existsSync(`/lib/ld-musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`)
