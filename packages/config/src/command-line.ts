/**
 * Command line: `[file] [-] [--directive value ...]` as redis-server takes it. Flags become lines of configuration text
 * that is read after the file: `--port 7000` is `port "7000"`, `"--port 7000"` is `port 7000`. A word after a flag is
 * its value even if it starts with `--`; the next such word is a flag again. `--save` may lack its value.
 */
import { formatQuoted, splitArgs } from './split-args.js'

export interface CommandLine {
  /** `check`: read the configuration, say whether it is good, do not start. */
  readonly action: 'run' | 'help' | 'version' | 'check'
  /** As given; null if the first argument is no file name. */
  readonly file: string | null
  readonly readStdin: boolean
  /** The flags as configuration lines. */
  readonly lines: readonly string[]
}

const nothing = { file: null, readStdin: false, lines: [] }

/** @param args  what follows the program's name. Never throws: what is wrong shows when the lines are read. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const [first = ''] = args
  if (first === '-v' || first === '--version') return { action: 'version', ...nothing }
  if (first === '-h' || first === '--help') return { action: 'help', ...nothing }
  const file = args.length > 0 && !first.startsWith('-') ? first : null
  let action: 'run' | 'check' = 'run'
  let readStdin = false
  let hasValue = true // whether the last flag has one: only then may the next word be a flag
  const lines: string[] = []
  for (let i = file === null ? 0 : 1; i < args.length; i++) {
    const arg = args[i]!
    const next = args[i + 1]
    if (arg === '-' && (i === 0 || i === args.length - 1)) {
      readStdin = true
    } else if (hasValue && arg === '--check-config') {
      action = 'check'
    } else if (hasValue && arg.startsWith('--')) {
      hasValue = splitArgs(arg)?.length !== 1
      const bareSave = !hasValue && arg.toLowerCase() === '--save' && (next === undefined || next.startsWith('--'))
      hasValue ||= bareSave
      lines.push(bareSave ? `${arg.slice(2)} ""` : `${arg.slice(2)} `)
    } else {
      const last = lines.pop() ?? ''
      lines.push(`${last}${formatQuoted(arg)} `)
      hasValue = true
    }
  }
  return { action, file, readStdin, lines }
}
