/**
 * Applier: from the outputs of a stream to batches of commands with the position behind them. Whole transactions;
 * several small ones share a batch, so that each costs the store little. A transaction that is too large for memory
 * comes in parts, each with the number of rows that are there; whoever reads meanwhile sees some of it.
 * Prepared XA transactions are kept as the commands that they will be, since a position may pass them.
 */
import { UnsupportedError } from '../errors.js'
import type { Mapping, TableMapping } from '../mapping/mapping.js'
import { type Command, RowWriter } from '../mapping/row-writer.js'
import type { Table } from '../rows/table.js'
import type { SchemaChange, StreamOutput, TableChanges, Transaction } from '../stream/binlog-stream.js'
import type { SourcePosition } from '../stream/position.js'
import type { TableName } from '../stream/statements.js'
import { type Batch, isSamePosition, type TransactionPart, type Unit } from './batch.js'
import type { FollowState } from './state.js'

export interface ApplierOptions {
  mapping: Mapping
  /** What it asks the store, beside applying. */
  state: Pick<FollowState, 'prepared' | 'prepare' | 'forget' | 'keys'>
  /** What is there of a transaction whose end was not reached. @default nothing */
  part?: TransactionPart | null
  /** Columns of each table at the start, by `schema.table`. */
  known?: ReadonlyMap<string, ReadonlySet<string>>
  onWarning?: (message: string) => void
}

/** Outputs that are somewhere in the source. */
type Placed = Exclude<StreamOutput, { type: 'heartbeat' | 'warning' }>

const BATCH_COMMANDS = 1000
/** Parts of large transactions end at multiples of this, so they are the same ones whenever they are made. */
const PART_ROWS = 500
/** Of DEL, in one batch. */
const BATCH_KEYS = 1000

export class Applier {
  readonly #mapping: Mapping
  readonly #state: ApplierOptions['state']
  readonly #onWarning: (message: string) => void
  readonly #known: ReadonlyMap<string, ReadonlySet<string>>
  readonly #writers = new WeakMap<Table, RowWriter>()
  #part: TransactionPart | null

  constructor({ mapping, state, part = null, known = new Map(), onWarning = () => undefined }: ApplierOptions) {
    this.#mapping = mapping
    this.#state = state
    this.#part = part
    this.#known = known
    this.#onWarning = onWarning
  }

  /**
   * The batches for these outputs, in order. Each has to be in the store before `state` answers what is asked behind
   * it: a commit of what was prepared looks for it there, and keys are looked for that are to be deleted.
   * @throws {UnsupportedError} if a row or a statement cannot be applied; what came before it has been yielded
   */
  async* batches(outputs: readonly StreamOutput[]): AsyncGenerator<Batch, void, undefined> {
    let open = new OpenBatch()
    for (const output of outputs) {
      if (output.type === 'heartbeat') continue
      if (output.type === 'warning') {
        this.#onWarning(output.message)
        continue
      }
      if (this.#part !== null && 'transaction' in output) this.#rowsThere(output.transaction)
      const isApart = output.type === 'transaction' && this.#isApart(output.transaction)
      if ((isApart || output.type === 'commitPrepared') && !open.isEmpty) {
        yield open.batch()
        open = new OpenBatch()
      }
      if (isApart) {
        yield* this.#apart(output.transaction)
        continue
      }
      const added: Command[] = []
      let rows = 0
      try {
        rows = await this.#commands(output, added)
      } catch (error) {
        if (!open.isEmpty) yield open.batch()
        throw error
      }
      open.add(output, added, rows, this.#endsPart(output))
      if (open.commands.length >= BATCH_COMMANDS) {
        yield open.batch()
        open = new OpenBatch()
      }
    }
    if (!open.isEmpty) yield open.batch()
  }

  /** Does it need batches of its own: since it is large, was begun, or deletes keys? */
  #isApart({ spilled, changesSchema }: Transaction): boolean { return spilled || changesSchema || this.#part !== null }

  async* #apart(transaction: Transaction): AsyncGenerator<Batch, void, undefined> {
    const { position, spilled } = transaction
    const mapping = this.#mapping.fingerprint
    const there = this.#rowsThere(transaction)
    const inParts = spilled || this.#part !== null
    let commands: Command[] = []
    let rows = 0
    let fresh = 0
    for (const change of transaction.changes) {
      if ('statement' in change) {
        for (const table of this.#schemaChange(change)) yield* this.#deletions(table, position)
        continue
      }
      const writer = this.#writer(change)
      if (writer === null) continue
      for (const { before, after } of change.rows) {
        if (rows++ < there) continue
        writer.write(change.kind, before, after, commands)
        fresh++
        if (inParts && rows % PART_ROWS === 0 && commands.length > 0) {
          yield { commands, reached: { type: 'part', part: { position, rows, mapping } }, transactions: 0, rows: fresh }
          commands = []
          fresh = 0
        }
      }
    }
    this.#part = null
    yield { commands, reached: { type: 'position', position, endsPart: inParts }, transactions: 1, rows: fresh, timestamp: transaction.timestamp }
  }

  /**
   * How many rows of it are in the store already. Counted by another mapping they say nothing: it begins anew, which
   * whole rows do not mind.
   * @throws {UnsupportedError} if the store has a part of another transaction
   */
  #rowsThere({ position }: Transaction): number {
    const part = this.#part
    if (part === null) return 0
    if (!isSamePosition(part.position, position)) {
      const { file, position: at, gtids } = part.position
      throw new UnsupportedError(`a transaction was applied up to its row ${part.rows} and is not what this source has next ` +
        `(it ends at ${file} ${at}${gtids === '' ? '' : `, ${gtids}`}): take a new snapshot`)
    }
    return part.mapping === this.#mapping.fingerprint ? part.rows : 0
  }

  /** Has what was there in part come to nothing, since nobody wants it any more? */
  #endsPart(output: StreamOutput): boolean {
    if (this.#part === null || output.type !== 'position' || !isSamePosition(this.#part.position, output.position)) return false
    this.#part = null
    return true
  }

  /** Deletes the keys of a table, in batches. Whatever ends it, the statement comes again and finds what is left. */
  async* #deletions(mapping: TableMapping, position: SourcePosition): AsyncGenerator<Batch, void, undefined> {
    let keys: string[] = []
    const batch = (): Batch => ({ commands: keys.map((key) => ['DEL', key]), reached: { type: 'nothing', position }, transactions: 0, rows: 0 })
    for await (const key of this.#state.keys(mapping.key.glob)) {
      if (!mapping.key.matches(key)) continue
      keys.push(key)
      if (keys.length < BATCH_KEYS) continue
      yield batch()
      keys = []
    }
    if (keys.length > 0) yield batch()
  }

  async #commands(output: Placed, out: Command[]): Promise<number> {
    switch (output.type) {
      case 'position': return 0
      case 'transaction': return this.#transaction(output.transaction, out)
      case 'prepare': {
        const later: Command[] = []
        const rows = this.#transaction(output.transaction, later)
        // Kept also if it touches nothing of ours: one that is not known at its commit was prepared before we began.
        out.push(this.#state.prepare(output.xid, later))
        return rows
      }
      case 'rollbackPrepared':
        out.push(this.#state.forget(output.xid))
        return 0
      case 'commitPrepared': {
        const commands = await this.#state.prepared(output.xid)
        if (commands === null) {
          throw new UnsupportedError(`XA transaction ${output.xid} was prepared before this follower began, so its rows are not known: take a new snapshot`)
        }
        for (const command of commands) out.push(command)
        out.push(this.#state.forget(output.xid))
        return commands.length
      }
    }
  }

  #transaction({ changes }: Transaction, out: Command[]): number {
    let count = 0
    for (const change of changes) {
      if ('statement' in change) continue
      const writer = this.#writer(change)
      if (writer === null) continue
      for (const { before, after } of change.rows) writer.write(change.kind, before, after, out)
      count += change.rows.length
    }
    return count
  }

  /** null for tables that are not mapped. */
  #writer({ table }: TableChanges): RowWriter | null {
    const mapping = this.#mapping.of(table.schema, table.table)
    if (mapping === undefined) return null
    let writer = this.#writers.get(table)
    if (writer === undefined) {
      writer = new RowWriter(table, mapping, this.#known.get(`${table.schema}.${table.table}`) ?? null)
      this.#writers.set(table, writer)
    }
    return writer
  }

  /** @returns the mappings whose keys are to be deleted @throws {UnsupportedError} where the policy is to stop */
  #schemaChange({ statement, sql }: SchemaChange): TableMapping[] {
    const deleted: TableMapping[] = []
    const policy = (name: TableName, word: 'onTruncate' | 'onDrop' | 'onRename', why: string | null = null): void => {
      const mapping = this.#mapping.of(name.schema, name.table)
      if (mapping === undefined) return
      const what = `${name.schema}.${name.table}: ${sql.slice(0, 200)}`
      const told = mapping[word]
      if (told === 'ignore') this.#onWarning(`${what} was ignored, its keys stay`)
      else if (told === 'delete' && why === null) deleted.push(mapping)
      else throw new UnsupportedError(`${what} (${word}: ${told}${why === null ? '' : `: ${why}`})`)
    }
    switch (statement.kind) {
      case 'truncate': statement.tables.forEach((table) => policy(table, 'onTruncate')); break
      case 'changePartition':
        statement.tables.forEach((table) => policy(table, 'onTruncate', 'which rows are in a partition is not known'))
        break
      case 'dropTable': case 'replaceTable': statement.tables.forEach((table) => policy(table, 'onDrop')); break
      case 'dropSchema':
        for (const name of this.#mapping.tables.keys()) {
          const [schema = '', table = ''] = name.split('.')
          if (schema === statement.schema) policy({ schema, table }, 'onDrop')
        }
        break
      case 'renameTable': {
        // A table that goes and comes back under its name in one statement: an online schema change; its rows were
        // copied.
        const arrives = new Set(statement.renames.map(({ to }) => `${to.schema}.${to.table}`))
        const leaves = new Set(statement.renames.map(({ from }) => `${from.schema}.${from.table}`))
        for (const { from, to } of statement.renames) {
          if (!arrives.has(`${from.schema}.${from.table}`)) policy(from, 'onRename')
          if (!leaves.has(`${to.schema}.${to.table}`)) policy(to, 'onRename', 'the rows that it brings along are not known')
        }
        break
      }
      // Columns that come or go are seen in the next TABLE_MAP.
      case 'createTable': case 'alterTable': case 'begin': case 'commit': case 'rollback': case 'rollbackTo': case 'savepoint':
      case 'xa': case 'dml': case 'other':
    }
    return deleted
  }
}

/** Small transactions that share a batch. */
class OpenBatch {
  readonly commands: Command[] = []
  readonly #units: Unit[] = []
  #last: Placed | null = null
  #endsPart = false
  #transactions = 0
  #rows = 0
  #timestamp = 0

  get isEmpty(): boolean { return this.#last === null }

  add(output: Placed, commands: readonly Command[], rows: number, endsPart: boolean): void {
    for (const command of commands) this.commands.push(command)
    this.#last = output
    this.#units.push({ end: this.commands.length, position: positionOf(output) })
    this.#endsPart ||= endsPart
    this.#rows += rows
    if (!('transaction' in output)) return
    this.#transactions++
    this.#timestamp = output.transaction.timestamp
  }

  batch(): Batch {
    return {
      commands: this.commands, units: this.#units, reached: { type: 'position', position: positionOf(this.#last!), endsPart: this.#endsPart },
      transactions: this.#transactions, rows: this.#rows,
      ...(this.#timestamp === 0 ? {} : { timestamp: this.#timestamp }),
    }
  }
}

const positionOf = (output: Placed): SourcePosition => 'transaction' in output ? output.transaction.position : output.position
