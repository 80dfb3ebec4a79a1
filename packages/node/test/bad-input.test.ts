/**
 * Bad input, as data: rows about one node and its client port; rows of files, disks and connections are in the tests
 * of those. Each sends bytes on a connection of its own and pins the whole answer; afterwards the server answers
 * others. Rows marked `redis` are compared with a live redis-server too.
 */
import { connect } from 'node:net'
import { encodeCommand, peer, startRedis, startSlotwise, type ServerProcess } from '@slotwise/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let slotwise: ServerProcess
let redis: ServerProcess | null = null
const args = ['--appendonly', 'yes', '--requirepass', 'secret', '--enable-debug-command', 'no']

beforeAll(async () => {
  slotwise = await startSlotwise({ args, password: 'secret' })
  if (peer('redis-server').usable) redis = await startRedis({ args, password: 'secret' })
})
afterAll(async () => {
  await using other = await slotwise.client()
  expect(await other.command('PING')).toBe('PONG')
  await slotwise[Symbol.asyncDispose]()
  await redis?.[Symbol.asyncDispose]()
})

const cmd = (...parts: (string | number | Buffer)[]): Buffer => encodeCommand(parts)
const auth = cmd('AUTH', 'secret')
/** Asked behind the input: an answer shows that the connection was kept. */
const probe = cmd('ECHO', 'still here')
const probed = '$10\r\nstill here\r\n'

/** Everything that comes back for `input` until the probe is answered or the connection ends, one character a byte. */
function exchange(
  port: number, input: Buffer, options: { login?: boolean; pieces?: number; ask?: boolean } = {},
): Promise<{ reply: string; closed: boolean }> {
  const { login = true, pieces = 1, ask = true } = options
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let reply = ''
    const finish = (closed: boolean): void => {
      socket.destroy()
      const start = login ? '+OK\r\n' : ''
      resolve({ reply: reply.startsWith(start) ? reply.slice(start.length).replace(probed, '') : reply, closed })
    }
    const timer = setTimeout(() => finish(false), 60_000)
    socket.on('data', (chunk) => {
      reply += chunk.toString('latin1')
      if (reply.endsWith(probed)) {
        clearTimeout(timer)
        finish(false)
      }
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      finish(true)
    })
    const all = Buffer.concat([login ? auth : Buffer.alloc(0), input, ask ? probe : Buffer.alloc(0)])
    const size = Math.ceil(all.length / pieces)
    const sendFrom = (at: number): void => {
      if (at >= all.length || socket.destroyed) return
      socket.write(all.subarray(at, at + size), () => setImmediate(() => sendFrom(at + size)))
    }
    sendFrom(0)
  })
}

interface Row {
  row: number
  what: string
  input: Buffer
  /** All that is answered; a pattern where the text has parts that vary. */
  reply: string | RegExp
  /** X and C of the table: the connection ends. */
  closed?: true
  login?: false
  /** The text is Redis's own. */
  redis?: true
}

const text = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'), 'latin1')
const protocol = (words: string): string => `-ERR Protocol error: ${words}\r\n`
const long = 70_000
const min = '-9223372036854775808'
const max = '9223372036854775807'
const outOfRange = `-ERR value is out of range, value must between -${max} and ${max}\r\n`
const overflow = '-ERR increment or decrement would overflow\r\n'

const rows: Row[] = [
  { row: 1, what: 'a count that is no number', input: text('*abc', ''), reply: protocol('invalid multibulk length'), closed: true, redis: true },
  { row: 1, what: 'a count of 23 digits', input: text(`*${'9'.repeat(23)}`, ''), reply: protocol('invalid multibulk length'), closed: true, redis: true },
  { row: 1, what: 'a count with a leading zero', input: text('*01', '$4', 'PING', ''), reply: protocol('invalid multibulk length'), closed: true, redis: true },
  { row: 1, what: 'a count of minus nothing', input: text('*-0', ''), reply: protocol('invalid multibulk length'), closed: true, redis: true },
  { row: 2, what: 'a count above 1,048,576', input: text('*1048577', ''), reply: protocol('invalid multibulk length'), closed: true },
  { row: 3, what: 'empty and negative arrays', input: text('*0', '*-5', '*-1', ''), reply: '', redis: true },
  { row: 4, what: 'a null argument', input: text('*1', '$-1', ''), reply: protocol('invalid bulk length'), closed: true, redis: true },
  { row: 4, what: 'a bulk above 512 MB', input: text('*1', '$536870913', ''), reply: protocol('invalid bulk length'), closed: true, redis: true },
  { row: 4, what: 'a bulk length that is no number', input: text('*1', '$x', ''), reply: protocol('invalid bulk length'), closed: true, redis: true },
  { row: 4, what: 'a bulk length of 23 digits', input: text('*1', `$${'9'.repeat(23)}`, ''), reply: protocol('invalid bulk length'), closed: true, redis: true },
  { row: 4, what: 'a bulk length with a leading zero', input: text('*1', '$04', 'PING', ''), reply: protocol('invalid bulk length'), closed: true, redis: true },
  { row: 4, what: 'an empty bulk length', input: text('*1', '$', ''), reply: protocol('invalid bulk length'), closed: true, redis: true },
  { row: 5, what: 'an argument that is no bulk', input: text('*1', '+PING', ''), reply: protocol("expected '$', got '+'"), closed: true, redis: true },
  { row: 5, what: 'an empty line where an argument should be', input: text('*1', '', ''), reply: protocol("expected '$', got ' '"), closed: true, redis: true },
  { row: 6, what: 'an inline line without end', input: Buffer.alloc(long, 'x'), reply: protocol('too big inline request'), closed: true, redis: true },
  { row: 7, what: 'unbalanced quotes', input: text('SET "abc', ''), reply: protocol('unbalanced quotes in request'), closed: true, redis: true },
  { row: 8, what: 'a bulk length without end', input: Buffer.from(`*1\r\n$${'1'.repeat(long)}`), reply: protocol('too big bulk count string'), closed: true, redis: true },
  { row: 8, what: 'a count without end', input: Buffer.from(`*${'1'.repeat(long)}`), reply: protocol('too big mbulk count string'), closed: true, redis: true },
  { row: 9, what: 'no CRLF behind a bulk', input: text('*1', '$4', 'PINGXX'), reply: protocol('expected CRLF after bulk'), closed: true },
  { row: 10, what: 'an empty name', input: cmd(''), reply: "-ERR unknown command '', with args beginning with: \r\n", redis: true },
  { row: 11, what: 'a long name with line breaks', input: cmd(`a\r\n${'b'.repeat(300)}`), reply: `-ERR unknown command 'a  ${'b'.repeat(125)}', with args beginning with: \r\n`, redis: true },
  { row: 11, what: 'a name with NUL', input: cmd('a\r\n\0b'), reply: "-ERR unknown command 'a  ', with args beginning with: \r\n", redis: true },
  { row: 12, what: 'HTTP', input: text('POST / HTTP/1.1', 'Host: x', '', ''), reply: '', closed: true, redis: true },
  { row: 12, what: 'Host:', input: text('Host: x', ''), reply: '', closed: true, redis: true },
  { row: 13, what: 'a TLS hello', input: Buffer.concat([Buffer.from([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]), Buffer.alloc(long, 7)]), reply: protocol('unexpected control byte'), closed: true },
  { row: 13, what: 'NUL bytes', input: Buffer.alloc(100), reply: protocol('unexpected control byte'), closed: true },
  { row: 15, what: 'HELLO 4', input: cmd('HELLO', 4), reply: '-NOPROTO unsupported protocol version\r\n', redis: true },
  { row: 16, what: 'eleven arguments before AUTH', input: text('*11', ''), reply: protocol('unauthenticated multibulk length'), closed: true, login: false, redis: true },
  { row: 16, what: 'a bulk of 16385 before AUTH', input: text('*1', '$16385', ''), reply: protocol('unauthenticated bulk length'), closed: true, login: false, redis: true },
  { row: 18, what: 'a reply inside an error', input: cmd('x\r\n+OK'), reply: "-ERR unknown command 'x  +OK', with args beginning with: \r\n", redis: true },
  { row: 21, what: 'SETRANGE beyond 512 MB', input: cmd('SETRANGE', 'k', 536870911, 'xx'), reply: '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n', redis: true },
  { row: 21, what: 'APPEND to an empty key', input: cmd('STRLEN', 'k'), reply: ':0\r\n', redis: true },
  { row: 22, what: 'SETRANGE below zero', input: cmd('SETRANGE', 'k', -1, 'x'), reply: '-ERR offset is out of range\r\n', redis: true },
  { row: 23, what: 'SETBIT beyond 512 MB', input: cmd('SETBIT', 'k', 4294967296, 1), reply: '-ERR bit offset is not an integer or out of range\r\n', redis: true },
  { row: 23, what: 'BITFIELD at the end of the world', input: cmd('BITFIELD', 'k', 'SET', 'i64', `#${max}`, 1), reply: '-ERR bit offset is not an integer or out of range\r\n', redis: true },
  { row: 24, what: 'BITFIELD u64', input: cmd('BITFIELD', 'k', 'SET', 'u64', 0, 1), reply: '-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n', redis: true },
  { row: 25, what: 'INCR at the end', input: Buffer.concat([cmd('SET', 'n', max), cmd('INCR', 'n'), cmd('GET', 'n'), cmd('DEL', 'n')]), reply: `+OK\r\n${overflow}$19\r\n${max}\r\n:1\r\n`, redis: true },
  { row: 25, what: 'DECRBY of the smallest number', input: cmd('DECRBY', 'n', min), reply: '-ERR decrement would overflow\r\n', redis: true },
  { row: 26, what: 'INCRBYFLOAT by too much', input: cmd('INCRBYFLOAT', 'f', '1e5000'), reply: '-ERR value is not a valid float\r\n', redis: true },
  { row: 26, what: 'INCRBYFLOAT by nan', input: cmd('INCRBYFLOAT', 'f', 'nan'), reply: '-ERR value is not a valid float\r\n', redis: true },
  { row: 26, what: 'INCRBYFLOAT by infinity', input: cmd('INCRBYFLOAT', 'f', 'inf'), reply: '-ERR increment would produce NaN or Infinity\r\n', redis: true },
  { row: 26, what: 'HINCRBYFLOAT by infinity', input: cmd('HINCRBYFLOAT', 'h', 'f', 'inf'), reply: '-ERR value is NaN or Infinity\r\n', redis: true },
  { row: 27, what: 'EXPIRE beyond time', input: Buffer.concat([cmd('SET', 'e', 1), cmd('EXPIRE', 'e', max), cmd('TTL', 'e'), cmd('DEL', 'e')]), reply: "+OK\r\n-ERR invalid expire time in 'expire' command\r\n:-1\r\n:1\r\n", redis: true },
  { row: 27, what: 'SET EX 0', input: cmd('SET', 'e', 1, 'EX', 0), reply: "-ERR invalid expire time in 'set' command\r\n", redis: true },
  { row: 27, what: 'SET EX beyond time', input: cmd('SET', 'e', 1, 'EX', '9223372036854775'), reply: "-ERR invalid expire time in 'set' command\r\n", redis: true },
  { row: 28, what: 'PEXPIREAT at the last moment', input: Buffer.concat([cmd('SET', 'e', 1), cmd('PEXPIREAT', 'e', max), cmd('PEXPIRETIME', 'e'), cmd('DEL', 'e')]), reply: `+OK\r\n:1\r\n:${max}\r\n:1\r\n`, redis: true },
  { row: 29, what: 'HRANDFIELD of less than there are numbers', input: Buffer.concat([cmd('HSET', 'h', 'f', 1), cmd('HRANDFIELD', 'h', min, 'WITHVALUES'), cmd('DEL', 'h')]), reply: `:1\r\n${outOfRange}:1\r\n`, redis: true },
  { row: 29, what: 'SRANDMEMBER of less than there are numbers', input: Buffer.concat([cmd('SADD', 's', 'a'), cmd('SRANDMEMBER', 's', min), cmd('DEL', 's')]), reply: `:1\r\n${outOfRange}:1\r\n`, redis: true },
  { row: 29, what: 'ZRANDMEMBER of less than there are numbers', input: Buffer.concat([cmd('ZADD', 'z', 1, 'a'), cmd('ZRANDMEMBER', 'z', min, 'WITHSCORES'), cmd('ZRANDMEMBER', 'z', min), cmd('DEL', 'z')]), reply: `:1\r\n${outOfRange}${outOfRange}:1\r\n`, redis: true },
  { row: 31, what: 'ZADD of nan', input: cmd('ZADD', 'z', 'nan', 'a'), reply: '-ERR value is not a valid float\r\n', redis: true },
  { row: 31, what: 'ZADD XX NX', input: cmd('ZADD', 'z', 'XX', 'NX', 1, 'a'), reply: '-ERR XX and NX options at the same time are not compatible\r\n', redis: true },
  { row: 31, what: 'ZINCRBY from infinity to its opposite', input: Buffer.concat([cmd('ZADD', 'z', 'inf', 'a'), cmd('ZINCRBY', 'z', '-inf', 'a'), cmd('ZSCORE', 'z', 'a'), cmd('DEL', 'z')]), reply: ':1\r\n-ERR resulting score is not a number (NaN)\r\n$3\r\ninf\r\n:1\r\n', redis: true },
  { row: 32, what: 'LPOP of fewer than none', input: Buffer.concat([cmd('RPUSH', 'l', 'a', 'b'), cmd('LPOP', 'l', -1), cmd('LLEN', 'l'), cmd('DEL', 'l')]), reply: ':2\r\n-ERR value is out of range, must be positive\r\n:2\r\n:1\r\n', redis: true },
  { row: 32, what: 'LRANGE between the ends of the numbers', input: Buffer.concat([cmd('RPUSH', 'l', 'a', 'b'), cmd('LRANGE', 'l', min, max), cmd('LRANGE', 'l', max, min), cmd('LTRIM', 'l', max, max), cmd('EXISTS', 'l')]), reply: ':2\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*0\r\n+OK\r\n:0\r\n', redis: true },
  { row: 32, what: 'LPOS of the smallest rank', input: Buffer.concat([cmd('LPOS', 'l', 'a', 'RANK', 0), cmd('LPOS', 'l', 'a', 'RANK', min)]), reply: "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list\r\n$-1\r\n", redis: true },
  { row: 35, what: 'SORT of what are no numbers, between far limits', input: Buffer.concat([cmd('RPUSH', 'l', 'b', 'a'), cmd('SORT', 'l', 'LIMIT', 1, max), cmd('SORT', 'l', 'ALPHA', 'LIMIT', 1, max), cmd('DEL', 'l')]), reply: ":2\r\n-ERR One or more scores can't be converted into double\r\n*1\r\n$1\r\nb\r\n:1\r\n", redis: true },
  { row: 36, what: 'SCAN of no number', input: cmd('SCAN', 'notanum'), reply: '-ERR invalid cursor\r\n', redis: true },
  { row: 36, what: 'SCAN from where nobody has been', input: cmd('SCAN', '123456789'), reply: /^\*2\r\n\$/ },
  { row: 37, what: 'MSETNX with a key twice', input: Buffer.concat([cmd('MSETNX', 'a', 1, 'a', 2), cmd('GET', 'a'), cmd('DEL', 'a')]), reply: ':1\r\n$1\r\n2\r\n:1\r\n', redis: true },
  { row: 37, what: 'MSETNX without a value', input: cmd('MSETNX', 'a', 1, 'b'), reply: "-ERR wrong number of arguments for 'msetnx' command\r\n", redis: true },
  { row: 38, what: 'KEYS with an unclosed [', input: cmd('KEYS', '[ab'), reply: '*0\r\n', redis: true },
  { row: 38, what: 'KEYS with a pattern of a million stars', input: Buffer.concat([cmd('SET', 'k', 1), cmd('KEYS', '*'.repeat(1_000_000)), cmd('DEL', 'k')]), reply: '+OK\r\n*1\r\n$1\r\nk\r\n:1\r\n' },
  { row: 41, what: 'EVAL', input: cmd('EVAL', 'return 1', 0), reply: '-ERR EVAL is not supported by this server: it runs no scripts\r\n' },
  { row: 41, what: 'FUNCTION LOAD', input: cmd('FUNCTION', 'LOAD', 'x'), reply: '-ERR FUNCTION is not supported by this server: it runs no scripts\r\n' },
  { row: 41, what: 'MODULE LOAD', input: cmd('module', 'load', 'x'), reply: '-ERR MODULE LOAD is not supported by this server: it has no modules\r\n' },
  { row: 42, what: 'CONFIG SET of no number', input: cmd('CONFIG', 'SET', 'maxmemory', 'abc'), reply: "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value\r\n", redis: true },
  { row: 42, what: 'CONFIG SET of nothing known', input: cmd('CONFIG', 'SET', 'nope', '1'), reply: "-ERR Unknown option or number of arguments for CONFIG SET - 'nope'\r\n", redis: true },
  { row: 42, what: 'CONFIG SET dir', input: cmd('CONFIG', 'SET', 'dir', '/tmp'), reply: "-ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config\r\n", redis: true },
  { row: 43, what: 'DEBUG SLEEP', input: cmd('DEBUG', 'SLEEP', '1000'), reply: /^-ERR DEBUG command not allowed\. If the enable-debug-command option is set to "local"/, redis: true },
  { row: 43, what: 'DEBUG SEGFAULT', input: cmd('DEBUG', 'SEGFAULT'), reply: /^-ERR DEBUG command not allowed\. /, redis: true },
  { row: 44, what: 'WAIT for fewer than none', input: cmd('WAIT', -1, 0), reply: ':0\r\n', redis: true },
  { row: 44, what: 'WAIT for less than no time', input: cmd('WAIT', 1, -1), reply: '-ERR timeout is negative\r\n', redis: true },
  { row: 44, what: 'WAIT of no number', input: Buffer.concat([cmd('WAIT', 'x', 0), cmd('WAIT', 1, 'x')]), reply: '-ERR value is not an integer or out of range\r\n-ERR timeout is not an integer or out of range\r\n', redis: true },
  { row: 45, what: 'SELECT beyond the last database', input: cmd('SELECT', 16), reply: '-ERR DB index is out of range\r\n', redis: true },
  { row: 45, what: 'SELECT of no number', input: cmd('SELECT', 'x'), reply: '-ERR value is not an integer or out of range\r\n', redis: true },
]

const title = ({ row, what }: Row): string => `row ${row}: ${what}`

describe('bad input', () => {
  it.each(rows.map((row) => [title(row), row] as const))('%s', async (_, { input, reply, closed = false, login = true }) => {
    const found = await exchange(slotwise.port, input, { login, ask: !closed })
    if (typeof reply === 'string') expect(found.reply).toBe(reply)
    else expect(found.reply).toMatch(reply)
    expect(found.closed).toBe(closed)
  })

  const marked = rows.filter((row) => row.redis)
  it.skipIf(!peer('redis-server').usable).each(marked.map((row) => [title(row), row] as const))('%s: redis-server says the same', async (_, { input, reply, closed = false, login = true }) => {
    const found = await exchange(redis!.port, input, { login, ask: !closed })
    if (typeof reply === 'string') expect(found.reply).toBe(reply)
    else expect(found.reply).toMatch(reply)
    expect(found.closed).toBe(closed)
  })

  /** What is malformed stays malformed however it arrives; long ones are cut in some tens of pieces. */
  it.each(rows.map((row) => [title(row), row] as const))('%s: the same when it comes in pieces', async (_, { input, reply, closed = false, login = true }) => {
    const found = await exchange(slotwise.port, input, { login, ask: !closed, pieces: Math.min(input.length, 60) })
    if (typeof reply === 'string') expect(found.reply).toBe(reply)
    else expect(found.reply).toMatch(reply)
    expect(found.closed).toBe(closed)
  })
})

describe('frames', () => {
  const frames: [bytes: string, reply: string][] = [
    ['*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$3\r\n\0\0\0\r\n', '+OK\r\n'],
    ['*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n', '$3\r\n\0\0\0\r\n'],
    ['*2\r\n$4\r\nPING\r\n$0\r\n\r\n', '$0\r\n\r\n'],
    ['*-1\r\n*0\r\n\r\nPING "a\\x41\\n" \r\nPING \'it\'\r\n', '$3\r\naA\n\r\n$2\r\nit\r\n'],
    ['*1\r\n$4\r\nPING\r\n*1\r\n+', `+PONG\r\n${protocol("expected '$', got '+'")}`],
    ['*2\r\n$4\r\nPING\r\n$-3\r\n', protocol('invalid bulk length')],
    ['*x\r\n', protocol('invalid multibulk length')],
    ['*1\r\n$x\r\n', protocol('invalid bulk length')],
    ['SET \'a\r\n', protocol('unbalanced quotes in request')],
    ['SET "a"b\r\n', protocol('unbalanced quotes in request')],
  ]
  it.each(frames)('%j, split at every byte, is the same frame', async (bytes, reply) => {
    const input = Buffer.from(bytes, 'latin1')
    const whole = (await exchange(slotwise.port, input)).reply
    expect(whole).toBe(reply)
    const all = Buffer.concat([auth, input, probe])
    await Promise.all(Array.from({ length: input.length + 1 }, async (_, at) => {
      const found = await splitExchange(all, auth.length + at)
      expect([at, found]).toEqual([at, `+OK\r\n${reply}`])
    }))
    expect((await exchange(slotwise.port, input, { pieces: 10_000 })).reply).toBe(reply)
  })

  /** Two writes, the second when the first has surely been read. */
  function splitExchange(all: Buffer, at: number): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect({ port: slotwise.port, host: '127.0.0.1', noDelay: true })
      let reply = ''
      socket.on('error', () => undefined)
      socket.on('data', (chunk) => {
        reply += chunk.toString('latin1')
        if (reply.endsWith(probed)) socket.destroy()
      })
      socket.on('close', () => resolve(reply.replace(probed, '')))
      socket.write(all.subarray(0, at), () => setTimeout(() => socket.write(all.subarray(at)), 15))
    })
  }
})
