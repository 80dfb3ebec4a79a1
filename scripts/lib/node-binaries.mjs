/** Other versions of Node, which npm brings as packages into a folder, for the scripts that try them. */
import { join } from 'node:path'
import { run } from './processes.mjs'
import { Problem } from './progress.mjs'

/** The executable of a version, installed for the occasion. */
export async function nodeOf(version, scratch) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const prefix = join(scratch, version)
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', prefix, `${name}@${version}`]
  const { code, output } = await run('npm', args)
  if (code !== 0) throw new Problem(`Node ${version} could not be installed:\n${output}`)
  return join(prefix, 'node_modules', name, 'bin', 'node')
}
