/** The command as a process of its own: what it printed and how it ended. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { freePortRun, waitFor } from '@slotwise/testing'

export const command = join(import.meta.dirname, '..', 'bin', 'slotwise')

export interface Run extends AsyncDisposable {
  readonly out: string
  readonly err: string
  readonly exited: Promise<number | null>
  readonly hasEnded: boolean
  signal(name: NodeJS.Signals): void
  /** Nobody reads its standard output any more. */
  closeOutput(): void
  /** Resolves when standard output matches. */
  printed(pattern: RegExp, timeoutMs?: number): Promise<void>
}

export function slotwise(args: readonly (string | number)[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [command, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => out += String(chunk))
  child.stderr.on('data', (chunk) => err += String(chunk))
  let hasEnded = false
  const exited = new Promise<number | null>((resolve) => child.on('close', (code) => {
    hasEnded = true
    resolve(code)
  }))
  return {
    get out() { return out },
    get err() { return err },
    get hasEnded() { return hasEnded },
    closeOutput: () => void child.stdout.destroy(),
    exited,
    signal: (name) => void child.kill(name),
    async printed(pattern, timeoutMs = 100_000) {
      await waitFor(() => pattern.test(out) || hasEnded, { timeoutMs, what: `${args.join(' ')} printing ${String(pattern)}` })
      if (!pattern.test(out)) throw new Error(`slotwise ${args.join(' ')} ended: ${out}${err}`)
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT') // it ends what it started
      await exited
    },
  }
}

/** The first of `count` ports in a row that are free, with those of their buses. */
export const freePorts = (count: number): Promise<number> =>
  freePortRun(Array.from({ length: count }, (_, index) => [index, index + 10_000]).flat())
