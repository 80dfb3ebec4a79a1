/**
 * ConfigError: a configuration that cannot be used, told in the words redis-server uses for it, so that people and
 * scripts who know those find them: the line as written, its number, and what is wrong with it.
 */

/** Where the refused line stands. */
export interface LineInConfig {
  /** 1-based, as Redis counts: flags and standard input go on where the file ended. */
  readonly number: number
  readonly text: string
  /** For people: a path, 'the command line', ... */
  readonly where: string
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'CONFIG'
  /** null if the fault is not one line's. */
  readonly line: LineInConfig | null

  constructor(reason: string, line: LineInConfig | null = null) {
    super(reason)
    this.line = line
  }

  /**
   * What a server prints before it exits with 1.
   * @param product  e.g. 'Slotwise 0.1.0'
   */
  report(product: string): string {
    const place = this.line === null ? []
      : [`Reading the configuration file, at line ${this.line.number}`, `>>> '${this.line.text}'`]
    const where = this.line === null ? [] : [`(in ${this.line.where})`]
    return ['', `*** FATAL CONFIG FILE ERROR (${product}) ***`, ...place, this.message, ...where, ''].join('\n')
  }
}
