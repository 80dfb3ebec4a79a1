/** Progress of an import: one line that changes on a terminal, else a line for each tenth of the way. */
import type { Terminal } from '../terminal.js'

export class Progress {
  readonly #terminal: Terminal
  #last = ''
  #tenth = -1

  constructor(terminal: Terminal) { this.#terminal = terminal }

  /** @param part  0 to 1; null: nobody knows */
  show(text: string, part: number | null = null): void {
    if (text === this.#last) return
    this.#last = text
    if (this.#terminal.columns() > 0) return this.#terminal.redraw(text)
    const tenth = part === null ? -1 : Math.floor(part * 10)
    if (part !== null && tenth === this.#tenth) return
    this.#tenth = tenth
    this.#terminal.out(text)
  }
}

export const percent = (part: number): string => `${Math.floor(Math.min(1, part) * 100)} %`
