/**
 * `slotwise import`: copies a running Redis (or Slotwise) into a server of ours: by replication, live and of one
 * moment, or key by key where the source refuses it. The target must be empty, since replication replaces what it has.
 */
import { Connection } from '../connection.js'
import { parseEndpoint, printEndpoint } from '../endpoint.js'
import { plural, type Terminal } from '../terminal.js'
import { UserError } from '../user-error.js'
import { importByCopying } from './copy.js'
import { canFollow, importByFollowing } from './follow.js'
import { Progress } from './progress.js'

export interface ImportOptions {
  readonly to: string
  readonly method: 'auto' | 'replication' | 'scan'
  /** Empty the target first. */
  readonly replace?: boolean
  /** Stay a replica until Ctrl-C, then promote. */
  readonly follow?: boolean
  readonly connectTimeoutMs: number
}

/** @returns the exit code */
export async function importFrom(from: string, options: ImportOptions, terminal: Terminal): Promise<number> {
  const source = await Connection.open(parseEndpoint(from))
  try {
    const target = await Connection.open(parseEndpoint(options.to))
    try {
      return await transfer(source, target, options, terminal)
    } finally {
      target.close()
    }
  } finally {
    source.close()
  }
}

async function transfer(
  source: Connection, target: Connection, options: ImportOptions, terminal: Terminal,
): Promise<number> {
  await checkTarget(source, target, options)
  const progress = new Progress(terminal)
  let interruptedAlready = false
  const interrupt = terminal.interrupted().then(() => interruptedAlready = true)
  const interrupted = (): boolean => interruptedAlready
  const startMs = performance.now()
  if (options.method !== 'scan') {
    const possible = options.method === 'replication' || await canFollow(source)
    const { connectTimeoutMs } = options
    const follow = { connectTimeoutMs, until: options.follow === true ? interrupt : null, interrupted }
    if (possible && await importByFollowing(source, target, progress, follow) === 'promoted') return done(target, startMs, terminal)
    const refusal = `${printEndpoint(source.endpoint)} does not let replicas in`
    if (options.method === 'replication') throw new UserError(refusal)
    terminal.err(`${refusal}: copying key by key; what changes meanwhile may be missed`)
  }
  const { copied, failed, firstFailure } = await importByCopying(source, target, progress, interrupted)
  if (failed === 0) return done(target, startMs, terminal)
  throw new UserError(`${plural(copied, 'key')} copied, ${failed} refused by ${printEndpoint(target.endpoint)}: ${firstFailure}`)
}

async function checkTarget(source: Connection, target: Connection, { replace }: ImportOptions): Promise<void> {
  const where = printEndpoint(target.endpoint)
  const [theirs, ours] = [await source.info('server'), await target.info('server')]
  if (theirs.get('run_id') !== undefined && theirs.get('run_id') === ours.get('run_id')) throw new UserError(`${where} is the source itself`)
  if ((await target.info('cluster')).get('cluster_enabled') === '1')
    throw new UserError(`${where} is a node of a cluster: import into a server of its own`)
  if ((await target.info('replication')).get('role') !== 'master') throw new UserError(`${where} is a replica`)
  if (replace === true) await target.must('FLUSHALL')
  else if ((await target.info('keyspace')).size > 0) throw new UserError(`${where} has keys: --replace removes them first`)
}

async function done(target: Connection, startMs: number, terminal: Terminal): Promise<number> {
  const databases = [...await target.info('keyspace')].map(([, value]) => Number(/keys=(\d+)/.exec(value)?.[1] ?? 0))
  const keys = databases.reduce((sum, count) => sum + count, 0)
  terminal.out(`Imported ${plural(keys, 'key')} into ${printEndpoint(target.endpoint)} in ${((performance.now() - startMs) / 1000).toFixed(1)} s.`)
  return 0
}
