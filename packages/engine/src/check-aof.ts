/**
 * Check AOF: is an append-only file, or a manifest and all that it lists, fit to be loaded; and with --fix, made so by
 * cutting its end. Arguments, output, questions and exit codes are those of redis-check-aof.
 * Elsewhere: the check itself (native/src/log/check_aof.cc), the program (apps/server).
 */
import { loadAddon } from './addon.js'

export interface CheckAofOptions {
  /** The program's name in the usage line. @default 'slotwise-check-aof' */
  readonly program?: string
  /** [--fix | --truncate-to-timestamp seconds] file */
  readonly args: readonly string[]
  /** Gets the output piece by piece. */
  readonly print: (text: string) => void
  /** Gives the answer to a question: 'y' to go on. */
  readonly readLine: () => string
}

/** Synchronous: reads the whole file. @returns the exit code: 0 if all is well */
export function checkAof(options: CheckAofOptions): number {
  const { program = 'slotwise-check-aof', args, print, readLine } = options
  return loadAddon().checkAof(program, args, print, readLine)
}
