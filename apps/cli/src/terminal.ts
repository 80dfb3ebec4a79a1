/** Terminal: what commands know of the process around them: where lines go, whether a person looks, Ctrl-C. */
export interface Terminal {
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  /** Standard output is a terminal of so many columns; 0 if it is none. */
  readonly columns: () => number
  /** Resolves with the first SIGINT, SIGTERM or SIGHUP from here on, which do nothing else; or if nobody reads on. */
  readonly interrupted: () => Promise<void>
  /** What a further signal does. */
  readonly onInsist: (act: () => void) => void
  /** Replaces what the last call drew. Only on a terminal. */
  readonly redraw: (text: string) => void
}

export function processTerminal(): Terminal {
  let insist: (() => void) | null = null
  let drawnLines = 0
  // Whoever read it has gone, as with `| head`: no failure of ours, and the same as Ctrl-C for what goes on for long.
  let readerGone = (): void => undefined
  process.stdout.on('error', () => readerGone())
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    columns: () => process.stdout.isTTY ? process.stdout.columns : 0,
    interrupted: () => new Promise((resolve) => {
      let told = false
      readerGone = resolve
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.on(signal, () => {
          if (told) insist?.()
          told = true
          resolve()
        })
      }
    }),
    onInsist: (act) => insist = act,
    redraw(text) {
      const up = drawnLines === 0 ? '' : `\x1b[${drawnLines}A`
      process.stdout.write(`${up}\x1b[J${text}\n`)
      drawnLines = text.split('\n').length
    },
  }
}

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
