/**
 * What every family of random commands draws from: a seeded source, keys that meet often and mostly hold their own
 * type, and arguments at and beyond every limit. No time that passes during a run: what expires has expired when it is
 * set, or does so in years.
 */

/** Seeded (splitmix64). */
export function randomSource(seed) {
  let state = BigInt(seed)
  const next = () => {
    state = (state + 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn
    let z = state
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & 0xffffffffffffffffn
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & 0xffffffffffffffffn
    return Number((z ^ (z >> 31n)) >> 11n)
  }
  const below = (n) => next() % n
  return { below, pick: (list) => list[below(list.length)], chance: (percent) => below(100) < percent }
}

export const noIntegers = ['', 'abc', '1.5', '+1', ' 1', '1 ', '01', '-0', '-', '1e3', '0x10', '\0', '1\0', '99999999999999999999', '-99999999999999999999']
export const edges = ['9223372036854775807', '-9223372036854775808', '9223372036854775808', '-9223372036854775809',
  '9223372036854775806', '-9223372036854775807', '4611686018427387904', '-4611686018427387904', '4294967295', '4294967296', '-4294967296', '2147483647', '2147483648',
  '-2147483648', '8388607', '8388608', '1048576', '1048575', '1048577', '65535', '65536', '1152921504606846976',
  '18446744073709551615']
export const floats = ['1.5', '-3.7e10', '1e400', '-1e4932', '1e4932', '1e-400', '1e-4950', 'inf', '-inf', '+inf', 'Infinity', 'nan', '-nan', '0x10', '0x1p3', '3.0e3',
  '+2', ' 1', '1 ', '1.', '.5', '.', 'e5', '1e', '0.1', '0.30000000000000004', '12345678901234567890', '9223372036854775807', '5.0e0', '-0', '-0.0',
  '1000000000000000000000000000000000000000000', '0.00000000000000001', '0.000000000000000001', '1.00000000000000005', '-1.5', `1${'0'.repeat(5000)}`, '9'.repeat(5200), '1\x002']
export const times = ['100000', '4102444800', '4102444800000', '1', '1000000000000', '0', '-1', '9223372036854775807', '9223372036854775',
  '9223372036854776', '9223372036854775808', '-9223372036854775808', 'abc', '', '1.5']
export const relativeTimes = times.filter((time) => time !== '1')

const repeatEdges = [...noIntegers, ...edges.filter((edge) => edge[0] !== '-'), '-9223372036854775808', '-9223372036854775809']

const groups = ['k', 'h', 'l', 's', 'z']
const keysOf = Object.fromEntries(groups.map((group) => [group, Array.from({ length: 4 }, (_, i) => `${group}${i}`)]))
const everyKey = [...groups.flatMap((group) => keysOf[group]), '', 'a\0b\r\n', 'x'.repeat(300), '{k1}x', '{k1}y']

/** Of these only commands that keep every score at 0 write sorted sets: ranges by name are defined for such alone. */
export const lexKeys = ['lex0', 'lex1']
/** What SORT reads. Never sorted sets: Redis changes the encoding of one that it sorts, and we do not. */
export const sortKeys = ['t0', 't1', 't2']
export const allKeys = [...everyKey, ...lexKeys, ...sortKeys]

/** Draws for one seed. */
export function draws(seed) {
  const { below, pick, chance } = randomSource(seed)
  const many = (least, most, make) => Array.from({ length: least + below(most - least + 1) }, make)
  /** Mostly a key of the group, whose type it then mostly has. */
  const key = (group) => {
    if ((group === 'l' || group === 's') && chance(20)) return pick(sortKeys)
    return group !== undefined && chance(88) ? pick(keysOf[group]) : pick(everyKey)
  }
  const small = () => String(below(24) - 8)
  const integer = () => (chance(82) ? small() : chance(65) ? pick(edges) : pick(noIntegers))
  const float = () => (chance(55) ? small() : chance(50) ? String((below(2000) - 1000) / 16) : pick(floats))
  const count = () => (chance(70) ? String(below(6)) : integer())
  /** Of random elements with repetition: a negative count is how many come, so none of the large ones is asked for. */
  const repeats = () => (chance(80) ? String(below(12) - 6) : pick(repeatEdges))
  const word = (text) => (chance(80) ? text : chance(50) ? text.toLowerCase() : text.replace(/[A-Z]/g, (c) => (chance(50) ? c : c.toLowerCase())))
  /** A member, field or element: few, so that they meet; some at the thresholds of encodings. */
  const member = () => {
    const kind = below(100)
    if (kind < 45) return pick(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'aa', 'ab', 'abc', 'A'])
    if (kind < 80) return String(below(30) - 5)
    if (kind < 84) return pick(edges)
    if (kind < 87) return pick(noIntegers)
    if (kind < 92) return pick(['', '\0', '\xff', '\xff\xfe', '\r\n', ' ', 'a\0', 'a\xff'])
    return pick(['m', 'n']).repeat(pick([15, 16, 17, 63, 64, 65, 120, 130, 300]))
  }
  const numbers = () => (chance(85) ? String(below(40)) : pick([...edges, '32767', '32768', '-32769', '65536']))
  const some = (choices, most) => Array.from({ length: below(most + 1) }, () => pick(choices)()).flat()
  /** `numkeys key...`, sometimes a count that lies. */
  const countedKeys = (group, most) => {
    const keys = many(1, most, () => key(group))
    return [chance(93) ? String(keys.length) : integer(), ...keys]
  }
  return {
    below, pick, chance, many, key, small, integer, float, count, repeats, word, member, numbers, some, countedKeys,
  }
}
