/**
 * follow: rows of a source into a store, exactly once. A transaction's rows and the position behind them change in
 * one atomic batch, so whatever ends the process, the store says itself where to go on. Semi-sync acknowledges, and
 * progress is reported, only what survives a power cut of the store.
 * A transaction that is too large for memory (`maxTransactionBytes`) is applied in parts when all of it has come, each
 * with the row that it reaches: it is visible in part for a while, and continued at that row whatever happens.
 * Before the first event the mapping is held against the live schema. Decisions 0020, 0031.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { MappingError, TargetLostError, UnsupportedError } from '../errors.js'
import type { Mapping } from '../mapping/mapping.js'
import { checkMapping } from '../mapping/check-mapping.js'
import { SourceConnection } from '../source/connection.js'
import { type ReadSourceOptions, readSource, type SourceStatus } from '../source/read-source.js'
import { askFacts, askPosition, askSchemas } from '../source/source-facts.js'
import type { SourcePosition } from '../stream/position.js'
import type { ClusterTarget } from '../target/cluster-target.js'
import { isPurged } from '../source/server-errors.js'
import { Applier } from './applier.js'
import { ApplyAhead } from './apply-ahead.js'
import { checkAnew, forgetRows, requestSnapshot } from './snapshot-anew.js'
import { takeSnapshot } from './snapshot.js'
import type { FollowState } from './state.js'
import { stateOf } from './state-of.js'
import type { TargetStore } from './target.js'

export interface FollowOptions extends Pick<ReadSourceOptions,
  'sources' | 'serverId' | 'heartbeatMs' | 'semiSync' | 'missingCascades' | 'maxTransactionBytes' | 'largeTransactions' |
  'maxSpillBytes' | 'spillDir' | 'maxUncompressedBytes' | 'reconnectDelayMs' | 'reconnectDelayMsMax' | 'signal' | 'untilEnd'> {
  mapping: Mapping
  /** A Store, another server (`RespTarget`), a cluster (`ClusterTarget`). */
  into: TargetStore | ClusterTarget
  /** Of this follower: the position is kept under it. @default 'default' */
  name?: string
  /**
   * Where a follower begins that has no position yet. 'snapshot': with the rows that are there, then everything
   * since; until it has caught up the store is no picture of one moment. @default 'now'
   */
  start?: ReadSourceOptions['start'] | 'snapshot'
  /**
   * What comes next is not held by any source any more. 'snapshot': the keys of all mapped tables are deleted and their
   * rows copied again. @default 'stop'
   */
  onPurged?: 'stop' | 'snapshot'
  /** Called after each batch that was applied. */
  onProgress?: (progress: FollowProgress) => void
  /** Called while the rows that were there are copied. */
  onSnapshot?: (progress: { readonly table: string; readonly rows: number; readonly done: boolean }) => void
  onStatus?: (status: SourceStatus) => void
  /** The store was lost, and is asked again after a pause. */
  onTargetLost?: (error: TargetLostError, retryMs: number) => void
  onWarning?: (message: string) => void
}

/** Sums since the start of this call, and where that is in the source. */
export interface FollowProgress extends Pick<SourcePosition, 'file' | 'position' | 'gtids'> {
  readonly transactions: number
  readonly rows: number
  /** When the last transaction was committed at the source, in seconds since 1970; 0: none was yet. */
  readonly timestamp: number
}

const TARGET_DELAY_MS = 100
const TARGET_DELAY_MS_MAX = 2_000

/**
 * Follows until the signal aborts, or for ever.
 * @throws {BinlogError} when it cannot go on without losing or inventing something; the store is at the last whole
 * transaction, or inside of a large one, where it goes on
 */
export async function follow(options: FollowOptions): Promise<void> {
  const { into, signal, onTargetLost, mapping, name = 'default', onPurged = 'stop', onWarning } = options
  if (onPurged === 'snapshot') checkAnew(mapping)
  /** What had been applied when it began anew: once more without anything in between would be for ever. */
  let anewAt = -1
  const sums = { transactions: 0, rows: 0 }
  const checked = await check(options)
  let delayMs = TARGET_DELAY_MS
  let isOpen = true
  for (;;) {
    const before = sums.transactions + sums.rows
    try {
      if (!isOpen) await into.reopen?.()
      isOpen = true
      await followOnce(options, checked, sums)
      return
    } catch (error) {
      signal?.throwIfAborted()
      if (onPurged === 'snapshot' && isPurged(error) && anewAt !== sums.transactions) {
        anewAt = sums.transactions
        onWarning?.(`${(error as Error).message}: taking a new snapshot`)
        await requestSnapshot({ mapping, into, name })
        continue
      }
      if (!(error instanceof TargetLostError) || into.reopen === undefined) throw error
      isOpen = false
      delayMs = sums.transactions + sums.rows > before ? TARGET_DELAY_MS : Math.min(TARGET_DELAY_MS_MAX, delayMs * 2)
      onTargetLost?.(error, delayMs)
      await sleep(delayMs, undefined, aborted(signal))
    }
  }
}

async function followOnce(
  options: FollowOptions, { known, beginning }: Checked, sums: { transactions: number; rows: number },
): Promise<void> {
  const { mapping, into, name = 'default', signal, onWarning = () => undefined } = options
  const state = stateOf(into, name)
  const start = await startOf(options, state, beginning, sums)
  let at: Pick<SourcePosition, 'file' | 'position' | 'gtids'> = start
  let timestamp = 0
  const failing = new AbortController()
  const ahead = new ApplyAhead({
    state, signal,
    onApplied: (batch) => {
      sums.transactions += batch.transactions
      sums.rows += batch.rows
      if (batch.reached.type === 'position') at = batch.reached.position
      timestamp = batch.timestamp ?? timestamp
      const { file, position, gtids } = at
      options.onProgress?.({ ...sums, file, position, gtids, timestamp })
    },
    // Also where the source has nothing to say for a while.
    onFailure: (error) => failing.abort(error),
  })
  const applier = new Applier({ mapping, state: ahead.lookups(), part: await state.part(), known, onWarning })
  const source = readSource({
    ...options,
    signal: signal === undefined ? failing.signal : AbortSignal.any([signal, failing.signal]),
    start,
    schemas: mapping.schemas,
    wants: (schema, table) => mapping.of(schema, table) !== undefined,
    touches: (schema, sql) => mapping.touches(schema, sql),
  })
  try {
    for await (const outputs of source) {
      for await (const batch of applier.batches(outputs)) await ahead.apply(batch)
      if (options.semiSync !== true) continue
      // Pulling the next batch acknowledges this one.
      await ahead.settled()
      await state.synced()
    }
  } finally {
    // Whatever ended it: what is on its way into the store is the end, and if that fails, why.
    await ahead.settled()
    await state.settle().catch(() => undefined) // what is not written down is found out by who begins
  }
  await state.synced()
}

/** Where to begin; what is found out now is kept at once, so that an end before the first event loses nothing. */
async function startOf(
  options: FollowOptions, state: FollowState, beginning: SourcePosition, sums: { rows: number },
): Promise<SourcePosition> {
  const { sources, mapping, signal, onSnapshot } = options
  const isAnew = await state.isAnew()
  if (isAnew) await forgetRows(mapping, state, signal)
  const known = await state.position()
  if (known !== null) return known
  const start = isAnew ? 'snapshot' : options.start ?? 'now'
  if (start === 'snapshot') {
    const onRows = (table: string, rows: number, done: boolean): void => {
      if (done) sums.rows += rows
      onSnapshot?.({ table, rows, done })
    }
    return takeSnapshot({ sources, mapping, state, onRows, ...aborted(signal) })
  }
  const position = typeof start === 'string' ? beginning : start
  await state.begin(position)
  return position
}

const aborted = (signal: AbortSignal | undefined): { signal?: AbortSignal } => signal === undefined ? {} : { signal }

/** Columns of each table, and what 'now' or 'oldest' is. */
interface Checked { known: Map<string, ReadonlySet<string>>; beginning: SourcePosition }

/** Holds the mapping against the first source that answers. */
async function check({ sources, mapping, signal, start = 'now' }: FollowOptions): Promise<Checked> {
  let last: unknown = new TypeError('at least one source is needed')
  for (const address of sources) {
    try {
      await using connection = await SourceConnection.connect({ ...address, ...aborted(signal) })
      const facts = await askFacts(connection)
      const schemas = await askSchemas(connection, mapping.schemas)
      const problems = checkMapping(mapping, schemas, facts)
      if (problems.length > 0) throw new MappingError(`the mapping does not fit the source:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
      const known = new Map([...schemas].map(([table, { columns }]) => {
        return [table, new Set(columns.map(({ name }) => name))]
      }))
      const oldest = { flavour: facts.flavour, server: facts.server, file: '', position: 4, gtids: '' }
      return { known, beginning: start === 'now' ? await askPosition(connection, facts) : oldest }
    } catch (error) {
      if (error instanceof UnsupportedError || error instanceof MappingError) throw error
      last = error
    }
  }
  throw last
}
