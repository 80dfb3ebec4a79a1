/**
 * follow: rows of a source into a store, exactly once. A transaction's rows and the position behind them change in
 * one atomic batch, so whatever ends the process, the store says itself where to go on. Semi-sync acknowledges, and
 * progress is reported, only what survives a power cut of the store.
 * Before the first event the mapping is held against the live schema. Decision 0020.
 */
import { UnsupportedError } from '../errors.js'
import type { Mapping } from '../mapping/mapping.js'
import { checkMapping } from '../mapping/check-mapping.js'
import { SourceConnection } from '../source/connection.js'
import { type ReadSourceOptions, readSource, type SourceStatus } from '../source/read-source.js'
import { askFacts, askSchemas } from '../source/source-facts.js'
import type { SourcePosition } from '../stream/position.js'
import { Applier } from './applier.js'
import { takeSnapshot } from './snapshot.js'
import { TargetState, type TargetStore } from './target.js'

export interface FollowOptions extends Pick<ReadSourceOptions,
  'sources' | 'serverId' | 'heartbeatMs' | 'semiSync' | 'missingCascades' | 'maxTransactionBytes' | 'maxUncompressedBytes' |
  'reconnectDelayMs' | 'reconnectDelayMsMax' | 'signal' | 'untilEnd'> {
  mapping: Mapping
  into: TargetStore
  /** Of this follower: the position is kept under it. @default 'default' */
  name?: string
  /**
   * Where a follower begins that has no position yet. 'snapshot': with the rows that are there, then everything
   * since; until it has caught up the store is no picture of one moment. @default 'now'
   */
  start?: ReadSourceOptions['start'] | 'snapshot'
  /** Called after each batch that was applied. */
  onProgress?: (progress: FollowProgress) => void
  onStatus?: (status: SourceStatus) => void
  onWarning?: (message: string) => void
}

/** Sums since the start of this call, and where that is in the source. */
export interface FollowProgress extends Pick<SourcePosition, 'file' | 'position' | 'gtids'> {
  readonly transactions: number
  readonly rows: number
}

/**
 * Follows until the signal aborts, or for ever.
 * @throws {BinlogError} when it cannot go on without losing or inventing something; the store is at the last whole
 * transaction
 */
export async function follow(options: FollowOptions): Promise<void> {
  const { mapping, into, name = 'default', signal, onWarning = () => undefined } = options
  const state = new TargetState(into, name)
  const known = await check(options)
  const applier = new Applier(mapping, state, known, onWarning)
  const sums = { transactions: 0, rows: 0 }
  let start = state.position() ?? options.start ?? 'now'
  if (start === 'snapshot') {
    start = await takeSnapshot({
      sources: options.sources, mapping, state, onRows: (count) => { sums.rows += count }, ...aborted(signal),
    })
  }
  const source = readSource({
    ...options,
    start,
    schemas: mapping.schemas,
    wants: (schema, table) => mapping.of(schema, table) !== undefined,
    touches: (schema, sql) => mapping.touches(schema, sql),
  })
  for await (const outputs of source) {
    for (const batch of applier.batches(outputs)) {
      signal?.throwIfAborted()
      state.apply(batch.commands, batch.position)
      sums.transactions += batch.transactions
      sums.rows += batch.rows
      const { file, position, gtids } = batch.position
      options.onProgress?.({ ...sums, file, position, gtids })
    }
    // Pulling the next batch acknowledges this one.
    if (options.semiSync === true) await state.synced()
  }
}

const aborted = (signal: AbortSignal | undefined): { signal?: AbortSignal } => signal === undefined ? {} : { signal }

/** Holds the mapping against the first source that answers. @returns columns of each table */
async function check({ sources, mapping, signal }: FollowOptions): Promise<Map<string, ReadonlySet<string>>> {
  let last: unknown = new TypeError('at least one source is needed')
  for (const address of sources) {
    try {
      await using connection = await SourceConnection.connect({ ...address, ...aborted(signal) })
      const facts = await askFacts(connection)
      const schemas = await askSchemas(connection, mapping.schemas)
      const problems = checkMapping(mapping, schemas, facts)
      if (problems.length > 0) throw new UnsupportedError(`the mapping does not fit the source:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
      return new Map([...schemas].map(([table, { columns }]) => [table, new Set(columns.map((column) => column.name))]))
    } catch (error) {
      if (error instanceof UnsupportedError) throw error
      last = error
    }
  }
  throw last
}
