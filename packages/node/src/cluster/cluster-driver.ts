/**
 * ClusterDriver: runs the machine of one node: gives it events in their order (links, ticks, commands, replication) and
 * performs its effects in theirs, each finished before the next. Runs on the control thread.
 * Elsewhere: every decision (packages/cluster, gossip, election), serving slots (native/src/cluster).
 */
import { randomInt } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { join } from 'node:path'
import {
  type ClusterEffect, type ClusterEvent, ClusterMachine, type CommandReply, type KeyCounts, rehearseHandOver,
  type ReplicationState, type SavedCopy, TICK_MS,
} from '@slotwise/cluster'
import { type ControlPort, type ControlRequest, type Engine, type LogLevel, ReplyError } from '@slotwise/engine'
import { BusKeys } from './bus-key.js'
import { BusSockets } from './bus-sockets.js'
import { busPortOf, type ClusterConfig, clusterConfig } from './cluster-config.js'
import { ClusterFiles, type FoundFacts, type Persisting } from './cluster-files.js'
import { answerOf } from './cluster-requests.js'
import { CopyDutyKeeper, whyLess } from './copy-duty-keeper.js'
import { isListenedOn } from './own-address.js'
import { ReplicationWatch } from './replication-watch.js'
import { encodeReply, type RespValue } from './resp-writer.js'
import { slotMapOf } from './slot-map-of.js'
import { SlotMigrations } from './slot-migrations.js'

const SLOT_COUNT = 16_384
const OFFSET_TOLD_EVERY_MS = 1000
/** How soon a change of a directive is noticed. */
const CONFIG_EVERY_TICKS = 10
/** While a manual failover waits for an offset, it is looked at so often, for as long as one may take. */
const OFFSET_EVERY_MS = 10
const MANUAL_FAILOVER_MS = 6000
const PROCESS_IDS = 2 ** 48 - 1
/** A hand-over of so many slots is rehearsed, so often: 9 to 25 ms each. */
const REHEARSED_SLOTS = 1000
const REHEARSALS = 4

/**
 * What a page may show: plain data. `name` is what the machine calls it (nodeAdded, suspected, failed, voteGranted,
 * promoted, ...), or one of three that the driver adds about its own node: 'epoch', 'slots' and 'offset'.
 */
export interface ClusterChange {
  readonly name: string
  readonly node: string
  readonly epoch: number
  /** Of 'slots': how many the node owns, and how many are on their way from it and to it. */
  readonly slots?: { readonly owned: number; readonly migrating: number; readonly importing: number }
  /** Of 'offset': how far replication is. At most once a second. */
  readonly offset?: number
}

export interface DriverOptions {
  readonly engine: Engine
  readonly onLog: (level: LogLevel, text: string) => void
  /** Memberships, votes, promotions: for whoever shows them. */
  readonly onChange?: (change: ClusterChange) => void
  /** What was promised to other nodes cannot be kept: the process must end. */
  readonly onFatal: (text: string) => void
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number
}

export class ClusterDriver {
  readonly #options: DriverOptions
  readonly #engine: Engine
  readonly #control: ControlPort
  readonly #bus = new BusSockets(
    (event) => this.#step(event),
    (link) => this.#machine?.view.links.get(link)?.node?.inHandshake === false,
    (text) => this.#options.onLog('warn', text),
  )
  readonly #replication: ReplicationWatch
  readonly #migrations: SlotMigrations
  #files: ClusterFiles | null = null
  #machine: ClusterMachine | null = null
  #config: ClusterConfig | null = null
  #clientPort = 0
  #ticks = 0
  #timer: NodeJS.Timeout | undefined
  #offsetTimer: NodeJS.Timeout | undefined
  #offsetUntilMs = 0
  #mapStale = false
  #duty: CopyDutyKeeper | null = null
  /** Whom to copy from as soon as that may be. */
  #wanted: { node: string; ip: string; port: number } | null = null
  /** Events that follow from effects, after the effects that stand behind those. */
  readonly #following: ClusterEvent[] = []
  /** What was told last, so that only changes are. */
  readonly #told = { epoch: -1, slots: '', slotsAtMs: 0, offset: -1, offsetAtMs: 0 }
  #failed = false
  /** What clients asked before the machine was there. */
  readonly #early: ControlRequest[] = []
  readonly #clockBase = Date.now() - performance.now()

  /** Nothing is served before `start`. The engine was opened with `cluster`, and its events come to this object. */
  constructor(options: DriverOptions) {
    this.#options = options
    this.#engine = options.engine
    this.#control = options.engine.control()
    this.#replication = new ReplicationWatch(this.#now())
    this.#migrations = new SlotMigrations({
      engine: this.#engine, control: this.#control, directive: this.#directive,
      keysInSlot: (slot) => this.#keys.inSlot(slot),
      onEvent: (event) => void setImmediate(() => this.#step(event)),
      onLog: (text) => this.#options.onLog('info', text),
      isPrimary: () => this.#machine?.view.self.isPrimary === true,
    })
  }

  /**
   * Reads what the node remembers, listens on the bus and begins.
   * @param clientPort  where clients are answered
   * @throws {ClusterFilesError} {RangeError} and errors of listening
   */
  async start(clientPort: number): Promise<void> {
    this.#clientPort = clientPort
    const get = this.#directive
    const config = this.#config = clusterConfig(get, clientPort)
    const path = join(get('dir'), get('cluster-config-file'))
    const { files, saved, found } = ClusterFiles.open(path, (text) => this.#options.onLog('warn', text))
    this.#files = files
    const nowMs = this.#now()
    const words = get('bind').split(' ').filter((word) => word !== '')
    this.#machine = new ClusterMachine({
      options: config.machine, random: this.#options.random ?? Math.random, nowMs,
      ...(saved !== undefined && { saved }), copy: this.#savedCopy(found, config.machine.ackReplicas ?? 0),
      isOwnIp: (ip) => isListenedOn(words, ip), processId: randomInt(1, PROCESS_IDS),
    })
    this.#duty = new CopyDutyKeeper(this.#control, files, this.#clockBase)
    const source = get('bind-source-addr')
    this.#bus.sendBufferLimit = config.linkSendBufferLimit
    this.#bus.keys = BusKeys.read(`${path}.key`)
    const port = busPortOf(get, clientPort)
    if (port > 65_535) {
      throw new Error(`Redis port number too high for cluster mode: the cluster bus port would be ${port}. ` +
        'Please use a port of at most 55535, or set cluster-port')
    }
    await this.#bus.listen({ addresses: words, port, localAddress: source === '' ? undefined : source })
    this.#options.onLog('info', saved === undefined
      ? `No cluster configuration found, I'm ${this.#machine.view.self.id}`
      : `Node configuration loaded, I'm ${this.#machine.view.self.id}`)
    this.#perform(this.#machine.start(nowMs))
    // Goes on with whom it followed, who feeds nobody unless that is right: meanwhile nothing else may write here.
    if (this.#wanted !== null) this.#follow(this.#wanted)
    this.#adoptKeys()
    for (const request of this.#early.splice(0)) this.request(request)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  /** A command that the engine left to the control plane. */
  readonly request = (request: ControlRequest): void => {
    const machine = this.#machine
    if (machine === null) return void this.#early.push(request)
    const [name = '', ...args] = request.args.map((arg) => Buffer.from(arg).toString('latin1'))
    if (name === 'SLOTWISE.EXPORTED') return this.#migrations.told(args)
    if (name.toLowerCase() === 'slotwise.import') return void this.#imported(machine, request, args)
    if (args.length === 2 && args.join(' ').toLowerCase() === 'migrate status')
      return this.#answer(request, this.#migrations.status(machine))
    const read = answerOf({ machine, bus: this.#bus, endpointType: this.#config!.endpointType }, args)
    if (read !== undefined) return this.#answer(request, read)
    if (args[0]?.toLowerCase() === 'failover') this.#watchOffset()
    this.#step({ type: 'command', args, keys: this.#keys }, (reply) => this.#answer(request, valueOf(reply)))
  }

  async #imported(machine: ClusterMachine, request: ControlRequest, args: readonly string[]): Promise<void> {
    const [word = '', job = ''] = args
    if (word.toLowerCase() === 'prepare' && machine.migration.imports(job)) {
      try {
        await this.#engine.sync()
      } catch { /* it is told to those who wait for it; here it was about time only */ }
    }
    const mustBeDurable = this.#directive('appendfsync') === 'always' || this.#directive('repl-ack') === 'semisync'
    this.#step({ type: 'import', args, mustBeDurable }, (reply) => this.#answer(request, valueOf(reply)))
  }

  /** Clients published it here. */
  readonly published = (channel: Uint8Array, message: Uint8Array, sharded: boolean): void => {
    if (this.#machine !== null) this.#step({ type: 'publish', channel, message, sharded })
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearInterval(this.#offsetTimer)
    this.#migrations.stop()
    await this.#bus.stop()
    if (this.#machine !== null && !this.#failed) this.#save(this.#machine, { durable: true })
    await this.#files?.close()
    this.#machine = null
  }

  /** Never steps back, and stays near the wall clock, whose seconds gossip carries. */
  #now(): number { return this.#clockBase + performance.now() }

  readonly #directive = (name: string): string => {
    const reply = this.#engine.command(['CONFIG', 'GET', name])
    const value = reply instanceof Map ? reply.get(name) : undefined
    return typeof value === 'string' ? value : ''
  }

  readonly #keys: KeyCounts = {
    inSlot: (slot) => this.#engine.command(['CLUSTER', 'COUNTKEYSINSLOT', String(slot)]) as number,
    total: () => this.#engine.command(['DBSIZE']) as number,
  }

  #tick(): void {
    this.#ticks++
    if (this.#ticks % CONFIG_EVERY_TICKS === 0) {
      this.#readConfig()
      if (this.#machine!.migration.isImporting) this.#migrations.watchImport()
    }
    this.#tellReplication()
    this.#step({ type: 'tick', wallMs: Date.now() })
    this.#tellSlots()
  }

  #tellReplication(): void {
    const replication = this.#readReplication()
    this.#step({ type: 'replication', replication })
    this.#tellFigures(replication.offset)
    if (this.#machine === null || this.#failed) return
    try {
      this.#duty?.noteLog(this.#machine.copyDuty.isActive, replication)
    } catch (error) {
      // An older note says less, and one of another history makes a start take this copy in again.
      this.#options.onLog('warn', `How far the log goes could not be noted: ${(error as Error).message}`)
    }
  }

  #readReplication(): ReplicationState {
    return this.#replication.read(String(this.#engine.command(['INFO', 'replication'])), this.#now())
  }

  /** Is the log what it was when this copy promised things? */
  #savedCopy({ facts, log, isNew }: FoundFacts, received: number): SavedCopy {
    const copies = facts?.copies
    const remembers = isNew || facts !== null
    if (copies === undefined) return { intact: true, remembers }
    const info = String(this.#engine.command(['INFO', 'replication']))
    const why = log === null ? 'nothing was noted of it' : whyLess(info, log, received)
    if (why !== '') this.#options.onLog('warn', `The log is not what this copy may have acknowledged (${why}): it is taken in again by a primary`)
    return { facts: copies, intact: why === '', remembers }
  }

  #follow({ node, ip, port }: { node: string; ip: string; port: number }): void {
    this.#wanted = null
    this.#options.onLog('debug', `Copying from ${node}`)
    this.#setMap() // who writes to what was mine is told MOVED, not READONLY
    this.#replication.restart(this.#now())
    this.#run('REPLICAOF', ip, String(port))
  }

  #tellFigures(offset: number): void {
    const told = this.#told
    const { onChange } = this.#options
    if (this.#machine === null || onChange === undefined) return
    const { self, currentEpoch: epoch } = this.#machine.view
    if (epoch !== told.epoch) onChange({ name: 'epoch', node: self.id, epoch })
    told.epoch = epoch
    const nowMs = this.#now()
    if (offset === told.offset || nowMs - told.offsetAtMs < OFFSET_TOLD_EVERY_MS) return
    Object.assign(told, { offset, offsetAtMs: nowMs })
    onChange({ name: 'offset', node: self.id, epoch, offset })
  }

  #tellSlots(): void {
    const machine = this.#machine
    if (machine === null || this.#options.onChange === undefined) return
    const { self, currentEpoch: epoch, migrating, importing } = machine.view
    const open = machine.migration.rows.filter(({ endedAt }) => endedAt === null)
    const onTheWay = (way: 'export' | 'import'): number =>
      open.reduce((sum, { direction, slots }) => direction === way ? sum + slots.length : sum, 0)
    const slots = {
      owned: self.slotCount, migrating: migrating.size + onTheWay('export'), importing: importing.size + onTheWay('import'),
    }
    const text = Object.values(slots).join()
    if (text === this.#told.slots) return
    this.#told.slots = text
    this.#told.slotsAtMs = this.#now()
    this.#options.onChange({ name: 'slots', node: self.id, epoch, slots })
  }

  #readConfig(): void {
    const before = this.#config!
    const config = clusterConfig(this.#directive, this.#clientPort)
    this.#config = config
    this.#bus.sendBufferLimit = config.linkSendBufferLimit
    Object.assign(this.#machine!.view.options, config.machine)
    const shown = ({ endpointType, machine }: ClusterConfig): string =>
      [endpointType, machine.announceIp, machine.announceHostname, machine.port].join()
    if (shown(config) !== shown(before)) this.#setMap()
    this.#machine!.view.stateStale = true
  }

  #watchOffset(): void {
    this.#offsetUntilMs = this.#now() + MANUAL_FAILOVER_MS
    this.#offsetTimer ??= setInterval(() => {
      this.#tellReplication()
      if (this.#now() < this.#offsetUntilMs) return
      clearInterval(this.#offsetTimer)
      this.#offsetTimer = undefined
    }, OFFSET_EVERY_MS)
  }

  /** Keys that were loaded into slots that the node does not own: nobody's become mine, another's are marked. */
  #adoptKeys(): void {
    const { view } = this.#machine!
    if (!view.self.isPrimary || this.#keys.total() === 0) return
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = view.owners[slot] ?? null
      const known = owner === view.self || view.importing.has(slot) || this.#machine!.migration.mayHaveKeys(slot)
      if (known || this.#keys.inSlot(slot) === 0) continue
      if (owner === null) {
        this.#options.onLog('info', `I have keys for unassigned slot ${slot}. Taking responsibility for it.`)
        this.#step({ type: 'command', args: ['ADDSLOTS', String(slot)], keys: this.#keys }, () => undefined)
      } else {
        this.#options.onLog('warn', `I have keys for slot ${slot}, but the slot is assigned to another node. ` +
          'Setting it to importing state.')
        const args = ['SETSLOT', String(slot), 'IMPORTING', owner.id]
        this.#step({ type: 'command', args, keys: this.#keys }, () => undefined)
      }
    }
  }

  #answer(request: ControlRequest, value: RespValue): void {
    this.#control.answer(request.id, encodeReply(value, request.protocol))
  }

  #step(event: ClusterEvent, onReply?: (reply: CommandReply) => void): void {
    if (this.#machine === null || this.#failed) return
    this.#perform(this.#machine.step(event, this.#now()), onReply)
  }

  #perform(effects: readonly ClusterEffect[], onReply?: (reply: CommandReply) => void): void {
    for (const effect of effects) {
      this.#performOne(effect, onReply)
      if (this.#failed) return
    }
    if (this.#mapStale) this.#setMap()
    this.#applyDuty()
    if (this.#wanted !== null && this.#machine!.mayFollow(this.#wanted.node)) this.#follow(this.#wanted)
    for (let event = this.#following.shift(); event !== undefined; event = this.#following.shift()) this.#step(event)
  }

  /** After the map: who is to serve nobody finds no lease with an old one. */
  #applyDuty(): void {
    const machine = this.#machine!
    this.#duty?.apply(machine.copyDuty, this.#config!.promiseWhy)
    this.#duty?.lease(machine.leaseUntilMs)
  }

  #performOne(effect: ClusterEffect, onReply?: (reply: CommandReply) => void): void {
    switch (effect.type) {
      case 'persist': return this.#save(this.#machine!, effect)
      case 'connect': return this.#bus.connect(effect.link, effect.ip, effect.port)
      case 'stop': return this.#stop(`Fatal: ${effect.why}.`)
      case 'resolve': return void this.#resolve(effect.node, effect.hostname)
      case 'send': return this.#bus.send(effect.link, effect.message)
      case 'close': return this.#bus.close(effect.link)
      case 'replicateFrom':
        this.#wanted = { node: effect.node, ip: effect.ip, port: effect.port }
        if (this.#machine!.mayFollow(effect.node)) this.#follow(this.#wanted)
        return
      case 'fence': {
        this.#applyDuty()
        const { offset, durableOffset = 0 } = this.#readReplication()
        this.#following.push({ type: 'fenced', ballot: effect.ballot, offset, durableOffset })
        return
      }
      case 'becomePrimary':
        this.#wanted = null
        return this.#run('REPLICAOF', 'NO', 'ONE')
      case 'pauseWrites':
        this.#watchOffset() // until it is at rest
        return this.#run('CLIENT', 'PAUSE', String(Math.max(1, Math.round(effect.untilMs - this.#now()))), 'WRITE')
      case 'unpauseWrites':
        this.#setMap() // writes that waited for a hand-over are not to be taken by who has just handed over
        return this.#run('CLIENT', 'UNPAUSE')
      case 'deleteKeysInSlots':
        this.#setMap() // nothing may be written there meanwhile
        return this.#migrations.sweeper.add(effect.slots)
      case 'stopExport': // who was held back finds the change in force
        this.#migrations.decided()
        if (this.#mapStale) this.#setMap()
        return this.#migrations.perform(effect)
      case 'closeImport': // nothing is to come there by it any more, and whoever is sent here next is served
        if (this.#mapStale) this.#setMap()
        return this.#migrations.perform(effect)
      case 'startExport': case 'openImport':
        setImmediate(() => this.#rehearse(effect.slots.length))
        return this.#migrations.perform(effect)
      case 'askNode': case 'finishExport': case 'holdSlots':
        return this.#migrations.perform(effect)
      case 'flushData': return this.#run('FLUSHALL')
      case 'slotMapChanged':
      case 'stateChanged':
        this.#mapStale = true
        return
      case 'publish': return this.#control.deliver(effect.channel, effect.message, effect.sharded)
      case 'log': return this.#options.onLog(effect.level, effect.text)
      case 'event': return this.#options.onChange?.({ name: effect.name, node: effect.node, epoch: effect.epoch })
      case 'reply':
        if (this.#mapStale) this.#setMap() // who was answered finds the change in force
        return onReply?.(effect.reply)
    }
  }

  #setMap(): void {
    this.#mapStale = false
    const { view } = this.#machine!
    this.#migrations.sweeper.clearNow((slot) => view.self.isPrimary && view.ownerOf(slot) === view.self)
    this.#control.setSlotMap(slotMapOf(view, this.#config!.endpointType))
    // Else with the tick: a reshard changes maps by the thousand.
    if (this.#now() - this.#told.slotsAtMs >= TICK_MS) this.#tellSlots()
  }

  /** Writers will wait when slots of a migration change hands: nothing of that is to run for the first time. */
  #rehearse(count: number): void {
    if (count < REHEARSED_SLOTS || this.#machine === null) return
    for (let round = 0; round < REHEARSALS; round++)
      for (const { view } of Object.values(rehearseHandOver(count))) slotMapOf(view, this.#config!.endpointType)
  }

  #run(...args: string[]): void {
    try {
      this.#engine.command(args)
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error
      this.#options.onLog('warn', `${args.join(' ')} was refused: ${error.message}`)
    }
  }

  async #resolve(node: string, hostname: string): Promise<void> {
    try {
      const found = await lookup(hostname, { all: true })
      this.#step({ type: 'resolved', node, ips: found.map(({ address }) => address) })
    } catch (error) {
      this.#options.onLog('debug', `The host name of node ${node} was not found: ${(error as Error).message}`)
    }
  }

  #stop(text: string): void {
    this.#failed = true
    this.#options.onFatal(text)
  }

  #save(machine: ClusterMachine, how: Persisting): void {
    try {
      this.#files!.save(() => machine.facts(), how)
    } catch (error) {
      this.#stop(`Fatal: can't update cluster config file. (${(error as Error).message})`)
    }
  }
}

const valueOf = (reply: CommandReply): RespValue => reply.type === 'status' ? { status: reply.text } : { error: reply.text }
