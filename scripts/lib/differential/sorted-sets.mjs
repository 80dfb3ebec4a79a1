/** Random commands of the group sorted set. */
import { scanOptions } from './collections.mjs'
import { lexKeys } from './random.mjs'

export function sortedSetCommands(draw) {
  const { pick, chance, many, key: anyKey, member, integer, float, count, repeats, word, some, countedKeys } = draw
  const key = () => anyKey('z')
  const score = () => (chance(90) ? float() : pick(['inf', '-inf', '+inf', 'nan', '1e308', '-1e308', '1e-320', '0.1', '1e17', '123456789012345678']))
  const flags = [() => word('NX'), () => word('XX'), () => word('GT'), () => word('LT'), () => word('CH'), () => word('CH'), () => word('INCR')]
  const scored = () => [...many(1, 4, () => [score(), member()]).flat(), ...(chance(3) ? ['1'] : [])]
  const bound = () => `${chance(30) ? '(' : ''}${chance(20) ? pick(['-inf', '+inf', 'inf', '']) : score()}`
  const lexBound = () => (chance(25) ? pick(['-', '+', '', 'a', '(', '[', '-a', '+a']) : `${pick(['[', '('])}${member()}`)
  const lex = () => pick(lexKeys)
  const limit = () => (chance(35) ? [word('LIMIT'), ...(chance(95) ? [integer(), integer()] : [integer()])] : [])
  const withScores = () => (chance(40) ? [word('WITHSCORES')] : [])
  const weights = () => (chance(40) ? [word('WEIGHTS'), ...many(1, 3, float)] : [])
  const aggregate = () => (chance(40) ? [word('AGGREGATE'), word(pick(['SUM', 'MIN', 'MAX', 'SUM', 'MIN', 'MAX', 'AVG']))] : [])
  const side = () => word(chance(96) ? pick(['MIN', 'MAX']) : 'MEAN')
  const timeout = () => (chance(85) ? '0' : pick(['-1', 'abc', '-0', 'inf', '']))
  /** The options of ZRANGE and ZRANGESTORE, sensible and not; by name only where every score is 0. */
  const rangeForms = () => pick([
    () => [key(), integer(), integer(), ...(chance(30) ? [word('REV')] : [])],
    () => [key(), bound(), bound(), word('BYSCORE'), ...(chance(40) ? [word('REV')] : []), ...limit()],
    () => [lex(), lexBound(), lexBound(), word('BYLEX'), ...(chance(40) ? [word('REV')] : []), ...limit()],
    () => [key(), pick([integer, bound, lexBound])(), pick([integer, bound])(), ...some([() => word('REV'), () => word('BYSCORE'), () => word('WITHSCORES'), limit, () => 'FOO'], 3)],
  ])()
  const operation = (name) => [name, ...countedKeys(chance(80) ? 'z' : 's', 3), ...(name === 'ZDIFF' ? [] : [...weights(), ...aggregate()]), ...withScores()]
  const store = (name) => [name, key(), ...countedKeys(chance(80) ? 'z' : 's', 3), ...(name === 'ZDIFFSTORE' ? [] : [...weights(), ...aggregate()])]
  const randomOptions = () => [repeats(), ...(chance(50) ? [word(chance(95) ? 'WITHSCORES' : 'WITHVALUES')] : [])]
  return [
    [16, () => ['ZADD', key(), ...some(flags, 2), ...scored()]],
    [5, () => ['ZADD', lex(), ...(chance(20) ? [word(pick(['NX', 'XX', 'CH']))] : []), ...many(1, 5, () => ['0', member()]).flat()]],
    [5, () => ['ZINCRBY', key(), score(), member()]],
    [6, () => ['ZREM', chance(80) ? key() : lex(), ...many(1, 4, member)]],
    [3, () => ['ZREMRANGEBYRANK', key(), integer(), integer()]],
    [3, () => ['ZREMRANGEBYSCORE', key(), bound(), bound()]],
    [3, () => ['ZREMRANGEBYLEX', lex(), lexBound(), lexBound()]],
    [7, () => store(pick(['ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE']))],
    [7, () => operation(pick(['ZUNION', 'ZINTER', 'ZDIFF']))],
    [3, () => ['ZINTERCARD', ...countedKeys('z', 3), ...(chance(50) ? [word('LIMIT'), count()] : [])]],
    [8, () => ['ZRANGE', ...rangeForms(), ...withScores()]],
    [4, () => ['ZRANGESTORE', key(), ...rangeForms()]],
    [4, () => ['ZRANGEBYSCORE', key(), bound(), bound(), ...withScores(), ...limit()]],
    [4, () => ['ZREVRANGEBYSCORE', key(), bound(), bound(), ...withScores(), ...limit()]],
    [4, () => [pick(['ZRANGEBYLEX', 'ZREVRANGEBYLEX']), lex(), lexBound(), lexBound(), ...limit()]],
    [3, () => ['ZREVRANGE', key(), integer(), integer(), ...withScores()]],
    [4, () => ['ZCOUNT', key(), bound(), bound()]],
    [3, () => ['ZLEXCOUNT', lex(), lexBound(), lexBound()]],
    [2, () => ['ZCARD', key()]],
    [4, () => ['ZSCORE', key(), member()]],
    [3, () => ['ZMSCORE', key(), ...many(1, 4, member)]],
    [5, () => [pick(['ZRANK', 'ZREVRANK']), key(), member()]],
    [5, () => [pick(['ZPOPMIN', 'ZPOPMAX']), key(), ...(chance(60) ? [count()] : [])]],
    [4, () => ['ZMPOP', ...countedKeys('z', 3), side(), ...(chance(50) ? [word('COUNT'), count()] : [])]],
    [2, () => ({ mayBlock: [pick(['BZPOPMIN', 'BZPOPMAX']), ...many(1, 3, key), timeout()] })],
    [2, () => ({ mayBlock: ['BZMPOP', timeout(), ...countedKeys('z', 3), side(), ...(chance(50) ? [word('COUNT'), count()] : [])] })],
    [3, () => ({ random: 'subset', command: ['ZRANDMEMBER', key(), ...(chance(80) ? randomOptions() : [])] })],
    [2, () => ({ scan: ['ZSCAN', key(), '0'], options: scanOptions({ pick, chance, count, word }) })],
    [2, () => ['OBJECT', 'ENCODING', key()]],
  ]
}
