/**
 * Random commands of the groups string and bitmap over few keys, so that they meet, with arguments at and beyond every
 * limit. No time that passes during the run: what expires has expired when it is set, or does so in years.
 */

/** Seeded; returns { below, pick, chance }. */
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

const noIntegers = ['', 'abc', '1.5', '+1', ' 1', '1 ', '01', '-0', '-', '1e3', '0x10', '\0', '1\0', '99999999999999999999', '-99999999999999999999']
const edges = ['9223372036854775807', '-9223372036854775808', '9223372036854775808', '-9223372036854775809',
  '9223372036854775806', '-9223372036854775807', '4294967295', '4294967296', '-4294967296', '2147483647', '2147483648',
  '-2147483648', '8388607', '8388608', '1048576', '1048575', '1048577', '65535', '65536', '1152921504606846976',
  '18446744073709551615']
const floats = ['1.5', '-3.7e10', '1e400', '-1e4932', '1e4932', '1e-400', '1e-4950', 'inf', '-inf', '+inf', 'Infinity', 'nan', '-nan', '0x10', '0x1p3', '3.0e3',
  '+2', ' 1', '1 ', '1.', '.5', '.', 'e5', '1e', '0.1', '0.30000000000000004', '12345678901234567890', '9223372036854775807', '5.0e0', '-0', '-0.0',
  '1000000000000000000000000000000000000000000', '0.00000000000000001', '0.000000000000000001', '1.00000000000000005', '-1.5', `1${'0'.repeat(5000)}`, '9'.repeat(5200), '1\x002']
const times = ['100000', '4102444800', '4102444800000', '1', '1000000000000', '0', '-1', '9223372036854775807', '9223372036854775',
  '9223372036854776', '9223372036854775808', '-9223372036854775808', 'abc', '', '1.5']
const relativeTimes = times.filter((time) => time !== '1')

export function stringCommands(seed) {
  const { below, pick, chance } = randomSource(seed)
  const keys = Array.from({ length: 14 }, (_, i) => `k${i}`).concat(['', 'a\0b\r\n', 'x'.repeat(300), '{k1}x', '{k1}y'])
  const key = () => pick(keys)
  const small = () => String(below(100) - 20)
  const integer = () => (chance(75) ? small() : chance(60) ? pick(edges) : pick(noIntegers))
  const offset = () => (chance(80) ? String(below(chance(85) ? 200 : 30000)) : integer())
  const bytes = () => Array.from({ length: chance(90) ? below(12) : below(120) }, () => String.fromCharCode(below(256))).join('')
  const value = () => {
    const kind = below(100)
    if (kind < 35) return integer()
    if (kind < 45) return pick(floats)
    if (kind < 80) return bytes()
    if (kind < 90) return pick(['\xff', '\0']).repeat(below(70))
    if (kind < 97) return pick(['a', 'abc', '\xff\xff\0']).repeat(pick([10, 14, 15, 44, 45, 300, 700]))
    if (kind < 99) return 'v'.repeat(pick([2047, 2048, 2049, 16383, 16384, 20000]))
    return chance(20) ? 'w'.repeat(pick([1048576, 1048575, 700000])) : ''
  }
  const word = (text) => (chance(70) ? text : chance(50) ? text.toLowerCase() : text.replace(/[A-Z]/g, (c) => (chance(50) ? c : c.toLowerCase())))
  const timed = () => {
    const unit = pick(['EX', 'PX', 'EXAT', 'PXAT'])
    return chance(95) ? [word(unit), pick(unit.endsWith('AT') ? times : relativeTimes)] : [word(unit)]
  }
  const some = (choices, most) => Array.from({ length: below(most + 1) }, () => pick(choices)()).flat()
  const setOptions = [() => word('NX'), () => word('XX'), () => word('GET'), () => word('GET'), () => word('KEEPTTL'), timed, timed, () => word('PERSIST'), () => 'FOO']
  const getExOptions = [timed, timed, () => word('PERSIST'), () => word('KEEPTTL'), () => word('NX')]
  const range = () => {
    const given = [integer(), integer()].slice(0, pick([0, 1, 2, 2, 2, 2]))
    return given.length === 2 && chance(50) ? [...given, word(pick(['BIT', 'BYTE', 'BIT', 'BYTE', 'bits']))] : given
  }
  const field = () => (chance(90) ? `${pick(['u', 'i'])}${pick([1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 32, 33, 63, 64])}` : pick(['u0', 'i65', 'x8', '', 'u', 'i', 'u08', 'i-1', 'u64', 'U8']))
  // Not "#" before edges: where the product exceeds 64 bits Redis wraps around and we refuse.
  const fieldOffset = () => (chance(30) ? `#${chance(90) ? below(60) : pick(['', '-1', 'a', '1048576', '8388608', '#1'])}` : offset())
  const fieldOperation = () => pick([
    () => [word('GET'), field(), fieldOffset()],
    () => [word('SET'), field(), fieldOffset(), integer()],
    () => [word('INCRBY'), field(), fieldOffset(), integer()],
    () => [word('INCRBY'), field(), fieldOffset(), integer()],
    () => [word('OVERFLOW'), word(pick(['WRAP', 'SAT', 'FAIL', 'SAT', 'FAIL', 'NONE']))],
    () => (chance(10) ? [word('SET'), field(), fieldOffset()] : [word('GET'), field(), offset()]),
  ])()
  const fields = (least) => Array.from({ length: least + below(4) }, fieldOperation).flat()
  const pairs = () => Array.from({ length: 1 + below(4) }, () => [key(), value()]).flat()
  const lcsOptions = [() => word('IDX'), () => word('LEN'), () => [word('MINMATCHLEN'), integer()], () => word('WITHMATCHLEN'), () => 'FOO']

  const commands = [
    [8, () => ['SET', key(), value()]],
    [10, () => ['SET', key(), value(), ...some(setOptions, 3)]],
    [6, () => ['GET', key()]],
    [5, () => ['GETEX', key(), ...some(getExOptions, 2)]],
    [2, () => ['GETDEL', key()]],
    [3, () => ['GETSET', key(), value()]],
    [3, () => ['SETNX', key(), value()]],
    [3, () => ['SETEX', key(), pick(relativeTimes), value()]],
    [3, () => ['PSETEX', key(), pick(relativeTimes), value()]],
    [2, () => ['MGET', ...Array.from({ length: 1 + below(5) }, key)]],
    [2, () => ['MSET', ...pairs(), ...(chance(5) ? ['odd'] : [])]],
    [2, () => ['MSETNX', ...pairs(), ...(chance(5) ? ['odd'] : [])]],
    [5, () => ['APPEND', key(), value()]],
    [4, () => ['STRLEN', key()]],
    [4, () => [pick(['INCR', 'DECR']), key()]],
    [8, () => [pick(['INCRBY', 'DECRBY']), key(), integer()]],
    [6, () => ['INCRBYFLOAT', key(), chance(50) ? pick(floats) : small()]],
    [6, () => [pick(['GETRANGE', 'SUBSTR']), key(), integer(), integer()]],
    [6, () => ['SETRANGE', key(), offset(), value()]],
    [3, () => ['LCS', key(), key(), ...some(lcsOptions, 3)]],
    [5, () => ['GETBIT', key(), offset()]],
    [7, () => ['SETBIT', key(), offset(), chance(90) ? String(below(2)) : integer()]],
    [8, () => ['BITCOUNT', key(), ...range()]],
    [8, () => ['BITPOS', key(), chance(95) ? String(below(2)) : integer(), ...range()]],
    [6, () => ['BITOP', word(pick(['AND', 'OR', 'XOR', 'NOT', 'NOT', 'ANDOR'])), key(), ...Array.from({ length: 1 + below(chance(70) ? 2 : 5) }, key)]],
    [10, () => ['BITFIELD', key(), ...fields(0)]],
    [4, () => ['BITFIELD_RO', key(), ...(chance(60) ? Array.from({ length: 1 + below(3) }, () => [word('GET'), field(), fieldOffset()]).flat() : fields(1))]],
    [6, () => ['OBJECT', 'ENCODING', key()]],
    [3, () => ['PEXPIRETIME', key()]],
    [3, () => ['DEL', key()]],
    [1, () => (chance(10) ? ['FLUSHALL'] : ['DBSIZE'])],
    [1, () => [pick(['SET', 'GET', 'INCR', 'SETRANGE', 'BITOP', 'GETEX', 'LCS', 'BITPOS', 'MSET']), ...Array.from({ length: below(2) }, key)]],
  ]
  const weighted = commands.flatMap(([weight, make]) => Array(weight).fill(make))
  return {
    keys,
    next: () => {
      const args = pick(weighted)()
      return [word(args[0]), ...args.slice(1)]
    },
  }
}
