/**
 * Key templates: `order:{${user_id}}:${order_id}` with the columns of a row. Two rows with other values in these
 * columns never share a key: in a value the braces of hash tags, `%`, and the character that ends it in the template
 * are percent-encoded. Bytes are hexadecimal. A key with a NULL in it would be shared by rows that are not the same:
 * it is refused.
 */
import { UnsupportedError } from '../errors.js'
import { PartialJson } from '../rows/partial-json.js'
import type { Value } from '../rows/values.js'

/**
 * `ends` is what a value never holds, as the inside of a class of characters. `numbersAsTheyAre`: no number's text has
 * any of it.
 */
type Part =
  | { readonly literal: string }
  | { readonly name: string; readonly ends: string; readonly escape: RegExp; readonly numbersAsTheyAre: boolean }

/** The name by which a template uses what the mapping's `shard` computes. */
export const SHARD = 'shard'

export class KeyTemplate {
  /** What is asked for, `shard` included, each once. */
  readonly names: readonly string[]
  /** What every key begins with. */
  readonly prefix: string
  /** Matches every key that can come of it, as a pattern of SCAN; `matches` is exact. */
  readonly glob: string
  readonly #pattern: RegExp
  readonly #parts: readonly Part[]

  /** @throws {TypeError} if the template is none, or could give one key for two rows */
  constructor(readonly text: string) {
    const parts: Part[] = []
    let at = 0
    for (const match of text.matchAll(/\$\{([^}]*)\}/g)) {
      if (match.index > at) parts.push({ literal: text.slice(at, match.index) })
      else if (parts.length > 0) throw new TypeError(`'${text}': two columns without anything between them`)
      const name = match[1]!.trim()
      if (name === '') throw new TypeError(`'${text}': \${} without a column`)
      at = match.index + match[0].length
      const follows = text[at] ?? ''
      const ends = `{}\\x00${follows.replace(/[\]\\^-]/g, '\\$&')}`
      parts.push({ name, ends, escape: new RegExp(`[%${ends}]`, 'g'), numbersAsTheyAre: !/[\w+.-]/.test(follows) })
    }
    if (at < text.length) parts.push({ literal: text.slice(at) })
    this.#parts = parts
    this.names = [...new Set(parts.flatMap((part) => 'name' in part ? [part.name] : []))]
    if (this.names.length === 0) throw new TypeError(`'${text}' has no column in it: all rows would share one key`)
    const [first] = parts
    this.prefix = first !== undefined && 'literal' in first ? first.literal : ''
    this.glob = parts.map((part) => 'literal' in part ? part.literal.replace(/[*?[\]\\^-]/g, '\\$&') : '*').join('')
    const pattern = parts.map((part) => 'literal' in part ? part.literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : `[^${part.ends}]*`)
    this.#pattern = new RegExp(`^${pattern.join('')}$`)
  }

  /** Can this key come of the template? */
  matches(key: string): boolean { return this.#pattern.test(key) }

  /** The key of a row. @throws {UnsupportedError} for NULL, and for columns that the row does not have */
  key(valueOf: (name: string) => Value | undefined): string {
    return this.prepared((name) => () => valueOf(name))(undefined)
  }

  /**
   * As `key`, for many rows: where each column is found is asked once.
   * @param readerOf  how a row says what it has in a column
   */
  prepared<R>(readerOf: (name: string) => (row: R) => Value | undefined): (row: R) => string {
    const parts = this.#parts.map((part) => {
      if ('literal' in part) return { literal: part.literal, name: '', escape: NOTHING, numbersAsTheyAre: false, read: null }
      const { name, escape, numbersAsTheyAre } = part
      return { literal: '', name, escape, numbersAsTheyAre, read: readerOf(name) }
    })
    return (row) => {
      let key = ''
      for (const { literal, name, escape, numbersAsTheyAre, read } of parts) {
        if (read === null) {
          key += literal
          continue
        }
        const value = read(row)
        if (numbersAsTheyAre && typeof value === 'number') key += String(value)
        else key += keyText(value, name).replace(escape, percentEncoded)
      }
      return key
    }
  }
}

const NOTHING = /(?!)/g
const percentEncoded = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

function keyText(value: Value | undefined, name: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (value === undefined || value instanceof PartialJson) {
    throw new UnsupportedError(`column ${name} of the key is not in the row: the source needs binlog_row_image=FULL`)
  }
  throw new UnsupportedError(`column ${name} of the key is NULL`)
}

/** `order_id % 4`. @throws {TypeError} */
export function parseShard(text: string): { column: string; count: number } {
  const match = /^\s*(?:\$\{\s*)?([^\s%${}]+)\s*%\s*(\d{1,5})(?:\s*\})?\s*$/.exec(text)
  const count = Number(match?.[2])
  if (match === null || count < 1) throw new TypeError(`'${text}': expected a column and a number, as order_id % 4`)
  return { column: match[1]!, count }
}

export function shardOf(value: Value | undefined, column: string, count: number): number {
  if ((typeof value === 'number' && Number.isInteger(value)) || typeof value === 'bigint') {
    const rest = Number(BigInt(value) % BigInt(count))
    return rest < 0 ? rest + count : rest
  }
  throw new UnsupportedError(`column ${column}, from which the shard is computed, is no integer`)
}
