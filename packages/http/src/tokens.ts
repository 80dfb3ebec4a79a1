/**
 * Tokens: who may do what over HTTP. A token is a secret of at least 16 characters, or `sha256:` and its hash, so that
 * a file need not hold the secret; behind it words narrow what it may do. They are kept as hashes: looking one up
 * takes the same time whatever it is compared with, and a dump of the memory shows none.
 * Elsewhere: what a scope means for a command (command-rules.ts).
 */
import { createHash, timingSafeEqual } from 'node:crypto'

export interface Scope {
  /** Commands that change nothing. */
  readonly readOnly: boolean
  /** Commands for who runs the server: CONFIG, ACL, SHUTDOWN, ... */
  readonly admin: boolean
  /** Only keys and channels that begin with it. */
  readonly keyPrefix: string | null
  /** Unix time in ms; Infinity: never. */
  readonly expiresAtMs: number
}

export interface TokenRule {
  /** The secret, or `sha256:` and 64 hexadecimal digits. */
  readonly token: string
  readonly readOnly?: boolean
  readonly admin?: boolean
  readonly keyPrefix?: string
  readonly expiresAt?: Date
}

/** Without tokens whoever may connect may do everything that needs no `admin`. */
export const OPEN: Scope = { readOnly: false, admin: false, keyPrefix: null, expiresAtMs: Infinity }

const LENGTH_MIN = 16
const TOKENS_MAX = 10_000
const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest()

export class Tokens {
  readonly #byHash = new Map<string, { hash: Buffer; scope: Scope }>()

  /** @throws {RangeError | TypeError} that says which rule is none, never its secret */
  constructor(rules: readonly TokenRule[]) {
    if (rules.length > TOKENS_MAX) throw new RangeError(`expected at most ${TOKENS_MAX} tokens, found ${rules.length}`)
    for (const [index, rule] of rules.entries()) {
      const hash = hashOfRule(rule.token, index)
      const scope = scopeOf(rule, index)
      const key = hash.toString('latin1')
      if (this.#byHash.has(key)) throw new RangeError(`token ${index + 1} is there twice`)
      this.#byHash.set(key, { hash, scope })
    }
  }

  get size(): number { return this.#byHash.size }

  /** What `token` may do; null if it is none of ours, or its time is over. */
  find(token: string, nowMs: number): Scope | null {
    const hash = hashOf(token)
    const found = this.#byHash.get(hash.toString('latin1'))
    if (found === undefined || !timingSafeEqual(found.hash, hash)) return null
    return nowMs < found.scope.expiresAtMs ? found.scope : null
  }
}

function hashOfRule(token: unknown, index: number): Buffer {
  if (typeof token !== 'string') throw new TypeError(`expected token ${index + 1} to be a string`)
  if (token.startsWith('sha256:')) {
    if (!/^sha256:[0-9a-fA-F]{64}$/.test(token)) throw new RangeError(`expected 64 hexadecimal digits behind sha256: of token ${index + 1}`)
    return Buffer.from(token.slice(7), 'hex')
  }
  if (token.length < LENGTH_MIN) throw new RangeError(`expected at least ${LENGTH_MIN} characters in token ${index + 1}: a shorter one can be guessed`)
  // What cannot stand in a header could never be presented.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new RangeError(`expected visible ASCII characters in token ${index + 1}`)
  return hashOf(token)
}

function scopeOf(rule: TokenRule, index: number): Scope {
  const { readOnly = false, admin = false, keyPrefix = null, expiresAt } = rule
  if (keyPrefix === '') throw new RangeError(`the key prefix of token ${index + 1} is empty: leave it out`)
  if (admin && (readOnly || keyPrefix !== null)) throw new RangeError(`token ${index + 1} is both admin and restricted`)
  const expiresAtMs = expiresAt === undefined ? Infinity : expiresAt.getTime()
  if (Number.isNaN(expiresAtMs)) throw new RangeError(`the expiry of token ${index + 1} is no time`)
  return { readOnly, admin, keyPrefix, expiresAtMs }
}

/**
 * The rules in the text of a token file: a token a line, then any of `readonly`, `admin`, `prefix=TEXT`,
 * `expires=2027-01-31T00:00:00Z`. `#` begins a comment.
 * @throws {RangeError} that names the line
 */
export function parseTokenFile(text: string): TokenRule[] {
  const rules: TokenRule[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const [token, ...words] = line.trim().split(/\s+/)
    if (token === undefined || token === '' || token.startsWith('#')) continue
    const rule: { -readonly [K in keyof TokenRule]: TokenRule[K] } = { token }
    for (const word of words) {
      if (word.startsWith('#')) break
      if (word === 'readonly') rule.readOnly = true
      else if (word === 'admin') rule.admin = true
      else if (word.startsWith('prefix=')) rule.keyPrefix = word.slice(7)
      else if (word.startsWith('expires=') && isTime(word.slice(8))) rule.expiresAt = new Date(word.slice(8))
      else throw new RangeError(`line ${index + 1}: expected readonly, admin, prefix=TEXT or expires=TIME, found '${word}'`)
    }
    try {
      new Tokens([rule])
    } catch (error) {
      throw new RangeError(`line ${index + 1}: ${(error as Error).message}`, { cause: error })
    }
    rules.push(rule)
  }
  return rules
}

/** With its offset: a token must not live longer elsewhere. */
const isTime = (text: string): boolean =>
  /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text) && !Number.isNaN(Date.parse(text))
