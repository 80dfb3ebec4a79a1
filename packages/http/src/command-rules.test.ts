import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asBytes, Engine, ReplyError } from '@slotwise/engine'
import { channelRefusal, type CommandRules, commandRules, type KeysOf, refusalOf, ruleFor } from './command-rules.js'
import { OPEN, type Scope } from './tokens.js'

let engine: Engine
let rules: CommandRules
const keysOf: KeysOf = (args) => {
  try {
    return engine.command(['COMMAND', 'GETKEYS', ...args], asBytes) as Uint8Array[]
  } catch (error) {
    if (error instanceof ReplyError) return null
    throw error
  }
}
const refusal = (scope: Partial<Scope>, command: string): string | null => {
  const args = command.split(' ')
  return refusalOf(ruleFor(rules, args), args, { ...OPEN, ...scope }, keysOf)
}

/** NOPERM; or, for what this build does not have, the engine's own refusal. */
function isNotPermitted(scope: Partial<Scope>, command: string): void {
  if (ruleFor(rules, command.split(' ')) === undefined) expect(() => engine.command(command.split(' '))).toThrow(/unknown command|not supported/)
  else expect(refusal(scope, command)).toMatch(/^NOPERM /)
}

beforeAll(async () => {
  engine = await Engine.open()
  engine.command(['HELLO', '2'])
  rules = commandRules(engine.command(['COMMAND']))
})
afterAll(() => engine.close())

it.each([
  'MULTI', 'exec', 'WATCH k', 'SUBSCRIBE c', 'PSUBSCRIBE p*', 'SELECT 1', 'HELLO 3', 'AUTH x', 'RESET', 'QUIT', 'CLIENT REPLY OFF', 'client tracking on',
  'CLIENT SETNAME x', 'BLPOP k 0', 'BRPOP k 0', 'BLMOVE a b LEFT LEFT 0', 'BLMPOP 0 1 k LEFT', 'BZPOPMIN k 0', 'BZMPOP 0 1 k MIN', 'BRPOPLPUSH a b 0',
  'MONITOR', 'SYNC', 'PSYNC ? -1', 'REPLCONF ACK 1', 'WAIT 1 0', 'MIGRATE h 1 k 0 1', 'DEBUG SLEEP 1', 'SLOTWISE.STALENESS 1', 'SLOTWISE.WAITFOR x 0', 'ASKING',
])('nobody may run %s, whatever the token', (command) => {
  expect(refusal({ admin: true }, command)).toMatch(/^ERR Command is not available: '/)
})

it('says what to use instead', () => {
  expect(refusal({}, 'MULTI')).toBe("ERR Command is not available: 'MULTI': send the whole transaction to /multi-exec")
  expect(refusal({}, 'client reply off')).toMatch(/'CLIENT REPLY'/)
})

describe('a token', () => {
  it.each(['GET k', 'SET k v', 'FLUSHALL', 'KEYS *', 'INFO', 'PUBLISH c m', 'COMMAND', 'NOSUCH x', 'CLIENT ID', 'DBSIZE'])('without words may run %s', (command) => {
    expect(refusal({}, command)).toBeNull()
  })

  it.each(['CONFIG GET *', 'CONFIG SET a b', 'ACL SETUSER x', 'SHUTDOWN', 'REPLICAOF h 1', 'CLIENT KILL TYPE normal', 'SLOWLOG GET', 'SAVE', 'FAILOVER'])(
    'needs admin for %s', (command) => {
      expect(refusal({}, command)).toMatch(/^NOPERM this token has no permissions to run the '/)
      expect(refusal({ admin: true }, command)).toBeNull()
    })

  it.each(['GET k', 'HGETALL h', 'SCAN 0', 'ZRANGE z 0 -1', 'PING', 'TIME', 'EXISTS k', 'OBJECT ENCODING k'])('that is read-only may run %s', (command) => {
    expect(refusal({ readOnly: true }, command)).toBeNull()
  })

  it.each(['SET k v', 'DEL k', 'FLUSHALL', 'KEYS *', 'PUBLISH c m', 'EVAL x 0', 'INFO', 'GETDEL k', 'GETEX k', 'SORT k STORE d', 'CONFIG GET *', 'SWAPDB 0 1'])(
    'that is read-only may not run %s', (command) => isNotPermitted({ readOnly: true }, command))

  it.each(['GET shop:1', 'MSET shop:1 a shop:2 b', 'ZUNIONSTORE shop:d 2 shop:a shop:b', 'PING', 'ECHO x', 'PUBLISH shop:c m', 'OBJECT ENCODING shop:1', 'LMOVE shop:a shop:b LEFT LEFT'])(
    'with a prefix may run %s', (command) => {
      expect(refusal({ keyPrefix: 'shop:' }, command)).toBeNull()
    })

  it.each([
    'GET other', 'GET shop', 'MSET shop:1 a other b', 'ZUNIONSTORE shop:d 2 shop:a other', 'BITOP AND shop:d other', 'COPY shop:1 other', 'RENAME shop:1 other', 'LMOVE shop:a other LEFT LEFT',
    'GEORADIUS shop:g 0 0 1 m STORE other', 'KEYS *', 'SCAN 0', 'RANDOMKEY', 'DBSIZE', 'FLUSHALL', 'SORT shop:1 BY other*', 'SORT_RO shop:1 GET other*', 'EVAL x 1 shop:1', 'FCALL f 1 shop:1',
    'PUBLISH other m', 'SWAPDB 0 1', 'INFO', 'COMMAND', 'SCRIPT LOAD x', 'RESTORE shop:1 0 x', 'MEMORY USAGE other', 'OBJECT FREQ other', 'CLUSTER KEYSLOT other',
  ])('with a prefix may not run %s', (command) => isNotPermitted({ keyPrefix: 'shop:' }, command))

  it('with a prefix listens within it', () => {
    const scope = { ...OPEN, keyPrefix: 'shop:' }
    expect([channelRefusal('shop:news', scope), channelRefusal('shop:*', scope)]).toEqual([null, null])
    for (const name of ['other', '*', 'shop', '[s]hop:x', 'sho?:']) expect(channelRefusal(name, scope)).toMatch(/^NOPERM /)
    expect(channelRefusal('*', OPEN)).toBeNull()
  })
})

it('a call that names no keys as it should is left to the engine, which refuses it', () => {
  expect(refusal({ keyPrefix: 'shop:' }, 'GET')).toBeNull()
})
