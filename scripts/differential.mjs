/**
 * `node scripts/differential.mjs [--count 200000] [--seed 1]`: the same random string and bitmap commands to a
 * redis-server and to Slotwise. Everything that a client, a subscriber or a replica could see has to be the same: the
 * replies byte for byte, the keyspace notifications, the values at the end, and the commands in the AOF. Only absolute
 * times that derive from relative ones may differ, by as long as the machine may stall.
 * With `--ours port` Slotwise runs already (with the directives below, apart from the AOF, which is then not compared);
 * with `--server program` another executable is started in place of apps/server.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { freePort } from './lib/free-port.mjs'
import { stringCommands } from './lib/random-string-commands.mjs'
import { inRoot } from './lib/repository.mjs'
import { decodeCommands, encodeCommand, frameEnd } from './lib/resp-frames.mjs'

const toleranceMs = 30_000
const stallMs = 10_000
const { values: options } = parseArgs({ options: {
  count: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' }, batch: { type: 'string', default: '100' },
  ours: { type: 'string' }, server: { type: 'string' },
} })
const directives = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-percentage', '0',
  '--proto-max-bulk-len', '1mb', '--enable-debug-command', 'yes', '--notify-keyspace-events', 'KEg$xenm']

class Connection {
  #socket
  #rest = Buffer.alloc(0)
  #frames = []
  #taker
  constructor(socket) {
    this.#socket = socket
    const fail = (error) => this.#taker?.reject(error ?? new Error('the server closed the connection'))
    socket.on('data', (chunk) => { this.#receive(chunk) })
    socket.on('error', fail)
    socket.on('close', () => { fail() })
  }
  static async open(port) {
    for (let attempt = 0; ; ++attempt) {
      const socket = connect(port, '127.0.0.1')
      try {
        await once(socket, 'connect')
        return new Connection(socket)
      } catch (error) {
        if (attempt > 100) throw error
        await delay(100)
      }
    }
  }
  /** Sends the commands at once and returns their replies, one Buffer each. */
  send(commands) {
    this.#socket.write(Buffer.concat(commands.map(encodeCommand)))
    return this.take(commands.length)
  }
  /** The next `count` frames. */
  take(count) {
    return new Promise((resolve, reject) => {
      this.#taker = { count, resolve, reject }
      this.#give()
    })
  }
  #receive(chunk) {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    for (let end; (end = frameEnd(this.#rest, at)) !== -1; at = end) this.#frames.push(this.#rest.subarray(at, end))
    this.#rest = this.#rest.subarray(at)
    this.#give()
  }
  #give() {
    if (this.#taker === undefined || this.#frames.length < this.#taker.count) return
    const { count, resolve } = this.#taker
    this.#taker = undefined
    resolve(this.#frames.splice(0, count))
  }
  close() {
    this.#socket.destroy()
  }
}

async function start(name, program, args) {
  const dir = await mkdtemp(join(tmpdir(), `differential-${name}-`))
  const port = name === 'slotwise' && options.ours !== undefined ? Number(options.ours) : await freePort()
  const child = name === 'slotwise' && options.ours !== undefined
    ? undefined
    : spawn(program, [...args, '--port', String(port), '--dir', dir, ...directives], { stdio: 'ignore' })
  const connection = await Connection.open(port)
  const subscriber = await Connection.open(port)
  const stop = async () => {
    connection.close()
    subscriber.close()
    if (child !== undefined && child.exitCode === null) {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  }
  return { name, dir, connection, subscriber, stop, child }
}

/** Times in ms that derive from relative ones. */
const sameTime = (a, b) => a === b ||
  (/^\d{13,19}$/.test(a) && /^\d{13,19}$/.test(b) && Math.abs(Number(BigInt(a) - BigInt(b))) < toleranceMs)
const sameReply = (command, a, b) => a.equals(b) || (command[0].toUpperCase() === 'PEXPIRETIME' &&
  sameTime(a.toString('latin1').slice(1, -2), b.toString('latin1').slice(1, -2)))
const sameCommand = (a, b) => a.length === b.length && a.every((arg, i) =>
  arg === b[i] || (i === a.length - 1 && ['PXAT', 'PEXPIREAT'].includes(a[i === 2 ? 0 : i - 1]) && sameTime(arg, b[i])))
const show = (x) => {
  const text = Buffer.isBuffer(x) ? x.toString('latin1') : JSON.stringify(x)
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}...(${text.length})` : text)
}

let differences = 0
function differ(what, redis, slotwise) {
  if (++differences <= 20) console.log(`${what}\n  redis     ${show(redis)}\n  slotwise  ${show(slotwise)}`)
}

function compareLists(what, same, redis, slotwise) {
  for (let i = 0; i < Math.max(redis.length, slotwise.length); ++i)
    if (redis[i] === undefined || slotwise[i] === undefined || !same(redis[i], slotwise[i])) {
      differ(`${what}: first difference at ${i} of ${redis.length} and ${slotwise.length}, after ${show(redis.slice(Math.max(0, i - 3), i).map(String))}`,
        redis[i] ?? 'nothing', slotwise[i] ?? 'nothing')
      return
    }
}

const aofCommands = async (dir) => {
  const folder = join(dir, 'appendonlydir')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.incr.aof')).sort()
  return (await Promise.all(names.map((name) => readFile(join(folder, name))))).flatMap(decodeCommands)
}

// A BITFIELD that grew a string and wrote nothing (OVERFLOW FAIL) is in our log and not in Redis's, whose replicas and
// AOF then lack what the server has.
function withoutBareGrowth(redis, slotwise) {
  const kept = []
  for (const command of slotwise) {
    const expected = redis[kept.length]
    const bare = command[0].toUpperCase() === 'BITFIELD' && command.some((arg) => arg.toUpperCase() === 'FAIL')
    if (!bare || (expected !== undefined && sameCommand(command, expected))) kept.push(command)
  }
  return kept
}

const seed = Number(options.seed)
const count = Number(options.count)
const servers = await Promise.all([
  start('redis', 'redis-server', []),
  options.server === undefined
    ? start('slotwise', process.execPath, [inRoot('apps', 'server', 'bin', 'slotwise-server')])
    : start('slotwise', options.server, []),
])
const both = (commands) => Promise.all(servers.map(({ connection }) => connection.send(commands)))
try {
  const hello = seed % 2 === 0 ? [['HELLO', '3']] : []
  await both([...hello, ['FLUSHALL'], ['DEBUG', 'SET-ACTIVE-EXPIRE', '0']])
  if (options.ours !== undefined) await both([['CONFIG', 'SET', 'notify-keyspace-events', 'KEg$xenm', 'proto-max-bulk-len', '1mb']])
  await Promise.all(servers.map(({ subscriber }) => subscriber.send([['PSUBSCRIBE', '__key*__:*']])))

  const source = stringCommands(seed)
  for (let done = 0; done < count && differences < 20;) {
    const commands = Array.from({ length: Math.min(Number(options.batch), count - done) }, () => source.next())
    const [redis, slotwise] = await both(commands)
    commands.forEach((command, i) => {
      if (!sameReply(command, redis[i], slotwise[i])) differ(`seed ${seed}, command ${done + i}: ${show(command)}`, redis[i], slotwise[i])
    })
    done += commands.length
    if (process.stdout.isTTY) process.stdout.write(`\r${done} of ${count}`)
  }

  const final = source.keys.flatMap((key) => [['GET', key], ['OBJECT', 'ENCODING', key], ['PEXPIRETIME', key]])
  const [redisEnd, slotwiseEnd] = await both(final)
  final.forEach((command, i) => {
    if (!sameReply(command, redisEnd[i], slotwiseEnd[i])) differ(`at the end: ${show(command)}`, redisEnd[i], slotwiseEnd[i])
  })

  // A message of our own marks the end of the notifications.
  await both([['PUBLISH', '__key__:end', 'end']])
  const notifications = await Promise.all(servers.map(async ({ subscriber }) => {
    const frames = []
    while (!frames.at(-1)?.includes('__key__:end')) {
      const next = await Promise.race([subscriber.take(1), delay(stallMs, undefined, { ref: false })])
      if (next === undefined) break
      frames.push(...next)
    }
    return frames
  }))
  compareLists('notifications', (a, b) => a.equals(b), ...notifications)

  await Promise.all(servers.map(({ stop }) => stop()))
  let logged = 'not compared'
  if (options.ours === undefined) {
    const [redis, slotwise] = await Promise.all(servers.map(({ dir }) => aofCommands(dir)))
    compareLists('AOF', sameCommand, redis, withoutBareGrowth(redis, slotwise))
    logged = `${redis.length} commands`
  }
  console.log(`\nseed ${seed}: ${count} commands, ${notifications[0].length} notifications, AOF ${logged}: ${differences} differences`)
} finally {
  await Promise.all(servers.map(({ stop }) => stop()))
  await Promise.all(servers.map(({ dir }) => rm(dir, { recursive: true, force: true })))
}
process.exitCode = differences === 0 ? 0 : 1
