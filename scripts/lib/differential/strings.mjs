/** Random commands of the groups string and bitmap. */
import { edges, floats, noIntegers, relativeTimes, times } from './random.mjs'

export function stringCommands({ below, pick, chance, key: anyKey, word, some }) {
  const key = () => anyKey('k')
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
  const timed = () => {
    const unit = pick(['EX', 'PX', 'EXAT', 'PXAT'])
    return chance(95) ? [word(unit), pick(unit.endsWith('AT') ? times : relativeTimes)] : [word(unit)]
  }
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

  return [
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
    [1, () => [pick(['SET', 'GET', 'INCR', 'SETRANGE', 'BITOP', 'GETEX', 'LCS', 'BITPOS', 'MSET']), ...Array.from({ length: below(2) }, key)]],
  ]
}
