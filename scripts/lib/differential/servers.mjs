/** The two servers, side by side: started with the same directives, each with its three connections. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../free-port.mjs'
import { inRoot } from '../repository.mjs'
import { decodeCommands, decodeFrame } from '../resp-frames.mjs'
import { Connection } from './connection.mjs'

const stallMs = 10_000

const common = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no', '--auto-aof-rewrite-percentage', '0',
  '--proto-max-bulk-len', '1mb', '--enable-debug-command', 'yes', '--notify-keyspace-events', 'AKEnm']
/** Thresholds at which random collections cross over all the time, or Redis's own. */
const thresholds = {
  small: ['--hash-max-listpack-entries', '6', '--hash-max-listpack-value', '16', '--list-max-listpack-size', '4', '--set-max-intset-entries', '6',
    '--zset-max-listpack-entries', '6', '--zset-max-listpack-value', '16'],
  default: [],
}

class OneServer {
  /** @param options.program  arguments of spawn; undefined if it runs already, on options.port */
  static async start(name, options) {
    const dir = await mkdtemp(join(tmpdir(), `differential-${name}-`))
    const port = options.port ?? await freePort()
    const [program, ...args] = options.program ?? []
    const child = program === undefined ? undefined
      : spawn(program, [...args, '--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...common, ...thresholds[options.thresholds]], { stdio: 'ignore' })
    const server = new OneServer()
    Object.assign(server, { name, dir, child, exit: child === undefined ? Promise.resolve() : once(child, 'exit') })
    server.port = port
    server.main = await Connection.open(port)
    await server.openBlocker()
    server.subscriber = await Connection.open(port)
    await server.main.send([['DEBUG', 'SET-ACTIVE-EXPIRE', '0']])
    await server.subscriber.send([['PSUBSCRIBE', '__key*__:*']])
    return server
  }
  /** Anew after a difference: it may be waiting still. */
  async openBlocker() {
    this.blocker?.close()
    this.blocker = await Connection.open(this.port)
    const [id] = await this.blocker.send([['CLIENT', 'ID']])
    this.blockerId = decodeFrame(id).slice(1)
  }

  /** Everything published since the last time; `marker` has been published behind it. */
  async notifications(marker) {
    const frames = []
    while (!frames.at(-1)?.includes(marker)) {
      const next = await Promise.race([this.subscriber.take(1), delay(stallMs, undefined, { ref: false })])
      if (next === undefined) throw new Error(`${this.name} does not deliver its notifications`)
      frames.push(...next)
    }
    return frames.slice(0, -1)
  }
  async* logged() {
    const folder = join(this.dir, 'appendonlydir')
    const names = (await readdir(folder)).filter((file) => file.endsWith('.incr.aof')).sort()
    for (const file of names) yield* decodeCommands(await readFile(join(folder, file)))
  }
  async stop() {
    for (const connection of [this.main, this.blocker, this.subscriber]) connection.close()
    if (this.child?.exitCode === null) this.child.kill('SIGTERM')
    await this.exit
  }
  remove() {
    return rm(this.dir, { recursive: true, force: true })
  }
}

/** Both, and the ways in which an Episode talks to them. Results come as [redis, slotwise]. */
export class Pair {
  #servers
  #marks = 0
  static async start({ program, port, thresholds }) {
    const pair = new Pair()
    const ours = program === undefined ? [process.execPath, inRoot('apps', 'server', 'bin', 'slotwise-server')] : [program]
    pair.#servers = await Promise.all([
      OneServer.start('redis', { program: ['redis-server'], thresholds }),
      OneServer.start('slotwise', { program: port === undefined ? ours : undefined, port, thresholds }),
    ])
    return pair
  }
  main = (commands) => Promise.all(this.#servers.map(({ main }) => main.send(commands)))
  mainEach = (commands) => Promise.all(this.#servers.map(({ main }, i) => main.send(commands[i])))
  eachMain = (run) => Promise.all(this.#servers.map(({ main }, i) => run((commands) => main.send(commands), i)))
  blocker = (commands) => Promise.all(this.#servers.map(({ blocker }) => blocker.send(commands)))
  openBlockers = () => Promise.all(this.#servers.map((server) => server.openBlocker()))
  get blockers() {
    return this.#servers.map(({ blocker, blockerId }) => ({ connection: blocker, id: blockerId }))
  }
  async notifications() {
    const marker = `__key__:end${++this.#marks}`
    await this.main([['PUBLISH', marker, 'end']])
    return Promise.all(this.#servers.map((server) => server.notifications(marker)))
  }
  get logs() {
    return this.#servers.map((server) => server.logged())
  }
  /** Upper-case names of the commands that Slotwise has. */
  async served() {
    const [frame] = await this.#servers[1].main.send([['COMMAND', 'LIST']])
    return new Set(decodeFrame(frame).map((name) => name.slice(1).toUpperCase()))
  }
  stop = () => Promise.all(this.#servers.map((server) => server.stop()))
  remove = () => Promise.all(this.#servers.map((server) => server.remove()))
}
