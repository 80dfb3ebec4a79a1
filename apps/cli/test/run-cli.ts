/** The command as a process of its own: what it printed and how it ended. */
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { waitFor } from '@slotwise/testing'

const command = join(import.meta.dirname, '..', 'bin', 'slotwise')

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
    async printed(pattern, timeoutMs = 30_000) {
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
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 12_000)
    const ports = Array.from({ length: count }, (_, index) => first + index)
    const free = await Promise.all(ports.flatMap((port) => [isFree(port), isFree(port + 10_000)]))
    if (free.every(Boolean)) return first
  }
}

const isFree = (port: number): Promise<boolean> => new Promise((resolve) => {
  const server = createServer()
  server.on('error', () => resolve(false))
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
})
