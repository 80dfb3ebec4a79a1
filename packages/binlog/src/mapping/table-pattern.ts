/**
 * The names behind `ds${0..1}.t_order_${0..3}`: ranges and lists are multiplied out, so what is followed is a list of
 * names and nothing is matched by accident. The notation is that of ShardingSphere's inline expressions.
 */

const NAMES_MAX = 100_000

/** `schema.table` for each. @throws {TypeError} if the pattern is none */
export function expandTables(pattern: string): string[] {
  let names = ['']
  let at = 0
  for (const match of pattern.matchAll(/\$\{([^}]*)\}/g)) {
    const literal = pattern.slice(at, match.index)
    const choices = choicesOf(match[1]!, pattern)
    if (names.length * choices.length > NAMES_MAX) throw new TypeError(`'${pattern}' names more than ${NAMES_MAX} tables`)
    names = names.flatMap((name) => choices.map((choice) => name + literal + choice))
    at = match.index + match[0].length
  }
  names = names.map((name) => name + pattern.slice(at))
  for (const name of names) if (!/^[^.\s]+\.[^.\s]+$/.test(name)) throw new TypeError(`expected database.table, found '${name}'`)
  return names
}

function choicesOf(inside: string, pattern: string): string[] {
  const range = /^\s*(\d+)\s*\.\.\s*(\d+)\s*$/.exec(inside)
  if (range === null) {
    const list = inside.replace(/^\s*\[|\]\s*$/g, '').split(',').map((item) => item.trim().replace(/^(['"])(.*)\1$/, '$2'))
    if (list.some((item) => item === '')) throw new TypeError(`'\${${inside}}' in '${pattern}': expected 0..3 or a, b, c`)
    return list
  }
  const [first, last] = [Number(range[1]), Number(range[2])]
  if (last < first || last - first >= NAMES_MAX) throw new TypeError(`'\${${inside}}' in '${pattern}' is no range`)
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i))
}
