/** Node processes that use the library as a stranger would: by its name, from a script. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = join(import.meta.dirname, '..')

/** The package as built, for scripts that run where its name means nothing. */
export const entry = pathToFileURL(join(folder, 'dist', 'index.js')).href

export interface ChildEnd { code: number | null; signal: NodeJS.Signals | null; output: string; errors: string }

export interface Child {
  process: ChildProcess
  /** What it has printed so far. */
  output(): string
  ended: Promise<ChildEnd>
}

/** Runs `script`, an ES module, in which 'slotwise' is this package. `args` are in process.argv from 1 on. */
export function run(script: string, args: readonly string[] = [], program = process.execPath): Child {
  const child = spawn(program, ['--no-warnings', '--input-type=module', '-e', script, ...args], {
    cwd: folder, stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  const ended = new Promise<ChildEnd>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, output, errors }))
  })
  return { process: child, output: () => output, ended }
}
