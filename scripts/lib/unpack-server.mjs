/**
 * A database server of another Debian release, for tests: its packages with all that they depend on, unpacked below
 * DIR/root, and DIR/run, which starts a program there with the libraries of its own release. Nothing is installed, and
 * apt keeps what it knows of that release below DIR, too.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './processes.mjs'
import { which } from './toolchain.mjs'

const SOURCES = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * @param options.packages  with what they depend on; `alone`: without
 * @returns what the server says of its version
 * @throws {Error} why it cannot be had
 */
export async function unpackServer({ dir, suite, packages, alone, server }) {
  const root = join(dir, 'root')
  const program = join(dir, 'run')
  if (!existsSync(program)) {
    rmSync(dir, { recursive: true, force: true })
    await unpack({ dir, root, suite, packages, alone })
    const libraries = join(root, 'usr/lib/x86_64-linux-gnu')
    writeFileSync(program, `#!/bin/sh\nexec ${libraries}/ld-linux-x86-64.so.2 --library-path ${libraries} "$@"\n`)
    chmodSync(program, 0o755)
  }
  return (await must(program, [join(root, server), '--version'])).trim()
}

async function unpack({ dir, root, suite, packages, alone }) {
  if (process.arch !== 'x64') throw new Error('only for x64')
  for (const tool of ['apt-get', 'dpkg-deb']) if (which(tool) === null) throw new Error(`there is no ${tool}`)
  const archive = archiveOf(SOURCES.find((path) => existsSync(path)))
  if (archive === null || !existsSync(KEYRING)) throw new Error('this is no Debian')
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'sources', 'root/usr']) mkdirSync(join(dir, name), { recursive: true })
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', name))
    symlinkSync(join('usr', name), join(root, name))
  }
  writeFileSync(join(dir, 'state', 'status'), '')
  writeFileSync(join(dir, 'sources', 'suite.sources'), `Types: deb\nURIs: ${archive}\nSuites: ${suite}\nComponents: main\nSigned-By: ${KEYRING}\n`)
  const config = join(dir, 'apt.conf')
  writeFileSync(config, `Dir::State "${dir}/state"; Dir::State::status "${dir}/state/status"; Dir::Cache "${dir}/cache"; Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "${dir}/sources"; Acquire::Languages "none"; APT::Sandbox::User "root";\n`)
  const env = { APT_CONFIG: config, DEBIAN_FRONTEND: 'noninteractive' }
  const archives = join(dir, 'cache', 'archives')
  await must('apt-get', ['update', '-qq'], { env })
  await must('apt-get', ['install', '-y', '-qq', '--no-install-recommends', '--download-only', ...packages], { env })
  if (alone.length > 0) await must('apt-get', ['download', '-qq', ...alone], { env, cwd: archives })
  for (const name of readdirSync(archives)) if (name.endsWith('.deb')) await must('dpkg-deb', ['-x', join(archives, name), root])
}

/** Where this machine has its packages from; null: that is not told. */
function archiveOf(path) {
  if (path === undefined) return null
  const text = readFileSync(path, 'utf8')
  return /^URIs:\s*(\S+)/m.exec(text)?.[1] ?? /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/m.exec(text)?.[1] ?? null
}

async function must(program, args, options = {}) {
  const { code, output } = await run(program, args, { timeoutMs: 600_000, ...options })
  if (code !== 0) throw new Error(`${program} ${args[0]}: ${output.trim().split('\n').slice(-3).join(' ')}`)
  return output
}
