/** Where keys stand in commands. Expected: what COMMAND GETKEYS of redis-server 7.0 says. */
import { describe, expect, it } from 'vitest'
import { isReadOnly, keysOf, mayWait } from './command-keys.js'
import { slotOf } from './slot.js'

describe('the keys of a command', () => {
  it.each<[command: string, keys: string]>([
    ['GET a', 'a'],
    ['get a', 'a'],
    ['SET a b PX 5', 'a'],
    ['MGET a b c', 'a b c'],
    ['MSET a 1 b 2', 'a b'],
    ['DEL a', 'a'],
    ['PING', ''],
    ['NOSUCH a', ''],
    ['OBJECT ENCODING a', 'a'],
    ['BLPOP a b 0', 'a b'],
    ['BLMOVE a b LEFT RIGHT 0', 'a b'],
    ['LMPOP 2 a b LEFT', 'a b'],
    ['BLMPOP 0 2 a b LEFT COUNT 3', 'a b'],
    ['ZUNIONSTORE d 2 a b WEIGHTS 1 2', 'd a b'],
    ['ZINTERCARD 2 a b', 'a b'],
    ['EVAL script 2 a b c', 'a b'],
    ['XREAD COUNT 2 STREAMS a b 0 0', 'a b'],
    ['XREADGROUP GROUP g c STREAMS a >', 'a'],
    ['BITOP AND d a b', 'd a b'],
    ['LCS a b', 'a b'],
    ['LMPOP many a b LEFT', ''],
    ['SORT a STORE b', 'a'],
    ['MEMORY USAGE a', 'a'],
  ])('%s', (command, keys) => {
    expect(keysOf(command.split(' ')).join(' ')).toBe(keys)
  })

  it('may be bytes, and so may be its words', () => {
    expect(keysOf(['get', new Uint8Array([1, 255])])).toEqual([new Uint8Array([1, 255])])
    expect(keysOf([Buffer.from('LMPOP'), Buffer.from('1'), 'a', 'LEFT'])).toEqual(['a'])
  })
})

describe('a command', () => {
  it('reads, writes or waits', () => {
    expect(['GET', 'HGETALL', 'OBJECT', 'SET', 'PING', 'SORT_RO', 'EVAL'].map((name) => isReadOnly([name, 'ENCODING'])))
      .toEqual([true, true, true, false, false, true, false])
    expect([['BLPOP', 'a', '0'], ['XREAD', 'STREAMS', 'a', '0'], ['XREAD', 'block', '0', 'STREAMS', 'a', '0'], ['GET', 'a']]
      .map(mayWait)).toEqual([true, false, true, false])
  })
})

describe('a slot', () => {
  it('is that of CLUSTER KEYSLOT', () => {
    expect(['', 'foo', '123456789', '{user1000}.following', '{user1000}.followers', 'foo{}{bar}', 'foo{{bar}}zap'].map(slotOf))
      .toEqual([0, 12_182, 12_739, 3443, 3443, 8363, 4015])
    expect(slotOf(Buffer.from('foo'))).toBe(12_182)
  })
})
