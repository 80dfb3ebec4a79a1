/** What a figure was measured on: said with every report, since a ratio without its machine is a rumour. */
import { execFileSync } from 'node:child_process'
import { arch, cpus, release, totalmem } from 'node:os'

export interface Machine {
  cpu: string
  coreCount: number
  memoryBytes: number
  kernel: string
  node: string
}

export function machine(): Machine {
  const cores = cpus()
  return {
    cpu: cores[0]?.model.trim() ?? arch(),
    coreCount: cores.length,
    memoryBytes: totalmem(),
    kernel: `${process.platform} ${release().split('-')[0] ?? ''}`,
    node: process.versions.node,
  }
}

/** Short commit id, with '+' when the work tree differs from it; 'unknown' outside a repository. */
export function commit(root: string): string {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}
