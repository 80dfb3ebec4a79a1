/** Random commands about keys of any type, SORT, and what spans several commands: transactions and blocked clients. */
import { allKeys, relativeTimes, sortKeys, times } from './random.mjs'
import { scanOptions } from './collections.mjs'

export function genericCommands({ below, pick, chance, many, key, integer, count, word, some }) {
  const expireOptions = () => some([() => word('NX'), () => word('XX'), () => word('GT'), () => word('LT'), () => 'FOO'], chance(60) ? 0 : 2)
  const target = () => (chance(95) ? pick(sortKeys) : 'none')
  const sortOptions = () => some([
    () => [word('LIMIT'), integer(), integer()], () => word('ASC'), () => word('DESC'), () => word('ALPHA'), () => word('ALPHA'),
    () => [word('GET'), pick(['#', 'k*', 'h*->a', '*', 'nothing', '*->', 'h1->*'])], () => [word('GET'), '#'],
  ], 4)
  /** Weights from elsewhere can be equal, and then the order is nobody's business: no LIMIT, and unordered. */
  const sortBy = () => ({ mode: 'unordered', loose: [pick(['SORT', 'SORT_RO']), target(), word('BY'), pick(['k*', 'h*->a', 'h*->1', '*->b', '*']), ...(chance(40) ? [word('ALPHA')] : [])] })
  return [
    [8, () => [pick(['DEL', 'UNLINK']), ...many(1, 3, () => pick(allKeys))]],
    [3, () => [pick(['EXISTS', 'TOUCH']), ...many(1, 4, key)]],
    [4, () => ['TYPE', key()]],
    [4, () => [pick(['RENAME', 'RENAMENX']), key(), key()]],
    [4, () => ['COPY', key(), key(), ...some([() => word('REPLACE'), () => [word('DB'), pick(['0', '1', '15', '16', '-1', 'x'])], () => 'FOO'], 2)]],
    [2, () => ['MOVE', key(), pick(['0', '1', '1', '16', 'x'])]],
    [6, () => [pick(['EXPIRE', 'PEXPIRE']), key(), pick(relativeTimes), ...expireOptions()]],
    [5, () => [pick(['EXPIREAT', 'PEXPIREAT']), key(), pick(times), ...expireOptions()]],
    [3, () => ['PERSIST', key()]],
    [5, () => [pick(['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), key()]],
    [6, () => ['OBJECT', 'ENCODING', key()]],
    [1, () => ['OBJECT', pick(['REFCOUNT', 'FREQ', 'HELP', 'NONE']), key()]],
    [1, () => ['SET', pick(sortKeys), 'not to be sorted']],
    [2, () => ['KEYS', pick(['*', 'k*', 'h?', '[lz]*', 'nothing', '', '\\k1', '{k1}*'])]],
    [1, () => ({ random: 'key', command: ['RANDOMKEY'] })],
    [1, () => ({ scan: ['SCAN', '0'], options: [...scanOptions({ pick, chance, count, word }), ...(chance(30) ? [word('TYPE'), pick(['string', 'hash', 'list', 'set', 'zset', 'HASH', 'none'])] : [])] })],
    [5, () => ({ loose: [pick(['SORT', 'SORT', 'SORT_RO']), target(), ...sortOptions()] })],
    [2, sortBy],
    [2, () => ({ loose: ['SORT', target(), ...sortOptions(), word('STORE'), pick(sortKeys)] })],
    [1, () => ({ loose: ['SORT', target(), word('BY'), 'nosort', ...sortOptions(), word('STORE'), pick(sortKeys)] })],
    [1, () => (chance(4) ? [pick(['FLUSHALL', 'FLUSHDB']), ...(chance(30) ? [word(pick(['SYNC', 'ASYNC', 'NOW']))] : [])] : ['DBSIZE'])],
    [1, () => (chance(30) ? ['SWAPDB', pick(['0', '1', '16', 'x']), pick(['0', '1'])] : ['SELECT', pick(['0', '0', '0', '0', '16', 'x'])])],
    [1, () => ['PING', ...many(0, 2, () => String(below(3)))]],
  ]
}

/** A transaction, whole or spoilt. `command` makes one plain command. */
export function transaction({ below, pick, chance, many, key }, command) {
  const watch = chance(30) ? [['WATCH', ...many(1, 2, key)]] : []
  const touched = chance(30) ? [command()] : []
  const body = many(0, 6, () => (chance(4) ? pick([['MULTI'], ['WATCH', key()], ['NOSUCH', 'x'], ['GET'], ['UNWATCH'], ['SELECT', '1'], ['SELECT', '0']]) : command()))
  return [...watch, ...touched, ['MULTI'], ...body, pick([['EXEC'], ['EXEC'], ['EXEC'], ['EXEC'], ['DISCARD'], ['EXEC', 'x'], ['RESET']]), ...(below(10) === 0 ? [['EXEC'], ['DISCARD']] : [['DISCARD']])]
}

/** A client that waits, and what others do meanwhile. */
export function blocked({ pick, chance, many, key, member, word }, command) {
  const from = pick(['l', 'z'])
  const keys = many(1, 3, () => key(from))
  const side = () => word(pick(['LEFT', 'RIGHT']))
  const wait = from === 'z'
    ? pick([() => [pick(['BZPOPMIN', 'BZPOPMAX']), ...keys, '0'], () => ['BZMPOP', '0', String(keys.length), ...keys, word(pick(['MIN', 'MAX']))]])()
    : pick([() => [pick(['BLPOP', 'BRPOP']), ...keys, '0'], () => ['BLMOVE', keys[0], key('l'), side(), side(), '0'], () => ['BRPOPLPUSH', keys[0], key('l'), '0'],
        () => ['BLMPOP', '0', String(keys.length), ...keys, side(), 'COUNT', '2']])()
  const feed = () => (from === 'z' ? ['ZADD', pick(keys), '1', member(), '2', member()] : [pick(['LPUSH', 'RPUSH']), pick(keys), ...many(1, 3, member)])
  const meanwhile = many(1, 4, () => (chance(50) ? feed() : command()))
  const together = chance(25) ? [['MULTI'], ...meanwhile, ['EXEC']] : meanwhile
  return { blocked: wait, before: chance(70) ? [['DEL', ...keys]] : [], meanwhile: together }
}
