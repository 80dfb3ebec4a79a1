/**
 * A dry run: the mapping held against the live tables, and what would become of some of their rows. Nothing is written
 * anywhere, and nothing is read that is not asked for.
 */
import { checkMapping } from '../mapping/check-mapping.js'
import type { Mapping } from '../mapping/mapping.js'
import { type Command, RowWriter } from '../mapping/row-writer.js'
import { type ConnectionOptions, SourceConnection } from '../source/connection.js'
import { askFacts, askSchemas, type SourceFacts } from '../source/source-facts.js'
import { selectRows, tableOf } from './table-rows.js'

export interface DryRunOptions {
  /** Only the first is asked. */
  sources: readonly ConnectionOptions[]
  mapping: Mapping
  /** Rows of each table. @default 3 */
  samples?: number
  signal?: AbortSignal
}

export interface DryRunReport {
  readonly facts: SourceFacts
  /** Everything that does not fit; nothing was sampled then. */
  readonly problems: readonly string[]
  readonly tables: readonly {
    readonly table: string
    /** As the source estimates it. */
    readonly rows: number
    /** Commands of each sample row, as a snapshot would run them; none for rows that `where` leaves out. */
    readonly samples: readonly (readonly Command[])[]
    /** Why a sample could not be written. */
    readonly problem: string | null
  }[]
}

/** @throws {BinlogError} if the source cannot be asked */
export async function dryRun({ sources, mapping, samples = 3, signal }: DryRunOptions): Promise<DryRunReport> {
  const [address] = sources
  if (address === undefined) throw new TypeError('at least one source is needed')
  await using connection = await SourceConnection.connect({ ...address, ...(signal === undefined ? {} : { signal }) })
  const facts = await askFacts(connection)
  const schemas = await askSchemas(connection, mapping.schemas)
  const problems = [...logProblems(facts), ...checkMapping(mapping, schemas, facts)]
  if (problems.length > 0) return { facts, problems, tables: [] }
  await connection.query('SET time_zone=\'+00:00\'')
  const tables: DryRunReport['tables'][number][] = []
  for (const [table, own] of mapping.tables) {
    const schema = schemas.get(table)!
    const writer = new RowWriter(tableOf(table, schema, facts), own)
    const written: Command[][] = []
    let problem: string | null = null
    for await (const rows of selectRows(connection, table, schema, samples)) {
      for (const row of rows) {
        const commands: Command[] = []
        try {
          writer.write('insert', null, row, commands)
        } catch (error) {
          // The rest of the result has to be read.
          problem ??= (error as Error).message
        }
        written.push(commands)
      }
    }
    tables.push({ table, rows: await estimate(connection, table), samples: written, problem })
  }
  return { facts, problems, tables }
}

function logProblems({ binlogFormat }: SourceFacts): string[] {
  return binlogFormat === 'ROW' ? [] : [`binlog_format is ${binlogFormat}: changes are logged as statements, from which rows cannot be known; set it to ROW`]
}

async function estimate(connection: SourceConnection, name: string): Promise<number> {
  const dot = name.indexOf('.')
  const [schema, table] = [name.slice(0, dot), name.slice(dot + 1)].map((part) => `X'${Buffer.from(part).toString('hex')}'`)
  const row = await connection.queryOne(`SELECT TABLE_ROWS AS estimate FROM information_schema.TABLES WHERE TABLE_SCHEMA=${schema} AND TABLE_NAME=${table}`)
  return Number(row?.estimate ?? 0)
}
