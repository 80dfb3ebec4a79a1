/**
 * Applier: from the outputs of a stream to batches of commands with the position behind them. Whole transactions
 * only; several small ones share a batch, so that each costs the store little.
 * Prepared XA transactions are kept as the commands that they will be, since a position may pass them.
 */
import { UnsupportedError } from '../errors.js'
import type { Mapping } from '../mapping/mapping.js'
import { type Command, RowWriter } from '../mapping/row-writer.js'
import type { Table } from '../rows/table.js'
import type { SchemaChange, StreamOutput, TableChanges, Transaction } from '../stream/binlog-stream.js'
import type { SourcePosition } from '../stream/position.js'
import type { TableName } from '../stream/statements.js'

/** What is kept of prepared transactions, and how. */
export interface PreparedCommands {
  prepared(xid: string): Command[] | null
  prepare(xid: string, commands: readonly Command[]): Command
  forget(xid: string): Command
}

export interface Batch { readonly commands: Command[]; position: SourcePosition; transactions: number; rows: number }

const BATCH_COMMANDS = 1000

export class Applier {
  readonly #mapping: Mapping
  readonly #prepared: PreparedCommands
  readonly #onWarning: (message: string) => void
  readonly #known: ReadonlyMap<string, ReadonlySet<string>>
  readonly #writers = new WeakMap<Table, RowWriter>()

  /** @param known  columns of each table at the start, by `schema.table` */
  constructor(
    mapping: Mapping, prepared: PreparedCommands, known: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
    onWarning: (message: string) => void = () => undefined,
  ) {
    this.#mapping = mapping
    this.#prepared = prepared
    this.#known = known
    this.#onWarning = onWarning
  }

  /**
   * The batches for these outputs, in order. Each has to be applied before the next is asked for: a commit of what was
   * prepared looks for it in the store.
   * @throws {UnsupportedError} if a row or a statement cannot be applied; what came before it has been yielded
   */
  * batches(outputs: readonly StreamOutput[]): Generator<Batch, void, undefined> {
    let batch: Batch | null = null
    for (const output of outputs) {
      if (output.type === 'heartbeat') continue
      if (output.type === 'warning') {
        this.#onWarning(output.message)
        continue
      }
      const position: SourcePosition = 'transaction' in output ? output.transaction.position : output.position
      if (output.type === 'commitPrepared' && batch !== null) {
        yield batch
        batch = null
      }
      const added: Command[] = []
      let rows = 0
      try {
        rows = this.#commands(output, added)
      } catch (error) {
        if (batch !== null) yield batch
        throw error
      }
      batch ??= { commands: [], position, transactions: 0, rows: 0 }
      for (const command of added) batch.commands.push(command)
      batch.position = position
      batch.rows += rows
      if ('transaction' in output) batch.transactions++
      if (batch.commands.length >= BATCH_COMMANDS) {
        yield batch
        batch = null
      }
    }
    if (batch !== null) yield batch
  }

  #commands(output: Exclude<StreamOutput, { type: 'heartbeat' | 'warning' }>, out: Command[]): number {
    switch (output.type) {
      case 'position': return 0
      case 'transaction': return this.#transaction(output.transaction, out)
      case 'prepare': {
        const later: Command[] = []
        const rows = this.#transaction(output.transaction, later)
        // Kept also if it touches nothing of ours: one that is not known at its commit was prepared before we began.
        out.push(this.#prepared.prepare(output.xid, later))
        return rows
      }
      case 'rollbackPrepared':
        out.push(this.#prepared.forget(output.xid))
        return 0
      case 'commitPrepared': {
        const commands = this.#prepared.prepared(output.xid)
        if (commands === null) {
          throw new UnsupportedError(`XA transaction ${output.xid} was prepared before this follower began, so its rows are not known: take a new snapshot`)
        }
        for (const command of commands) out.push(command)
        out.push(this.#prepared.forget(output.xid))
        return commands.length
      }
    }
  }

  #transaction({ changes }: Transaction, out: Command[]): number {
    let rows = 0
    for (const change of changes) {
      if ('table' in change) rows += this.#rows(change, out)
      else this.#schemaChange(change)
    }
    return rows
  }

  #rows({ table, kind, rows }: TableChanges, out: Command[]): number {
    const mapping = this.#mapping.of(table.schema, table.table)
    if (mapping === undefined) return 0
    let writer = this.#writers.get(table)
    if (writer === undefined) {
      writer = new RowWriter(table, mapping, this.#known.get(`${table.schema}.${table.table}`) ?? null)
      this.#writers.set(table, writer)
    }
    for (const { before, after } of rows) writer.write(kind, before, after, out)
    return rows.length
  }

  #schemaChange({ statement, sql }: SchemaChange): void {
    const stop = (table: TableName, word: 'onTruncate' | 'onDrop' | 'onRename'): void => {
      const mapping = this.#mapping.of(table.schema, table.table)
      if (mapping === undefined) return
      if (mapping[word] === 'stop') throw new UnsupportedError(`${table.schema}.${table.table}: ${sql.slice(0, 200)} (${word}: stop)`)
      this.#onWarning(`${table.schema}.${table.table}: ${sql.slice(0, 200)} was ignored, its keys stay`)
    }
    switch (statement.kind) {
      case 'truncate': return statement.tables.forEach((table) => stop(table, 'onTruncate'))
      case 'dropTable': return statement.tables.forEach((table) => stop(table, 'onDrop'))
      case 'dropSchema':
        for (const name of this.#mapping.tables.keys()) {
          const [schema = '', table = ''] = name.split('.')
          if (schema === statement.schema) stop({ schema, table }, 'onDrop')
        }
        return
      case 'renameTable': {
        // A table that goes and comes back under its name in one statement: an online schema change; its rows were
        // copied.
        const arrives = new Set(statement.renames.map(({ to }) => `${to.schema}.${to.table}`))
        const leaves = new Set(statement.renames.map(({ from }) => `${from.schema}.${from.table}`))
        for (const { from, to } of statement.renames) {
          if (!arrives.has(`${from.schema}.${from.table}`)) stop(from, 'onRename')
          if (!leaves.has(`${to.schema}.${to.table}`)) stop(to, 'onRename')
        }
        return
      }
      // Columns that come or go are seen in the next TABLE_MAP.
      case 'createTable': case 'alterTable': case 'begin': case 'commit': case 'rollback': case 'rollbackTo': case 'savepoint':
      case 'xa': case 'dml': case 'other':
    }
  }
}
