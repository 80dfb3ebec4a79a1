/**
 * The command line of slotwise-follow. Exit codes: 0 it was told to end, or reached the end that was asked for, or a
 * dry run found nothing wrong; 1 it cannot go on (one sentence on stderr says why; the store says where it was);
 * 2 the arguments make no sense; 3 the mapping does not fit the source; 4 another follower with this server id took
 * over.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import {
  BinlogError, type ClusterTarget, dryRun, follow, type FollowOptions, Mapping, MappingError, openTarget, parseSource,
  parseTarget, type RespTarget, ServerError, serverIdOf,
} from '@slotwise/binlog'
import { open, type Store } from 'slotwise'
import { printReport } from './report.js'
import { followProgress } from './progress.js'

export const followUsage = `Usage: slotwise-follow --mapping FILE --source mysql://user@host[:port] --into redis://host[:port] | DIR [options]
       slotwise-follow --mapping FILE --source mysql://user@host[:port] --dry-run

Keeps keys as the rows of a MySQL or MariaDB server are, exactly once, until it is told to end.

--mapping FILE             which tables, and what becomes of their rows (YAML)
--source URL               mysql://user:password@host:port; again for other servers with the same data (by GTID)
                           Password: SLOTWISE_SOURCE_PASSWORD, better than in the URL
--into URL | DIR           redis://user:password@host:port[,host:port], a server or a cluster, rediss:// with TLS; or
                           the data directory of an embedded store. Password: SLOTWISE_TARGET_PASSWORD
--dry-run                  hold the mapping against the tables, print sample keys, change nothing
--name NAME                of this follower; its position is kept under it (default: default)
--server-id N              unique among the replicas of the source (default: from the name)
--start snapshot|now|oldest
                           where a follower begins that has no position yet (default: snapshot)
--until-end                end at the end of the log
--tls off|preferred|required
                           to the source (default: preferred); --tls-ca FILE verifies it
--semi-sync                commits of the source wait for this follower
--max-transaction-bytes N  larger transactions are applied in parts (default: 8388608)
--large-transactions spill|stop
                           stop: refuse them (default: spill)
--spill-dir DIR            for rows of large transactions (default: the system's)
--missing-cascades stop|warn
                           where a foreign key changed rows without logging them (default: stop)
--on-purged stop|snapshot  what comes next is purged: snapshot deletes the keys of all mapped tables and copies their
                           rows again (default: stop)
--quiet                    no progress
--help                     this

Exit codes: 0 ended as asked, 1 cannot go on, 2 wrong arguments, 3 the mapping does not fit, 4 another follower took over.
More: docs/following.md
`

class UsageError extends Error {}

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const options = {
  mapping: text, source: { type: 'string', multiple: true }, into: text, 'dry-run': flag, name: text, 'server-id': text,
  start: text, 'until-end': flag, tls: text, 'tls-ca': text, 'semi-sync': flag, 'max-transaction-bytes': text,
  'large-transactions': text, 'spill-dir': text, 'missing-cascades': text, 'on-purged': text, quiet: flag,
  help: { type: 'boolean', short: 'h' },
} as const

export interface FollowConsole {
  readonly out: (text: string) => void
  /** Progress and errors. */
  readonly err: (text: string) => void
  readonly isTerminal: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted: end, with what was applied. */
  readonly signal: AbortSignal
}

const SAME_ID = 4052
const FATAL_READ = 1236

/** @returns the exit code */
export async function runFollow(args: readonly string[], console: FollowConsole): Promise<number> {
  try {
    return await run(args, console)
  } catch (error) {
    if (console.signal.aborted) return 0
    console.err(`slotwise-follow: ${(error as Error).message}\n`)
    if (error instanceof UsageError) {
      console.err('Try slotwise-follow --help\n')
      return 2
    }
    if (error instanceof MappingError) return 3
    const replaced = error instanceof ServerError && (error.errno === SAME_ID || (error.errno === FATAL_READ && /same server[_ ](?:uu)?id/i.test(error.message)))
    return replaced ? 4 : 1
  }
}

async function run(args: readonly string[], console: FollowConsole): Promise<number> {
  const { values } = parse(args)
  if (values.help === true) {
    console.out(followUsage)
    return 0
  }
  const { signal, env } = console
  const mapping = await readMapping(needed(values.mapping, 'mapping'))
  const sources = (values.source ?? []).map((url) => usage(() => parseSource(url, {
    password: env.SLOTWISE_SOURCE_PASSWORD, tls: choice(values.tls, 'tls', ['preferred', 'off', 'required']), caFile: values['tls-ca'],
  })))
  if (sources.length === 0) throw new UsageError('--source is needed')
  if (values['dry-run'] === true) {
    const report = await dryRun({ sources, mapping, signal })
    console.out(printReport(report))
    return report.problems.length > 0 || report.tables.some(({ problem }) => problem !== null) ? 3 : 0
  }
  const name = values.name ?? 'default'
  if (!/^[\w.-]{1,64}$/.test(name)) throw new UsageError(`--name '${name}': expected up to 64 letters, digits, '.', '_', '-'`)
  const settings: Omit<FollowOptions, 'into'> = {
    sources, mapping, signal, name,
    serverId: values['server-id'] === undefined ? serverIdOf(name) : whole(values['server-id'], 'server-id', 2 ** 32 - 1),
    start: choice<'snapshot' | 'now' | 'oldest'>(values.start, 'start', ['snapshot', 'now', 'oldest']),
    untilEnd: values['until-end'] === true, semiSync: values['semi-sync'] === true,
    largeTransactions: choice(values['large-transactions'], 'large-transactions', ['spill', 'stop']),
    onPurged: choice(values['on-purged'], 'on-purged', ['stop', 'snapshot']),
    missingCascades: choice(values['missing-cascades'], 'missing-cascades', ['stop', 'warn']),
    ...(values['max-transaction-bytes'] === undefined ? {} : { maxTransactionBytes: whole(values['max-transaction-bytes'], 'max-transaction-bytes', Number.MAX_SAFE_INTEGER) }),
    ...(values['spill-dir'] === undefined ? {} : { spillDir: values['spill-dir'] }),
  }
  const target = await openInto(needed(values.into, 'into'), env.SLOTWISE_TARGET_PASSWORD)
  const progress = followProgress(values.quiet === true ? () => undefined : console.err, console.isTerminal)
  try {
    await follow({ ...settings, ...progress.reports, into: target })
    return 0
  } finally {
    progress.end()
    await target[Symbol.asyncDispose]()
  }
}

type Target = Store<string> | RespTarget | ClusterTarget

async function openInto(into: string, password: string | undefined): Promise<Target> {
  if (!/^rediss?:\/\//.test(into)) {
    if (/^[a-z]+:\/\//i.test(into)) throw new UsageError(`--into '${into.replace(/\/\/.*@/, '//')}': expected redis://, rediss:// or a directory`)
    return open({ dir: into, codec: 'text' })
  }
  const address = usage(() => parseTarget(into))
  return openTarget({ ...address, ...(password === undefined ? {} : { password }) })
}

async function readMapping(file: string): Promise<Mapping> {
  let yaml: string
  try {
    yaml = await readFile(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--mapping: ${(error as Error).message}`, { cause: error })
  }
  return usage(() => Mapping.parse(yaml))
}

/** What cannot be read is a wrong argument. */
function usage<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof BinlogError) throw error
    throw new UsageError((error as Error).message, { cause: error })
  }
}

function needed(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw new UsageError(`--${name} is needed`)
  return value
}

function whole(value: string, name: string, max: number): number {
  const number = Number(value)
  if (!/^\d+$/.test(value) || number < 1 || number > max) throw new UsageError(`--${name} '${value}': expected a whole number up to ${max}`)
  return number
}

/** One of `words`; the first one is the default. */
function choice<W extends string>(value: string | undefined, name: string, words: readonly [W, ...W[]]): W {
  if (value === undefined) return words[0]
  const found = words.find((word) => word === value)
  if (found === undefined) throw new UsageError(`--${name} '${value}': expected one of ${words.join(', ')}`)
  return found
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, strict: true })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}
