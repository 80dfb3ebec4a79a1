/**
 * daemonize: Node cannot fork, so the foreground process starts a second one in a session of its own and leaves when
 * that one serves (exit code 0) or has failed (its words, and 1). Redis's parent leaves at once and never knows.
 */
import { spawn } from 'node:child_process'

/** Set in the background process; not a SLOTWISE_ name, those are directives. */
const marker = 'SERVER_IN_BACKGROUND'

/** What the background process tells the foreground one, once. */
export type Outcome = { ready: true } | { ready: false; text: string }

export const isInBackground = (): boolean => process.env[marker] !== undefined && process.send !== undefined

/**
 * @param stdin  what was read from standard input, for the other process to read again
 * @returns the exit code
 */
export function goToBackground(args: readonly string[], stdin: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
      detached: true, stdio: ['pipe', 'ignore', 'ignore', 'ipc'], env: { ...process.env, [marker]: '1' },
    })
    let left = false
    const leave = (code: number, text = ''): void => {
      if (left) return
      left = true
      if (text !== '') process.stderr.write(`${text}\n`)
      if (child.connected) child.disconnect()
      child.unref()
      resolve(code)
    }
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(stdin)
    child.on('message', (outcome: Outcome) => outcome.ready ? leave(0) : leave(1, outcome.text))
    child.on('error', (error) => leave(1, error.message))
    child.on('exit', (code, signal) => {
      const ended = (): void => leave(code ?? 1, `The server ended before it was ready (${signal ?? code})`)
      // What it said before may be heard after its end, and before that of the channel.
      if (child.connected) child.once('disconnect', ended)
      else ended()
    })
  })
}

/** In the background process: lets the foreground one go. Harmless anywhere else. */
export function tellForeground(outcome: Outcome): void {
  if (!isInBackground() || !process.connected) return
  // Without a receiver there is nobody to tell.
  process.send?.(outcome, undefined, undefined, () => {
    if (process.connected) process.disconnect()
  })
}
