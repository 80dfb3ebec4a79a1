/** Does a mapping fit the tables that it names? Everything that is wrong at once, before the first event. */
import type { TableSchema } from '../rows/table-map.js'
import type { SourceFacts } from '../source/source-facts.js'
import { SHARD } from './key-template.js'
import type { Mapping, TableMapping } from './mapping.js'
import { namesOf } from './row-writer.js'

/** @returns sentences; none if it fits */
export function checkMapping(mapping: Mapping, schemas: ReadonlyMap<string, TableSchema>, facts: Pick<SourceFacts, 'rowImage'>): string[] {
  const problems: string[] = []
  for (const [name, table] of mapping.tables) {
    const schema = schemas.get(name)
    if (schema === undefined) problems.push(`${name} does not exist`)
    else problems.push(...checkTable(table, schema, facts.rowImage).map((problem) => `${name}: ${problem}`))
  }
  return problems
}

function checkTable(mapping: TableMapping, { columns, primaryKey }: TableSchema, rowImage: string): string[] {
  const problems: string[] = []
  const there = new Set(columns.map(({ name }) => name))
  for (const name of namesOf(mapping)) if (!there.has(name)) problems.push(`there is no column ${name}`)
  const inKey = new Set(mapping.key.names)
  if (mapping.unique) {
    // Taken at its word.
  } else if (primaryKey.length === 0) {
    problems.push('no primary key: rows cannot be told apart (unique: true, if the key is unique all the same)')
  } else {
    const missing = primaryKey.filter((name) => !inKey.has(name))
    if (missing.length > 0) problems.push(`the key lacks ${missing.join(', ')} of the primary key: rows would share keys (unique: true, if they do not)`)
  }
  // Under other images updates and deletes tell the primary key only, so everything else in a key would be unknown.
  const image = rowImage.toUpperCase()
  if (image !== 'FULL' && image !== 'FULL_NODUP') {
    const needed = [...inKey, ...(mapping.shard === null ? [] : [mapping.shard.column]), ...mapping.where.keys()]
    const isColumn = (name: string): boolean => name !== SHARD || mapping.shard === null
    const outside = [...new Set(needed)].filter((name) => isColumn(name) && !primaryKey.includes(name))
    if (outside.length > 0) problems.push(`binlog_row_image is ${image}: ${outside.join(', ')} would be missing in updates and deletes; set it to FULL`)
    else if (mapping.type !== 'hash') problems.push(`binlog_row_image is ${image}: type ${mapping.type} needs whole rows; set it to FULL`)
  }
  return problems
}
