/**
 * Words of one line as Redis splits them; the C++ twin is native/src/base/split_args.h and both follow the same table
 * of cases. "double quotes" know \n \r \t \a \b \xHH and a backslash before anything else, 'single quotes' only \'.
 * A closing quote must end its word. Works on UTF-8 bytes, so that "\xc3\xa9" is one letter.
 */

const backslash = 0x5c
const doubleQuote = 0x22
const singleQuote = 0x27
const escapes = new Map([['n', 10], ['r', 13], ['t', 9], ['b', 8], ['a', 7]].map(([c, byte]) =>
  [String(c).charCodeAt(0), Number(byte)]))

/** What separates words is wider than what ends a word: \v and \f do only the former. Redis is like that. */
const isBlank = (byte: number | undefined): boolean => byte === 32 || (byte !== undefined && byte >= 9 && byte <= 13)
const endsWord = (byte: number | undefined): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9

/** @returns the words of `line`, or null if its quotes are not balanced. The line ends at its first NUL character. */
export function splitArgs(line: string): string[] | null {
  const end = line.indexOf('\0')
  const bytes = Buffer.from(end === -1 ? line : line.slice(0, end))
  const words: string[] = []
  let at = 0
  for (;;) {
    while (isBlank(bytes[at])) at++
    if (at >= bytes.length) return words
    const word: number[] = []
    const next = readWord(bytes, at, word)
    if (next === null) return null
    words.push(Buffer.from(word).toString())
    at = next
  }
}

/** Where the word starting at `at` ends; its bytes go to `word`. A quoted part ends it. */
function readWord(bytes: Buffer, start: number, word: number[]): number | null {
  let at = start
  for (; at < bytes.length && !endsWord(bytes[at]); at++) {
    const byte = bytes[at]!
    if (byte === doubleQuote) return readDoubleQuoted(bytes, at + 1, word)
    if (byte === singleQuote) return readSingleQuoted(bytes, at + 1, word)
    word.push(byte)
  }
  return at
}

function readDoubleQuoted(bytes: Buffer, start: number, word: number[]): number | null {
  let at = start
  for (; at < bytes.length && bytes[at] !== doubleQuote; at++) {
    const next = bytes[at + 1]
    if (bytes[at] !== backslash || next === undefined) {
      word.push(bytes[at]!)
      continue
    }
    const hex = /^\\x([0-9a-f]{2})$/i.exec(bytes.toString('latin1', at, at + 4))
    if (hex === null) {
      word.push(escapes.get(next) ?? next)
      at += 1
    } else {
      word.push(parseInt(hex[1]!, 16))
      at += 3
    }
  }
  return closed(bytes, at)
}

function readSingleQuoted(bytes: Buffer, start: number, word: number[]): number | null {
  let at = start
  for (; at < bytes.length && bytes[at] !== singleQuote; at++) {
    if (bytes[at] === backslash && bytes[at + 1] === singleQuote) at++
    word.push(bytes[at]!)
  }
  return closed(bytes, at)
}

/** Behind the closing quote at `at`, if there is one and nothing of the word follows it. */
const closed = (bytes: Buffer, at: number): number | null =>
  at < bytes.length && (at + 1 === bytes.length || isBlank(bytes[at + 1])) ? at + 1 : null

const named = new Map([[10, '\\n'], [13, '\\r'], [9, '\\t'], [7, '\\a'], [8, '\\b'], [backslash, '\\\\'],
  [doubleQuote, '\\"']])

/** `text` in double quotes with everything that does not print escaped: the inverse of `splitArgs` for one word. */
export function formatQuoted(text: string): string {
  let quoted = '"'
  for (const byte of Buffer.from(text)) {
    const printable = byte >= 0x20 && byte < 0x7f
    quoted += named.get(byte) ?? (printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`)
  }
  return `${quoted}"`
}
