/**
 * A small world for slot migrations: primaries as machines, a data plane of counters, processes that are killed between
 * any two effects and started again from what they persisted; a power cut leaves what was durable only. Everything
 * follows from the seed.
 * The data: each slot has one counter; what a client was told is counted apart. Whoever may serve a slot is looked at
 * after every event: never two.
 */
import { leaseUntilMs, type NodeQuestion, randomOf } from '@slotwise/gossip'
import {
  type BusMessage, type ClusterEffect, type ClusterEvent, type ClusterFacts, ClusterMachine, type CommandReply,
  defaultOptions, type LinkId, parseNodesConf, type SavedCluster, TICK_MS,
} from '../src/index.js'

const CLOCK_START = 1_700_000_000_000
/** Slots that are looked at; those between them belong to the same nodes. */
export const WATCHED = [0, 1, 2, 3]

interface Export { job: string; to: Process | undefined; slots: readonly number[]; copied: boolean; finish: () => void }

export class Process {
  machine: ClusterMachine | null = null
  generation = 0
  disk: ClusterFacts | null = null
  /** What is left of it after a power cut. */
  durable: ClusterFacts | null = null
  durableWrites = 0
  /** How many there were when held writers last went on. */
  durableWritesAtRelease = 0
  keys = new Map<number, number>()
  map: ReadonlySet<number> = new Set()
  held = new Set<number>()
  mapStale = false
  import: { job: string; slots: readonly number[]; touchedAt: number } | null = null
  export: Export | null = null
  doomed = new Set<number>()
  crashAfterEffects: number | null = null
  /** The next crash is one of the machine, too. */
  losesPower = false
  readonly links = new Map<LinkId, { peer: Process; link: LinkId }>()

  constructor(readonly port: number) {}

  get id(): string { return this.disk?.id ?? this.machine!.view.self.id }
}

export class MigrationWorld {
  readonly nodes: Process[]
  readonly acknowledged = new Map<number, number>()
  readonly random: () => number
  now = 0
  /** What went wrong, the first of it. */
  violation: string | null = null
  delayMs = 5
  /** As under appendfsync always. */
  mustBeDurable = false
  /** How often an answer is lost. */
  answerLoss = 0
  readonly #cuts = new Set<string>()
  #inbound = 0
  #order = 0
  #queue: { at: number; order: number; run: () => void }[] = []
  readonly story: string[] = []

  constructor(readonly seed: number, count = 3) {
    this.random = randomOf(seed)
    this.nodes = Array.from({ length: count }, (_, index) => new Process(7000 + index))
    for (const node of this.nodes) this.start(node)
    const share = Math.ceil(16_384 / count)
    this.nodes.forEach((node, index) => {
      this.command(node, 'ADDSLOTSRANGE', String(index * share), String(Math.min(16_383, index * share + share - 1)))
      this.command(node, 'SET-CONFIG-EPOCH', String(index + 1))
      if (index > 0) this.command(node, 'MEET', '127.0.0.1', '7000')
    })
    this.until('a cluster', () => this.nodes.every(({ machine }) => machine!.view.state === 'ok' &&
      machine!.view.list.length === count && machine!.view.list.every(({ inHandshake }) => !inHandshake)))
    for (const node of this.nodes) node.durable = node.disk // a system writes back what it has, some time
  }

  owner(slot: number): Process | undefined { return this.nodes.find((node) => this.#serves(node, slot)) }

  /** A client's write, where it is served; true if it was acknowledged. */
  write(slot: number): boolean {
    for (const node of this.nodes) {
      if (!this.#serves(node, slot)) continue
      const value = (node.keys.get(slot) ?? 0) + 1
      this.#apply(node, slot, value)
      this.acknowledged.set(slot, (this.acknowledged.get(slot) ?? 0) + 1)
      return true
    }
    return false
  }

  /** A client's DEL: the counter begins anew. */
  remove(slot: number): void {
    const node = this.owner(slot)
    if (node === undefined) return
    this.#apply(node, slot, null)
    this.acknowledged.set(slot, 0)
  }

  command(node: Process, ...args: string[]): CommandReply {
    let reply: CommandReply = { type: 'error', text: 'ERR no reply' }
    this.step(node, { type: 'command', args, keys: { inSlot: (slot) => node.keys.has(slot) ? 1 : 0, total: () => node.keys.size } },
      (found) => { reply = found })
    return reply
  }

  /** Nothing gets from one to the other, either way. */
  cut(one: Process, other: Process): void { this.#cuts.add(`${one.port} ${other.port}`).add(`${other.port} ${one.port}`) }
  heal(): void { this.#cuts.clear() }

  migrate(from: Process, to: Process, first: number, last: number): CommandReply {
    return this.command(from, 'MIGRATE', 'SLOTSRANGE', String(first), String(last), 'NODE', to.id)
  }

  crash(node: Process): void {
    if (node.machine === null) return
    this.#say(node, node.losesPower ? 'loses power' : 'is killed')
    if (node.losesPower) node.disk = node.durable
    node.losesPower = false
    node.machine = null
    node.generation++
    node.crashAfterEffects = null
    node.map = new Set()
    node.held.clear()
    node.import = node.export = null
    node.doomed.clear()
    for (const [link, { peer, link: other }] of [...node.links]) {
      node.links.delete(link)
      peer.links.delete(other)
      this.#later(peer, this.delayMs, () => this.step(peer, { type: 'closed', link: other }))
    }
  }

  start(node: Process): void {
    if (node.machine !== null) return
    let saved: SavedCluster | undefined
    if (node.disk !== null) {
      const parsed = parseNodesConf(node.disk.nodesConf)
      if ('refused' in parsed) throw new Error(parsed.refused)
      saved = { ...parsed, migrations: node.disk.migrations }
    }
    // The other slots go on when a node is dead: what is not served is not served for a reason of its own.
    const options = {
      ...defaultOptions, nodeTimeoutMs: 1000, port: node.port, busPort: node.port + 10_000, announceIp: '127.0.0.1',
      requireFullCoverage: false,
    }
    node.machine = new ClusterMachine({
      options, random: this.random, nowMs: this.#clock, ...(saved !== undefined && { saved }),
    })
    this.#say(node, 'starts')
    this.#perform(node, node.machine.start(this.#clock))
    const tick = (): void => {
      this.step(node, { type: 'tick' })
      const { import: open } = node
      if (open !== null) this.step(node, { type: 'importIdle', job: open.job, idleMs: this.now - open.touchedAt })
      this.#later(node, TICK_MS, tick)
    }
    this.#later(node, this.random() * TICK_MS, tick)
  }

  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      let first = 0
      for (let index = 1; index < this.#queue.length; index++) {
        const [one, other] = [this.#queue[index]!, this.#queue[first]!]
        if (one.at < other.at || (one.at === other.at && one.order < other.order)) first = index
      }
      const next = this.#queue[first]
      if (next === undefined || next.at > end) break
      this.#queue.splice(first, 1)
      this.now = next.at
      next.run()
    }
    this.now = end
  }

  until(what: string, condition: () => boolean, msMax = 60_000): void {
    for (const end = this.now + msMax; !condition();) {
      if (this.now >= end) throw new Error(`seed ${this.seed}: not within ${msMax} ms: ${what}\n${this.story.slice(-40).join('\n')}`)
      this.run(20)
    }
  }

  step(node: Process, event: ClusterEvent, onReply?: (reply: CommandReply) => void): void {
    if (node.machine === null) return
    this.#perform(node, node.machine.step(event, this.#clock), onReply)
    this.#check()
  }

  /** All run, and nothing is under way: one owner of each slot, that has what was acknowledged, and nobody else has. */
  settledState(): string | null {
    for (const slot of WATCHED) {
      const owners = new Set(this.nodes.map(({ machine }) => machine?.view.ownerOf(slot)?.id ?? 'nobody'))
      if (owners.size !== 1) return `slot ${slot} is owned by ${[...owners].join(' and ')}`
      const owner = this.nodes.find(({ id }) => owners.has(id))
      if (owner === undefined || !this.#serves(owner, slot)) return `slot ${slot} is not served by its owner`
      const value = owner.keys.get(slot) ?? 0
      const wanted = this.acknowledged.get(slot) ?? 0
      if (value !== wanted) return `slot ${slot} has ${value}, and ${wanted} were acknowledged`
      for (const node of this.nodes) if (node !== owner && node.keys.has(slot)) return `${node.port} has keys of slot ${slot} left`
    }
    return null
  }

  /** Here, and where the slot is sent to, if that is there to hear of it. */
  #apply(node: Process, slot: number, value: number | null): void {
    const { export: sending } = node
    const follows = sending?.copied === true && sending.slots.includes(slot) && this.#takes(node, sending)
    for (const { keys } of follows ? [node, sending.to!] : [node]) {
      if (value === null) keys.delete(slot)
      else keys.set(slot, value)
    }
  }

  get #clock(): number { return Math.floor(CLOCK_START + this.now) }

  #serves(node: Process, slot: number): boolean {
    const { machine } = node
    if (machine === null || !node.map.has(slot) || node.held.has(slot)) return false
    return machine.view.state === 'ok' && machine.view.self.isVoter && this.#clock < leaseUntilMs(machine.view)
  }

  #check(): void {
    for (const slot of WATCHED) {
      const servers = this.nodes.filter((node) => this.#serves(node, slot))
      if (servers.length > 1) this.violation ??= `${servers.map(({ port }) => port).join(' and ')} serve slot ${slot} at ${this.now}`
    }
  }

  #perform(node: Process, effects: readonly ClusterEffect[], onReply?: (reply: CommandReply) => void): void {
    const { generation } = node
    for (const effect of effects) {
      if (node.crashAfterEffects !== null && node.crashAfterEffects-- <= 0) return this.crash(node)
      this.#performOne(node, effect, onReply)
      if (node.generation !== generation) return
    }
    if (node.mapStale) this.#setMap(node)
  }

  #setMap(node: Process): void {
    const { view } = node.machine!
    node.mapStale = false
    const mine = new Set(WATCHED.filter((slot) => view.ownerOf(slot) === view.self))
    for (const slot of mine) if (node.doomed.delete(slot)) node.keys.delete(slot)
    node.map = mine
  }

  #performOne(node: Process, effect: ClusterEffect, onReply?: (reply: CommandReply) => void): void {
    const watched = (slots: readonly number[]): number[] => WATCHED.filter((slot) => slots.includes(slot))
    switch (effect.type) {
      case 'persist':
        node.disk = node.machine!.facts()
        // What is no promise goes into nodes.conf only.
        if (!effect.durable) node.disk.migrations = node.durable!.migrations
        else {
          node.durable = node.disk
          node.durableWrites++
        }
        return
      case 'connect': return this.#connect(node, effect.link, effect.port)
      case 'send': return this.#send(node, effect.link, effect.message)
      case 'close': {
        const other = node.links.get(effect.link)
        node.links.delete(effect.link)
        if (other === undefined) return
        other.peer.links.delete(other.link)
        return this.#later(other.peer, this.delayMs, () => this.step(other.peer, { type: 'closed', link: other.link }))
      }
      case 'slotMapChanged': case 'stateChanged':
        node.mapStale = true
        return
      case 'fence': return // there are no copies here
      case 'reply':
        if (node.mapStale) this.#setMap(node)
        return onReply?.(effect.reply)
      case 'deleteKeysInSlots': {
        this.#setMap(node)
        for (const slot of watched(effect.slots)) node.doomed.add(slot)
        return this.#later(node, this.random() * 500, () => this.#sweep(node, effect.slots))
      }
      case 'askNode': return this.#ask(node, effect.job, effect.question, effect.port, effect.words)
      case 'startExport':
        node.export = {
          job: effect.job, to: this.nodes.find(({ port }) => port === effect.port), slots: watched(effect.slots),
          copied: false, finish: () => undefined,
        }
        return this.#copy(node, node.export)
      case 'finishExport': return node.export?.finish()
      case 'stopExport':
        if (node.mapStale) this.#setMap(node)
        node.export = null
        if (node.held.size > 0) node.durableWritesAtRelease = node.durableWrites
        node.held.clear()
        return
      case 'holdSlots':
        for (const slot of watched(effect.slots)) node.held.add(slot)
        return
      case 'openImport':
        for (const slot of watched(effect.slots)) {
          node.keys.delete(slot)
          node.doomed.delete(slot)
        }
        node.import = { job: effect.job, slots: watched(effect.slots), touchedAt: this.now }
        return
      case 'closeImport':
        if (node.mapStale) this.#setMap(node)
        node.import = null
        return
      case 'log': return this.#say(node, effect.text)
      case 'stop': case 'becomePrimary': case 'event': case 'flushData': case 'pauseWrites': case 'publish': case 'replicateFrom':
      case 'unpauseWrites': case 'resolve':
        return
    }
  }

  #isCut(one: Process, other: Process): boolean { return this.#cuts.has(`${one.port} ${other.port}`) }

  #takes(node: Process, { job, to }: Export): boolean {
    return to !== undefined && to.machine !== null && to.import?.job === job && !this.#isCut(node, to)
  }

  /**
   * Image, log, hold when told so, the rest: each some time after the other, and only while both ends are as they were.
   * While they cannot reach each other it is waited, and then it goes on from the image that has arrived, if the target
   * knows of it still.
   */
  #copy(node: Process, sending: Export): void {
    const { job, to, slots } = sending
    const tell = (progress: 'near' | 'ready' | 'lost' | 'again', why = ''): void =>
      this.step(node, { type: 'exported', job, progress, why })
    const put = (): void => {
      to!.import!.touchedAt = this.now
      for (const slot of slots) {
        if (node.keys.has(slot)) to!.keys.set(slot, node.keys.get(slot)!)
        else to!.keys.delete(slot)
      }
      sending.copied = true
    }
    /** Some time later `run`, or what follows if it cannot be done. */
    const stage = (run: () => void): void => this.#later(node, this.random() * 300, () => {
      if (node.export !== sending) return
      if (this.#takes(node, sending)) return run()
      node.held.clear()
      tell('lost', 'the connection to the target broke')
      resume()
    })
    const resume = (): void => this.#later(node, this.random() * 300, () => {
      if (node.export !== sending) return
      if (to === undefined || to.machine === null || this.#isCut(node, to)) return resume()
      if (to.import?.job === job) return copy()
      node.export = null
      tell('again', 'NOIMPORT')
    })
    const copy = (): void => stage(() => {
      put()
      sending.finish = () => stage(() => {
        for (const slot of slots) node.held.add(slot)
        stage(() => {
          put()
          tell('ready')
        })
      })
      stage(() => tell('near'))
    })
    copy()
  }

  #sweep(node: Process, slots: readonly number[]): void {
    if (node.machine?.view.self.isPrimary !== true) return
    for (const slot of WATCHED) if (slots.includes(slot) && node.doomed.delete(slot)) node.keys.delete(slot)
    this.step(node, { type: 'slotsCleared', slots })
  }

  /** The question, and later its answer; either may be lost with the process. */
  #ask(node: Process, job: string, question: NodeQuestion, port: number, words: readonly string[]): void {
    const target = this.nodes.find((other) => other.port === port)!
    const answered = (answer: string | null): void => this.#later(node, this.random() * 20, () => this.step(node, { type: 'nodeAnswered', job, question, answer }))
    const before = target.generation
    this.#after(this.random() * 20, () => {
      if (target.machine === null || target.generation !== before || this.#isCut(node, target)) return answered(null)
      let reply: string | null = null
      this.step(target, { type: 'import', args: words, mustBeDurable: this.mustBeDurable }, ({ text }) => { reply = text })
      answered(this.#isCut(node, target) || this.random() < this.answerLoss ? null : reply)
    })
  }

  #connect(node: Process, link: LinkId, busPort: number): void {
    const target = this.nodes.find(({ port }) => port + 10_000 === busPort)
    this.#later(node, this.delayMs, () => {
      if (target === undefined || target.machine === null || this.#isCut(node, target)) return this.step(node, { type: 'failed', link, refused: true })
      const inbound = --this.#inbound
      node.links.set(link, { peer: target, link: inbound })
      target.links.set(inbound, { peer: node, link })
      this.step(target, { type: 'accepted', link: inbound, remoteIp: '127.0.0.1', localIp: '127.0.0.1' })
      if (node.machine !== null) this.step(node, { type: 'opened', link, localIp: '127.0.0.1' })
    })
  }

  #send(node: Process, link: LinkId, message: BusMessage): void {
    const other = node.links.get(link)
    if (other === undefined || this.#isCut(node, other.peer)) return
    this.#later(other.peer, this.delayMs, () => {
      if (other.peer.links.has(other.link)) this.step(other.peer, { type: 'message', link: other.link, message })
    })
  }

  /** In this life of the process only. */
  #later(node: Process, ms: number, run: () => void): void {
    const { generation } = node
    this.#after(ms, () => { if (node.generation === generation && node.machine !== null) run() })
  }

  #after(ms: number, run: () => void): void { this.#queue.push({ at: this.now + ms, order: this.#order++, run }) }

  #say(node: Process, text: string): void { this.story.push(`${this.now.toFixed(0).padStart(8)} ${node.port} ${text}`) }
}
