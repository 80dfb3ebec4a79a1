/** Machines in one process, joined by links that lose nothing: for tests of whole nodes without a network. */
import { randomOf } from '@slotwise/gossip'
import {
  type ClusterEffect, type ClusterEvent, ClusterMachine, type ClusterOptions, type CommandReply, defaultOptions,
  type LinkId, parseNodesConf, type SavedCluster,
} from '../src/index.js'

const START = 1_700_000_000_000

interface Peer { node: Member; link: LinkId }

export class Member {
  machine: ClusterMachine
  readonly links = new Map<LinkId, Peer>()
  readonly effects: ClusterEffect[] = []
  /** What was persisted last, of nodes.conf. */
  disk = ''
  keys = 0
  offset = 0
  isUp = true
  /** Why it ended by itself. */
  stoppedWhy = ''
  /** What its system shows, which may be another time than that of the machine, and may step. */
  wallSkewMs: number
  #lives = 0

  /** @param skewMs  how much its clock is ahead */
  constructor(
    readonly port: number, private readonly options: Partial<ClusterOptions>, readonly skewMs = 0,
    nowMs = START + skewMs, disk = '',
  ) {
    this.wallSkewMs = skewMs
    this.disk = disk
    this.machine = this.run(nowMs)
  }

  /** The process starts, on what is on disk. */
  run(nowMs: number): ClusterMachine {
    const { port, options, disk } = this
    return this.machine = new ClusterMachine({
      options: { ...defaultOptions, nodeTimeoutMs: 1000, port, busPort: port + 10_000, ...options },
      random: randomOf(port), nowMs, processId: port * 100 + ++this.#lives,
      ...(disk !== '' && { saved: parseNodesConf(disk) as SavedCluster }),
    })
  }

  get id(): string { return this.machine.view.self.id }
}

/** Members of 127.0.0.1; time goes by ticks of 100 ms, messages arrive in the order in which they were sent. */
export class Formation {
  readonly members: Member[] = []
  now = START
  /** What goes from one port to another is lost. */
  readonly #cuts = new Set<string>()
  #inbound = 0
  readonly #inbox: (() => void)[] = []

  constructor(
    ports: readonly number[], private readonly options: Partial<ClusterOptions> = {},
    skews: Readonly<Record<number, number>> = {},
  ) {
    for (const port of ports) this.members.push(new Member(port, options, skews[port]))
  }

  /** Another process, on a copy of what somebody else has on disk. */
  startCopy(port: number, disk: string): Member {
    const member = new Member(port, this.options, 0, this.now, disk)
    this.members.push(member)
    this.#start(member)
    return member
  }

  member(port: number): Member { return this.members.find((member) => member.port === port)! }

  command(port: number, ...args: string[]): CommandReply {
    const member = this.member(port)
    const effects = this.#step(member, { type: 'command', args, keys: { inSlot: () => member.keys, total: () =>
      member.keys } })
    this.#drain()
    const reply = effects.find((effect) => effect.type === 'reply')
    if (reply === undefined) throw new Error('no reply')
    return reply.reply
  }

  run(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 100
      for (const member of this.members) {
        if (!member.isUp) continue
        const primary = member.machine.view.self.primary
        const source = this.members.find(({ id, isUp }) => isUp && id === primary?.id)
        if (source !== undefined) member.offset = source.offset
        const connected = source !== undefined
        this.#step(member, { type: 'replication', replication: { offset: member.offset, connected, sinceMs: this.now + member.skewMs,
          loaded: true } })
        this.#step(member, { type: 'tick', wallMs: this.now + member.wallSkewMs })
      }
      this.#drain()
    }
  }

  until(what: string, condition: () => boolean, msMax = 20_000): void {
    for (const end = this.now + msMax; !condition();) {
      if (this.now >= end) throw new Error(`not within ${msMax} ms: ${what}`)
      this.run(100)
    }
  }

  /** Messages between `port` and the others are lost, both ways; their links stay as they are. */
  cut(port: number, others: readonly number[] = this.members.map((member) => member.port)): void {
    for (const other of others) for (const way of [`${port} ${other}`, `${other} ${port}`]) this.#cuts.add(way)
  }

  heal(): void { this.#cuts.clear() }

  kill(port: number): void {
    const member = this.member(port)
    member.isUp = false
    for (const { node, link } of member.links.values()) this.#inbox.push(() => this.#closed(node, link))
    member.links.clear()
    this.#drain()
  }

  /** After `kill`: with what it had persisted. */
  restart(port: number): void {
    const member = this.member(port)
    member.isUp = true
    member.run(this.now + member.skewMs)
    this.#start(member)
  }

  #start(member: Member): void {
    const effects = member.machine.start(this.now + member.skewMs)
    member.effects.push(...effects)
    for (const effect of effects) this.#perform(member, effect)
    this.#drain()
  }

  #step(member: Member, event: ClusterEvent): ClusterEffect[] {
    const effects = member.machine.step(event, this.now + member.skewMs)
    member.effects.push(...effects)
    for (const effect of effects) this.#perform(member, effect)
    return effects
  }

  #perform(member: Member, effect: ClusterEffect): void {
    if (effect.type === 'persist') member.disk = member.machine.facts().nodesConf
    else if (effect.type === 'stop') {
      member.stoppedWhy = effect.why
      this.#inbox.push(() => this.kill(member.port))
    } else if (effect.type === 'connect') this.#connect(member, effect.link, effect.port)
    else if (effect.type === 'send') {
      const peer = member.links.get(effect.link)
      if (peer === undefined || this.#cuts.has(`${member.port} ${peer.node.port}`)) return
      this.#inbox.push(() => {
        if (peer.node.isUp && peer.node.links.has(peer.link)) this.#step(peer.node,
          { type: 'message', link: peer.link, message: effect.message })
      })
    } else if (effect.type === 'close') {
      const peer = member.links.get(effect.link)
      member.links.delete(effect.link)
      if (peer !== undefined) this.#inbox.push(() => this.#closed(peer.node, peer.link))
    }
  }

  #connect(member: Member, link: LinkId, busPort: number): void {
    const target = this.members.find(({ port, isUp }) => isUp && port + 10_000 === busPort)
    if (target === undefined) {
      this.#inbox.push(() => { if (member.isUp) this.#step(member, { type: 'failed', link, refused: true }) })
      return
    }
    const inbound = --this.#inbound
    member.links.set(link, { node: target, link: inbound })
    target.links.set(inbound, { node: member, link })
    this.#inbox.push(() => {
      this.#step(target, { type: 'accepted', link: inbound, remoteIp: '127.0.0.1', localIp: '127.0.0.1' })
      this.#step(member, { type: 'opened', link, localIp: '127.0.0.1' })
    })
  }

  #closed(member: Member, link: LinkId): void {
    if (member.links.delete(link) && member.isUp) this.#step(member, { type: 'closed', link })
  }

  #drain(): void {
    for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) next()
  }
}
