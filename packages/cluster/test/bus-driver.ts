/**
 * The smallest driver there can be: one ClusterMachine on a real bus port, so that real redis-servers have it as a
 * member. It serves no clients. What it persists is kept in memory, and a wrong order would show as a vote before its
 * facts.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { randomOf } from '@slotwise/gossip'
import {
  BusStream, type ClusterEffect, type ClusterEvent, ClusterMachine, type CommandReply, defaultOptions, encodeMessage,
  type LinkId, TICK_MS,
} from '../src/index.js'

export class BusDriver implements AsyncDisposable {
  readonly machine: ClusterMachine
  readonly log: string[] = []
  /** Messages that redis-server sent and that could not be decoded. */
  readonly refused: string[] = []
  persisted = ''
  readonly #links = new Map<LinkId, Socket>()
  readonly #server: Server
  readonly #ticker: NodeJS.Timeout
  #inbound = 0

  private constructor(port: number, busPort: number, nodeTimeoutMs: number) {
    const options = { ...defaultOptions, nodeTimeoutMs, port, busPort }
    this.machine = new ClusterMachine({ options, random: randomOf(busPort), nowMs: this.#now() })
    this.#server = createServer((socket) => {
      const link = --this.#inbound
      this.#attach(link, socket)
      this.step({ type: 'accepted', link, remoteIp: socket.remoteAddress ?? '', localIp: socket.localAddress ?? '' })
    })
    this.#ticker = setInterval(() => this.step({ type: 'tick' }), TICK_MS)
  }

  static async start(port: number, busPort: number, nodeTimeoutMs: number): Promise<BusDriver> {
    const driver = new BusDriver(port, busPort, nodeTimeoutMs)
    await new Promise<void>((resolve) => driver.#server.listen(busPort, '127.0.0.1', resolve))
    driver.#perform(driver.machine.start(driver.#now()))
    return driver
  }

  command(...args: string[]): CommandReply {
    const effects = this.step({ type: 'command', args, keys: { inSlot: () => 0, total: () => 0 } })
    return effects.find((effect) => effect.type === 'reply')!.reply
  }

  step(event: ClusterEvent): ClusterEffect[] {
    const effects = this.machine.step(event, this.#now())
    this.#perform(effects)
    return effects
  }

  #now(): number { return Math.floor(performance.timeOrigin + performance.now()) }

  #perform(effects: readonly ClusterEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'persist') this.persisted = this.machine.facts().nodesConf
      else if (effect.type === 'connect') this.#connect(effect.link, effect.ip, effect.port)
      else if (effect.type === 'send') this.#links.get(effect.link)?.write(encodeMessage(effect.message))
      else if (effect.type === 'close') this.#drop(effect.link)
      else if (effect.type === 'log') this.log.push(effect.text)
    }
  }

  #connect(link: LinkId, host: string, port: number): void {
    const socket = connect({ host, port })
    this.#attach(link, socket)
    socket.once('connect', () => this.step({ type: 'opened', link, localIp: socket.localAddress ?? '' }))
  }

  #attach(link: LinkId, socket: Socket): void {
    const stream = new BusStream()
    let refused: boolean | null = null
    this.#links.set(link, socket)
    socket.on('data', (chunk) => {
      for (const item of stream.push(chunk)) {
        if (this.#links.get(link) !== socket) return
        if ('message' in item) this.step({ type: 'message', link, message: item.message })
        else if ('refused' in item) {
          this.refused.push(item.refused)
          this.step({ type: 'garbage', link, why: item.refused })
        } else socket.destroy()
      }
    })
    socket.on('error', (error: NodeJS.ErrnoException) => { refused = error.syscall === 'connect' ? error.code === 'ECONNREFUSED' : null })
    socket.on('close', () => {
      if (!this.#links.delete(link)) return
      this.step(refused === null ? { type: 'closed', link } : { type: 'failed', link, refused })
    })
  }

  #drop(link: LinkId): void {
    const socket = this.#links.get(link)
    this.#links.delete(link)
    socket?.end()
    socket?.destroySoon()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#ticker)
    for (const link of [...this.#links.keys()]) this.#drop(link)
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}
