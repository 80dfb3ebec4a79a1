/**
 * What the text of a QUERY is: the part of SQL that a follower of rows has to know. Comments stand in front of
 * keywords, names are quoted or not and may have a database in front. What is not recognised is `other`, and changes
 * no rows: every statement that can is named here.
 */

export interface TableName { readonly schema: string; readonly table: string }

export type Statement =
  | { readonly kind: 'begin' | 'commit' | 'rollback' | 'savepoint' | 'rollbackTo' }
  | { readonly kind: 'xa'; readonly verb: 'start' | 'end' | 'prepare' | 'commit' | 'rollback'; readonly xid: string; readonly onePhase: boolean }
  /** Rows changed without row events. */
  | { readonly kind: 'dml'; readonly verb: string }
  | { readonly kind: 'truncate' | 'dropTable' | 'createTable' | 'alterTable'; readonly tables: readonly TableName[] }
  /** MariaDB's CREATE OR REPLACE: the rows that were there are gone. */
  | { readonly kind: 'replaceTable'; readonly tables: readonly TableName[] }
  /** Rows of a partition come or go without row events. */
  | { readonly kind: 'changePartition'; readonly tables: readonly TableName[] }
  | { readonly kind: 'dropSchema'; readonly schema: string }
  | { readonly kind: 'renameTable'; readonly renames: readonly { readonly from: TableName; readonly to: TableName }[] }
  | { readonly kind: 'other' }

const OTHER: Statement = { kind: 'other' }
const DML = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'LOAD', 'CALL', 'MERGE', 'DO', 'WITH', 'IMPORT', 'SELECT'])

/** @param schema  the current database, for names without one */
export function readStatement(sql: string, schema: string): Statement {
  // The most frequent ones, as the servers write them themselves.
  if (sql === 'BEGIN') return { kind: 'begin' }
  if (sql === 'COMMIT') return { kind: 'commit' }
  const words = new Words(sql)
  const verb = words.keyword()
  switch (verb) {
    case 'BEGIN': return { kind: 'begin' }
    case 'START': return words.is('TRANSACTION') ? { kind: 'begin' } : OTHER
    case 'COMMIT': return { kind: 'commit' }
    case 'ROLLBACK':
      words.is('WORK')
      return { kind: words.is('TO') ? 'rollbackTo' : 'rollback' }
    case 'SAVEPOINT': case 'RELEASE': return { kind: 'savepoint' }
    case 'XA': return readXa(words)
    case 'TRUNCATE':
      words.is('TABLE')
      return { kind: 'truncate', tables: [words.tableName(schema)] }
    case 'DROP': return readDrop(words, schema)
    case 'RENAME': return words.is('TABLE') || words.is('TABLES') ? readRename(words, schema) : OTHER
    case 'ALTER': return readAlter(words, schema)
    case 'CREATE': return readCreate(words, schema)
    default: return DML.has(verb) ? { kind: 'dml', verb } : OTHER
  }
}

function readXa(words: Words): Statement {
  const verb = words.keyword().toLowerCase()
  if (verb !== 'start' && verb !== 'begin' && verb !== 'end' && verb !== 'prepare' && verb !== 'commit' && verb !== 'rollback') return OTHER
  const rest = words.rest().trim()
  const onePhase = /\bONE\s+PHASE$/i.test(rest)
  const xid = rest.replace(/\s+ONE\s+PHASE$/i, '').replace(/\s+/g, '').toLowerCase().replace(/x'/g, 'X\'')
  return { kind: 'xa', verb: verb === 'begin' ? 'start' : verb, xid, onePhase }
}

function readDrop(words: Words, schema: string): Statement {
  const temporary = words.is('TEMPORARY')
  if (words.is('TABLE') || words.is('TABLES')) {
    words.isAll('IF', 'EXISTS')
    const tables = [words.tableName(schema)]
    while (words.isMark(',')) tables.push(words.tableName(schema))
    return temporary ? OTHER : { kind: 'dropTable', tables }
  }
  if (words.is('DATABASE') || words.is('SCHEMA')) {
    words.isAll('IF', 'EXISTS')
    return { kind: 'dropSchema', schema: words.name() }
  }
  return OTHER
}

function readRename(words: Words, schema: string): Statement {
  words.isAll('IF', 'EXISTS')
  const renames: { from: TableName; to: TableName }[] = []
  do {
    const from = words.tableName(schema)
    while (words.is('WAIT') || words.is('NOWAIT')) words.name()
    if (!words.is('TO')) return OTHER
    renames.push({ from, to: words.tableName(schema) })
  } while (words.isMark(','))
  return { kind: 'renameTable', renames }
}

function readAlter(words: Words, schema: string): Statement {
  while (words.is('ONLINE') || words.is('OFFLINE') || words.is('IGNORE')) { /* MariaDB's words in front */ }
  if (!words.is('TABLE')) return OTHER
  words.isAll('IF', 'EXISTS')
  const table = words.tableName(schema)
  if (PARTITION.test(words.rest())) return { kind: 'changePartition', tables: [table] }
  // ALTER TABLE … RENAME [TO|AS] name, but not RENAME COLUMN, KEY or INDEX.
  const rename = /\bRENAME\s+(?!COLUMN\b|INDEX\b|KEY\b)(?:TO\s+|AS\s+|=\s*)?([`"\w].*)$/is.exec(words.rest())
  if (rename === null) return { kind: 'alterTable', tables: [table] }
  return { kind: 'renameTable', renames: [{ from: table, to: new Words(rename[1]!).tableName(table.schema) }] }
}

/** These words stand alone in an ALTER TABLE, in front. */
const PARTITION = /^(?:(?:TRUNCATE|DROP|EXCHANGE)\s+PARTITION|(?:DISCARD|IMPORT)\s+(?:PARTITION|TABLESPACE)|CONVERT\s+(?:PARTITION|TABLE))\b/i

function readCreate(words: Words, schema: string): Statement {
  const replaces = words.isAll('OR', 'REPLACE')
  if (words.is('TEMPORARY') || !words.is('TABLE')) return OTHER
  words.isAll('IF', 'NOT', 'EXISTS')
  return { kind: replaces ? 'replaceTable' : 'createTable', tables: [words.tableName(schema)] }
}

/** The words of a statement, one after the other; comments and white space are passed over. */
class Words {
  readonly #sql: string
  #at = 0

  constructor(sql: string) { this.#sql = sql }

  /** The next word in capitals; '' if there is none. */
  keyword(): string { return this.#match(/[A-Za-z_]\w*/y)?.toUpperCase() ?? '' }

  /** Takes the next word if it is this one. */
  is(word: string): boolean {
    const at = this.#at
    if (this.keyword() === word) return true
    this.#at = at
    return false
  }

  isAll(...words: string[]): boolean {
    const at = this.#at
    if (words.every((word) => this.is(word))) return true
    this.#at = at
    return false
  }

  isMark(mark: string): boolean {
    this.#skip()
    if (!this.#sql.startsWith(mark, this.#at)) return false
    this.#at += mark.length
    return true
  }

  /** A name, unquoted. */
  name(): string {
    const text = this.#match(/`(?:[^`]|``)*`|"(?:[^"]|"")*"|[^\s`"'(),.;=]+/y) ?? ''
    const quote = text[0]
    if (quote !== '`' && quote !== '"') return text
    return text.slice(1, -1).replaceAll(quote + quote, quote)
  }

  tableName(schema: string): TableName {
    const first = this.name()
    return this.isMark('.') ? { schema: first, table: this.name() } : { schema, table: first }
  }

  rest(): string {
    this.#skip()
    return this.#sql.slice(this.#at)
  }

  #match(pattern: RegExp): string | null {
    this.#skip()
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#sql)
    if (found === null) return null
    this.#at = pattern.lastIndex
    return found[0]
  }

  /** White space and comments; the inside of an executable comment is part of the statement. */
  #skip(): void {
    const blank = /(?:\s+|--[\s][^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|\/\*M?!\d*|\*\/|\/\*(?!M?!)[\s\S]*?\*\/)+/y
    blank.lastIndex = this.#at
    if (blank.test(this.#sql)) this.#at = blank.lastIndex
  }
}
