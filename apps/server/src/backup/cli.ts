/**
 * The command line of slotwise-backup. Exit codes: 0 done, 1 it failed (one sentence on stderr says why, and nothing is
 * left half done), 2 the arguments make no sense.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { CopyReports } from '@slotwise/node'
import { placeOfServer } from './ask-server.js'
import { create, list, restore, verify } from './commands.js'
import { type Position, printPosition, printTime, type Target } from './plan.js'

export const backupUsage = `Usage: slotwise-backup create  --from-dir DIR | --from HOST:PORT --to BACKUPS
       slotwise-backup list    --from BACKUPS [--archive DIR]
       slotwise-backup verify  --from BACKUPS [--archive DIR] [--backup NAME]
       slotwise-backup restore --from BACKUPS [--archive DIR] [--backup NAME] --to DIR
                               [--position SEGMENT:BYTE | --time TIME]

create   copies the append-only files of a data directory, of a running server too, into a new folder of BACKUPS
list     what there is, and up to where each backup can be restored
verify   reads every byte of it
restore  makes a data directory from a backup and the archived segments behind it: all there is, or up to and including
         a position, or everything written up to a second

--from-dir DIR           the server's dir, with --appenddirname and --appendfilename if it does not use the defaults
--from HOST:PORT         ask the server, on this machine, for the three; password in REDISCLI_AUTH
--archive DIR            its aof-archive-dir, or a copy of it (default: BACKUPS/archive)
--backup NAME            begin with this copy (default: the newest that is early enough)
--position SEGMENT:BYTE  number of the segment and bytes of it, such as 3:1048576
--time TIME              2026-11-29T14:03:00Z, or Unix seconds
--quiet                  no progress

Exit codes: 0 done, 1 failed, 2 wrong arguments. More: docs/backup.md
`

class UsageError extends Error {}

const options = {
  'from-dir': { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, archive: { type: 'string' },
  backup: { type: 'string' }, position: { type: 'string' }, time: { type: 'string' },
  appenddirname: { type: 'string', default: 'appendonlydir' }, appendfilename: { type: 'string', default: 'appendonly.aof' },
  quiet: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
} as const
type Option = keyof typeof options

/** Which options a verb takes; those with ! it needs. */
const verbs = {
  create: ['from-dir', 'from', 'to!', 'appenddirname', 'appendfilename'],
  list: ['from!', 'archive'],
  verify: ['from!', 'archive', 'backup'],
  restore: ['from!', 'to!', 'archive', 'backup', 'position', 'time'],
} as const

export interface BackupConsole {
  readonly out: (text: string) => void
  /** Progress and errors. */
  readonly err: (text: string) => void
  readonly isTerminal: boolean
}

/** @returns the exit code */
export async function runBackup(args: readonly string[], console: BackupConsole): Promise<number> {
  try {
    await run(args, console)
    return 0
  } catch (error) {
    console.err(`slotwise-backup: ${(error as Error).message}\n`)
    if (!(error instanceof UsageError)) return 1
    console.err('Try slotwise-backup --help\n')
    return 2
  }
}

async function run(args: readonly string[], { out, err, isTerminal }: BackupConsole): Promise<void> {
  const { verb, values } = parse(args)
  if (values.help === true) return out(backupUsage)
  const reports = values.quiet === true ? {} : reportsTo(err, isTerminal)
  const say = (lines: readonly string[]): void => out(lines.map((line) => `${line}\n`).join(''))
  const backups = values.from ?? ''
  const archive = values.archive ?? join(backups, 'archive')
  switch (verb) {
    case 'create': {
      const { 'from-dir': dir, from: server, appenddirname: dirname, appendfilename: filename } = values
      if ((dir === undefined) === (server === undefined)) throw new UsageError('create needs either --from-dir or --from')
      const asked = server === undefined ? null : await placeOfServer(server, process.env.REDISCLI_AUTH)
      const from = asked ?? { dir: dir ?? '', dirname, filename }
      const made = create({ from, to: values.to ?? '' }, reports)
      const last = made.segments.at(-1)
      return say([`${made.name}  ${made.commands} commands${last === undefined ? '' : `, up to ${printPosition({ seq: last.seq, byte: last.size })}`}`])
    }
    case 'list': return say(list({ backups, archive }))
    case 'verify': return say(verify({ backups, archive, ...named(values.backup) }, reports))
    case 'restore': {
      const target = parseTarget(values.position, values.time)
      const { full, end, commands } = restore({ backups, archive, to: values.to ?? '', target, ...named(values.backup) }, reports)
      const until = target.seconds === undefined ? '' : `, nothing after ${printTime(target.seconds)}`
      return say([`restored ${full.name} and ${commands} commands${end === null ? '' : ` up to ${printPosition(end)}`}${until} into ${values.to ?? ''}`])
    }
  }
}

const named = (name: string | undefined): { name?: string } => name === undefined ? {} : { name }

function parse(args: readonly string[]): { verb: keyof typeof verbs; values: ReturnType<typeof parseWords>['values'] } {
  const { values, positionals } = parseWords(args)
  const [verb = '', ...rest] = positionals
  if (values.help === true) return { verb: 'list', values }
  if (!Object.hasOwn(verbs, verb)) throw new UsageError(verb === '' ? 'create, list, verify or restore?' : `Unknown command '${verb}'`)
  if (rest.length > 0) throw new UsageError(`Unexpected argument '${rest[0]}'`)
  const known = verbs[verb as keyof typeof verbs]
  for (const word of known)
    if (word.endsWith('!') && !values[word.slice(0, -1) as Option]) throw new UsageError(`${verb} needs --${word.slice(0, -1)}`)
  const given = args.filter((word) => word.startsWith('--')).map((word) => word.slice(2).split('=')[0]!)
  for (const word of given)
    if (!['quiet', ...known.map((name) => name.replace('!', ''))].includes(word)) throw new UsageError(`${verb} takes no --${word}`)
  return { verb: verb as keyof typeof verbs, values }
}

function parseWords(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

export function parseTarget(position: string | undefined, time: string | undefined): Target {
  if (position !== undefined && time !== undefined) throw new UsageError('Either --position or --time')
  if (position !== undefined) return { position: parsePosition(position) }
  return time === undefined ? {} : { seconds: parseTime(time) }
}

function parsePosition(text: string): Position {
  const found = /^(?:[^:]*?\.)?(\d{1,15})(?:\.incr\.aof)?:(\d{1,15})$/.exec(text)
  if (found === null) throw new UsageError(`'${text}' is no position: expected SEGMENT:BYTE, such as 3:1048576`)
  return { seq: Number(found[1]), byte: Number(found[2]) }
}

function parseTime(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  // Without a zone JavaScript takes the machine's: a restore is no moment for guessing.
  const seconds = /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Math.floor(Date.parse(text) / 1000) : NaN
  if (Number.isNaN(seconds)) throw new UsageError(`'${text}' is no time: expected Unix seconds or 2026-11-29T14:03:00Z, with its zone`)
  return seconds
}

/** A line for each tenth of the work; on a terminal one line that changes. */
function reportsTo(err: (text: string) => void, isTerminal: boolean): CopyReports {
  let last = ''
  return {
    onProgress(what, done, total) {
      const percent = total === 0 ? 100 : Math.floor(done * 100 / total)
      const text = `${what} ${isTerminal ? percent : percent - percent % 10} % of ${total} bytes`
      if (text === last) return
      last = text
      err(isTerminal ? `\r${text}${percent === 100 ? '\n' : ''}` : `${text}\n`)
    },
    onWarning: (text) => err(`warning: ${text}\n`),
  }
}
