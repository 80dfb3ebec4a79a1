/** Random commands of the groups hash, list and set. Each entry: how often, and what makes one. */
import { floats } from './random.mjs'

export function hashCommands({ pick, chance, many, key: anyKey, member, integer, float, count, repeats, word }) {
  const key = () => anyKey('h')
  const value = () => (chance(60) ? member() : chance(60) ? integer() : pick(floats))
  const pairs = () => [...many(1, 4, () => [member(), value()]).flat(), ...(chance(4) ? ['odd'] : [])]
  const random = () => {
    const options = [repeats(), ...(chance(50) ? [word(chance(95) ? 'WITHVALUES' : 'WITHSCORES')] : [])]
    return { random: 'subset', command: ['HRANDFIELD', key(), ...(chance(80) ? options : [])] }
  }
  return [
    [14, () => [pick(['HSET', 'HSET', 'HMSET']), key(), ...pairs()]],
    [4, () => ['HSETNX', key(), member(), value()]],
    [5, () => ['HGET', key(), member()]],
    [4, () => ['HMGET', key(), ...many(1, 4, member)]],
    [7, () => ['HDEL', key(), ...many(1, 4, member)]],
    [4, () => [pick(['HEXISTS', 'HSTRLEN']), key(), member()]],
    [4, () => ['HLEN', key()]],
    [6, () => ['HINCRBY', key(), member(), integer()]],
    [6, () => ['HINCRBYFLOAT', key(), member(), float()]],
    [6, () => [pick(['HGETALL', 'HKEYS', 'HVALS']), key()]],
    [3, random],
    [2, () => ({ scan: ['HSCAN', key(), '0'], options: scanOptions({ pick, chance, count, word }) })],
    [2, () => ['OBJECT', 'ENCODING', key()]],
  ]
}

export const scanOptions = ({ pick, chance, count, word }) => [
  ...(chance(35) ? [word('MATCH'), pick(['*', 'a*', '[a-c]', '?', '1*', '', '*b', '[^a]*', '\\a', 'nothing'])] : []),
  ...(chance(50) ? [word('COUNT'), chance(80) ? pick(['1', '2', '10', '1000', '4294967296']) : count()] : []),
]

export function listCommands({ pick, chance, many, key: anyKey, member, integer, count, word, some, countedKeys }) {
  const key = () => anyKey('l')
  const side = () => word(chance(97) ? pick(['LEFT', 'RIGHT']) : 'MIDDLE')
  const posOptions = [() => [word('RANK'), chance(70) ? pick(['1', '2', '-1', '-2']) : integer()], () => [word('COUNT'), count()],
    () => [word('MAXLEN'), count()], () => 'FOO']
  /** Who waits is let go by the run itself. */
  const timeout = () => (chance(85) ? '0' : pick(['-1', 'abc', '1e400', '-0', 'inf', '', '1e30']))
  return [
    [16, () => [pick(['LPUSH', 'RPUSH', 'RPUSH']), key(), ...many(1, 5, member)]],
    [3, () => [pick(['LPUSHX', 'RPUSHX']), key(), ...many(1, 3, member)]],
    [4, () => ['LINSERT', key(), word(chance(95) ? pick(['BEFORE', 'AFTER']) : 'AT'), member(), member()]],
    [3, () => ['LLEN', key()]],
    [5, () => ['LINDEX', key(), integer()]],
    [5, () => ['LSET', key(), integer(), member()]],
    [8, () => [pick(['LPOP', 'RPOP']), key(), ...(chance(50) ? [count()] : [])]],
    [7, () => ['LRANGE', key(), integer(), integer()]],
    [3, () => ['LTRIM', key(), integer(), integer()]],
    [6, () => ['LPOS', key(), member(), ...some(posOptions, 3)]],
    [5, () => ['LREM', key(), count(), member()]],
    [4, () => ['RPOPLPUSH', key(), key()]],
    [4, () => ['LMOVE', key(), key(), side(), side()]],
    [4, () => ['LMPOP', ...countedKeys('l', 3), side(), ...(chance(50) ? [word('COUNT'), count()] : [])]],
    [2, () => ({ mayBlock: [pick(['BLPOP', 'BRPOP']), ...many(1, 3, key), timeout()] })],
    [2, () => ({ mayBlock: chance(50) ? ['BRPOPLPUSH', key(), key(), timeout()] : ['BLMOVE', key(), key(), side(), side(), timeout()] })],
    [2, () => ({ mayBlock: ['BLMPOP', timeout(), ...countedKeys('l', 3), side(), ...(chance(50) ? [word('COUNT'), count()] : [])] })],
    [2, () => ['OBJECT', 'ENCODING', key()]],
  ]
}

export function setCommands(draw) {
  const { below, pick, chance, many, key: anyKey, member, numbers, count, repeats, word, countedKeys } = draw
  const key = () => anyKey('s')
  /** Half of the keys hold integers, so that both encodings are met. */
  const members = () => many(1, 5, chance(55) ? numbers : member)
  const one = () => (chance(50) ? numbers() : member())
  const limit = () => (chance(50) ? [word('LIMIT'), count()] : [])
  return [
    [18, () => ['SADD', key(), ...members()]],
    [7, () => ['SREM', key(), ...members()]],
    [4, () => ['SMOVE', key(), key(), one()]],
    [4, () => ['SISMEMBER', key(), one()]],
    [4, () => ['SMISMEMBER', key(), ...members()]],
    [4, () => ['SCARD', key()]],
    [5, () => ['SMEMBERS', key()]],
    [9, () => [pick(['SINTER', 'SUNION', 'SDIFF']), ...many(1, 4, key)]],
    [7, () => [pick(['SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE']), ...many(2, 4, key)]],
    [4, () => ['SINTERCARD', ...countedKeys('s', 3), ...limit()]],
    [4, () => ({ random: 'pop', command: ['SPOP', key(), ...(chance(65) ? [chance(70) ? String(below(5)) : count()] : [])] })],
    [4, () => ({ random: 'subset', command: ['SRANDMEMBER', key(), ...(chance(75) ? [repeats()] : [])] })],
    [2, () => ({ scan: ['SSCAN', key(), '0'], options: scanOptions({ pick, chance, count, word }) })],
    [2, () => ['OBJECT', 'ENCODING', key()]],
  ]
}
