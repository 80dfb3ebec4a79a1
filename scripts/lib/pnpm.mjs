/** pnpm at the pinned version: that of the machine if it is the one, else npm brings it from the registry it knows. */
import { run } from './processes.mjs'
import { pnpmVersion, root } from './repository.mjs'
import { which } from './toolchain.mjs'

/** @returns [program, leading arguments] */
export async function pnpmCommand() {
  const own = which('pnpm') !== null && (await run('pnpm', ['--version'], { cwd: root })).output.trim() === pnpmVersion
  return own ? ['pnpm', []] : ['npm', ['exec', '--yes', '--loglevel=error', `--package=pnpm@${pnpmVersion}`, '--', 'pnpm']]
}
