/**
 * Mapping: which tables are followed and what becomes of their rows, declared, not programmed. Checked whole before
 * anything is connected: an unknown word is an error, not a setting that does nothing.
 */
import { createHash } from 'node:crypto'
import { parse as parseYaml } from 'yaml'
import { KeyTemplate, parseShard, SHARD } from './key-template.js'
import { expandTables } from './table-pattern.js'

export type ValueType = 'hash' | 'msgpack' | 'json' | 'string'
/** delete: the keys of the table go. */
export type Policy = 'stop' | 'ignore' | 'delete'
/** hide: `***`. hash: SHA-256, so equal values stay equal. last4: all but the last four characters. */
export type Mask = 'hide' | 'hash' | 'last4'

/** As it is written. */
export interface TableMappingOptions {
  /** `ds${0..1}.t_order_${0..1}` */
  table: string
  /** `order:{${user_id}}:${order_id}` */
  key: string
  /** @default 'hash' */
  type?: ValueType
  /** @default all */
  columns?: readonly string[]
  /** column -> field */
  rename?: Readonly<Record<string, string>>
  /** A NULL is no field, or an empty one. @default 'drop' */
  nulls?: 'drop' | 'empty'
  /** Time to live from the last change of the row. @default none */
  ttlMs?: number
  /** Only rows whose columns have this value, or one of these. */
  where?: Readonly<Record<string, string | number | readonly (string | number)[]>>
  mask?: Readonly<Record<string, Mask>>
  /** `order_id % 4`, for `${shard}` in the key. */
  shard?: string
  /** The key is unique though the primary key is not in it. @default false */
  unique?: boolean
  /** @default 'stop', each */
  onTruncate?: Policy
  onDrop?: Policy
  onRename?: Policy
  /** Columns that appear later. @default 'include' where `columns` is not given */
  onNewColumn?: 'include' | 'ignore' | 'stop'
}

export interface TableMapping {
  /** As it is written, for messages. */
  readonly pattern: string
  readonly key: KeyTemplate
  readonly type: ValueType
  /** null: all. */
  readonly columns: ReadonlySet<string> | null
  readonly rename: ReadonlyMap<string, string>
  readonly nulls: 'drop' | 'empty'
  readonly ttlMs: number | null
  readonly where: ReadonlyMap<string, ReadonlySet<string>>
  readonly mask: ReadonlyMap<string, Mask>
  readonly shard: { readonly column: string; readonly count: number } | null
  readonly unique: boolean
  readonly onTruncate: Policy
  readonly onDrop: Policy
  readonly onRename: Policy
  readonly onNewColumn: 'include' | 'ignore' | 'stop'
}

export class Mapping {
  /** By `schema.table`. */
  readonly tables: ReadonlyMap<string, TableMapping>
  /** Of what is written: another one may order or choose rows differently. */
  readonly fingerprint: string

  /** @throws {TypeError} with what is wrong and where */
  constructor(options: { tables: readonly TableMappingOptions[] }) {
    const tables = new Map<string, TableMapping>()
    for (const [i, item] of list(options.tables, 'tables').entries()) {
      const where = `tables[${i}]`
      const mapping = readTable(record(item, where, WORDS), where)
      for (const name of expandTables(mapping.pattern)) {
        if (tables.has(name)) throw new TypeError(`${where}: ${name} is mapped already`)
        tables.set(name, mapping)
      }
    }
    if (tables.size === 0) throw new TypeError('a mapping without tables')
    checkDeletes(tables)
    this.tables = tables
    this.fingerprint = createHash('sha256').update(JSON.stringify(options.tables)).digest('hex').slice(0, 16)
  }

  /** From YAML, or JSON; `source` in it is for who connects (parseSourceFile). @throws {TypeError} */
  static parse(text: string): Mapping {
    return new Mapping(mappingDocument(text) as unknown as { tables: TableMappingOptions[] })
  }

  get schemas(): string[] { return [...new Set([...this.tables.keys()].map((name) => name.slice(0, name.indexOf('.'))))] }

  of(schema: string, table: string): TableMapping | undefined { return this.tables.get(`${schema}.${table}`) }

  /** May a statement that was logged as text concern us: is a database or a table of ours named or current? */
  touches(schema: string, sql: string): boolean {
    if (this.schemas.includes(schema)) return true
    const text = sql.toLowerCase()
    return [...this.tables.keys()].some((name) => text.includes(name.slice(name.indexOf('.') + 1).toLowerCase()))
  }
}

/** What a mapping's text says, its parts not looked at. @throws {TypeError} */
export function mappingDocument(text: string): Record<string, unknown> {
  let document: unknown
  try {
    // No aliases: a few lines of them can stand for gigabytes.
    document = parseYaml(text, { maxAliasCount: 0 })
  } catch (cause) {
    throw new TypeError(`the mapping is no YAML: ${(cause as Error).message}`, { cause })
  }
  return record(document, 'the mapping', ['source', 'tables'])
}

const WORDS = [
  'table', 'key', 'type', 'columns', 'rename', 'nulls', 'ttlMs', 'where', 'mask', 'shard', 'unique', 'onTruncate', 'onDrop', 'onRename',
  'onNewColumn',
] as const satisfies (keyof TableMappingOptions)[]

function readTable(item: Record<string, unknown>, at: string): TableMapping {
  const key = new KeyTemplate(text(item.key, `${at}.key`))
  const shard = item.shard === undefined ? null : parseShard(text(item.shard, `${at}.shard`))
  if (key.names.includes(SHARD) && shard === null) throw new TypeError(`${at}.key uses \${shard}, and there is no shard`)
  const columns = item.columns === undefined ? null : new Set(list(item.columns, `${at}.columns`).map((name) => text(name, `${at}.columns`)))
  const ttlMs = item.ttlMs === undefined ? null : item.ttlMs
  if (ttlMs !== null && !(Number.isSafeInteger(ttlMs) && (ttlMs as number) > 0)) throw new TypeError(`${at}.ttlMs: expected milliseconds`)
  const type = word(item.type, `${at}.type`, ['hash', 'msgpack', 'json', 'string'])
  if (type === 'string' && columns?.size !== 1) throw new TypeError(`${at}: type string needs exactly one of columns`)
  const rename = new Map(entries(item.rename, `${at}.rename`).map(([name, field]) => [name, text(field, `${at}.rename`)]))
  if (new Set(rename.values()).size !== rename.size) throw new TypeError(`${at}.rename gives two columns one name`)
  if (item.unique !== undefined && typeof item.unique !== 'boolean') throw new TypeError(`${at}.unique: expected true or false`)
  const policy = (name: 'onTruncate' | 'onDrop' | 'onRename'): Policy => word(item[name], `${at}.${name}`, ['stop', 'ignore', 'delete'])
  return {
    pattern: text(item.table, `${at}.table`), key, shard, columns, type, rename, ttlMs: ttlMs as number | null,
    nulls: word(item.nulls, `${at}.nulls`, ['drop', 'empty']),
    where: new Map(entries(item.where, `${at}.where`).map(([name, value]) => [name, new Set((Array.isArray(value) ? value : [value]).map(String))])),
    mask: new Map(entries(item.mask, `${at}.mask`).map(([name, mask]) => [name, word(mask, `${at}.mask.${name}`, ['hide', 'hash', 'last4'])])),
    unique: item.unique === true, onTruncate: policy('onTruncate'), onDrop: policy('onDrop'), onRename: policy('onRename'),
    onNewColumn: word(item.onNewColumn, `${at}.onNewColumn`, ['include', 'ignore', 'stop']),
  }
}

/**
 * Keys of a table can only be found, to be deleted, if no other table's keys can look like them. @throws {TypeError}
 */
function checkDeletes(tables: ReadonlyMap<string, TableMapping>): void {
  for (const [name, mapping] of tables) {
    const policy = POLICIES.find((word) => mapping[word] === 'delete')
    if (policy === undefined) continue
    const { prefix, text } = mapping.key
    const others = [OWN_PREFIX, ...[...tables].flatMap(([other, { key }]) => other === name ? [] : [key.prefix])]
    const alike = others.find((other) => other.startsWith(prefix) || prefix.startsWith(other))
    if (alike !== undefined) {
      throw new TypeError(`${name}: ${policy}: delete, but its keys ('${text}') cannot be told from others that begin with '${alike}': ` +
        'each such table needs a template that begins with a fixed text of its own')
    }
  }
}

const POLICIES = ['onTruncate', 'onDrop', 'onRename'] as const
/** What the follower keeps for itself. */
const OWN_PREFIX = '__binlog:'

export function record(value: unknown, at: string, words?: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${at}: expected names and values`)
  const unknown = words === undefined ? undefined : Object.keys(value).find((name) => !words.includes(name))
  if (unknown !== undefined) throw new TypeError(`${at}: '${unknown}' is no word of a mapping`)
  return value as Record<string, unknown>
}

const entries = (value: unknown, at: string): [string, unknown][] =>
  value === undefined ? [] : Object.entries(record(value, at))

export function list(value: unknown, at: string): unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${at}: expected a list`)
  return value as unknown[]
}

export function text(value: unknown, at: string): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`${at}: expected text`)
  return value
}

/** One of `words`; the first one is the default. */
export function word<W extends string>(value: unknown, at: string, words: readonly [W, ...W[]]): W {
  if (value === undefined) return words[0]
  const found = words.find((item) => item === value)
  if (found === undefined) throw new TypeError(`${at}: expected one of ${words.join(', ')}, found ${JSON.stringify(value)}`)
  return found
}
