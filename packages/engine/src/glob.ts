/**
 * Glob patterns over keys, as Redis matches them: `*`, `?`, `[a-c]`, `[^a]`, `\x`. Keys are bytes, so a pattern is the
 * UTF-8 of its text and `?` is one byte. Source: Redis 7.0 KEYS; native/src/base/glob.cc does the same.
 */

/** @returns whether the pattern matches all of a key */
export function globMatcher(pattern: string): (key: Uint8Array) => boolean {
  const expression = new RegExp(`^${translate(Buffer.from(pattern).toString('latin1'))}$`, 's')
  return (key) => expression.test(Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1'))
}

const literal = (char: string): string => /[\w\s]/.test(char) ? char : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`

function translate(glob: string): string {
  let out = ''
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i]!
    if (char === '*') {
      if (!out.endsWith('.*')) out += '.*'
    } else if (char === '?') {
      out += '.'
    } else if (char === '[') {
      const [set, end] = translateSet(glob, i + 1)
      out += set
      i = end
    } else if (char === '\\' && i + 1 < glob.length) {
      out += literal(glob[++i]!)
    } else {
      out += literal(char)
    }
  }
  return out
}

/** @returns the set, and where its bracket is; one that never closes ends with the pattern, as in Redis */
function translateSet(glob: string, start: number): [set: string, end: number] {
  let i = start
  const negative = glob[i] === '^'
  if (negative) i++
  let items = ''
  for (; i < glob.length && glob[i] !== ']'; i++) {
    if (glob[i] === '\\' && i + 1 < glob.length) {
      items += literal(glob[++i]!)
    } else if (glob[i + 1] === '-' && i + 2 < glob.length) {
      const [low, high] = [glob[i]!, glob[i + 2]!].sort()
      items += `${literal(low!)}-${literal(high!)}`
      i += 2
    } else {
      items += literal(glob[i]!)
    }
  }
  if (items === '') return [negative ? '.' : '(?!)', i]
  return [`[${negative ? '^' : ''}${items}]`, i]
}
