/**
 * ClusterState: how far one follower is in a cluster. The only atomic batch there is has one slot, so each slot that
 * rows were written to keeps, beside them and in the same transaction, a mark: the position that it has reached,
 * `__binlog:NAME:{tag}`. That key moves and fails over with its slot, so what it says is true of the rows it is with.
 * Invariant: a slot is written to only as long as its mark is the one by which it was decided what it lacks (SlotWork;
 * a target that is not shared relies on nobody else writing). So two that follow under one name, one of them replaced
 * without knowing it, give each slot every transaction once and in order, whoever comes first: what is in a slot is
 * told by its mark, and not by who wrote it.
 * Marks carry the id of the beginning that they are of. Ids are in order: one who begins anew (a snapshot) first writes
 * his into every slot, and whoever still writes by an earlier one finds it there and ends.
 * One more key, `__binlog:{NAME}:position`, says from where to read: everything before is in every slot, at enough
 * replicas. It follows behind, at most once a second: whoever begins there is told by each slot what it has already. A
 * slot that a fail-over has set back is behind that key's position never, so it gets what it lost.
 * Decisions 0031, 0039.
 */
import { randomUUID } from 'node:crypto'
import { DecodeError, TargetLostError, UnsupportedError } from '../errors.js'
import type { Batch, Reached, TransactionPart, Unit } from '../apply/batch.js'
import type { FollowState } from '../apply/state.js'
import { bytesOf, parse, positionOf } from '../apply/target.js'
import { MariadbGtidPosition } from '../gtid/mariadb-gtid-position.js'
import { MysqlGtidSet } from '../gtid/mysql-gtid-set.js'
import type { Command } from '../mapping/row-writer.js'
import type { SourcePosition } from '../stream/position.js'
import type { RespReply } from '../resp/resp-decoder.js'
import type { SlotWork } from './slot-lane.js'
import { SLOTS, slotOf, tagOf } from './slots.js'

/** What is asked of a cluster. */
export interface SlotStore {
  update(works: ReadonlyMap<number, SlotWork>): Promise<void>
  ask(bySlot: ReadonlyMap<number, Command>): Promise<Map<number, RespReply>>
  scan(options: { match: string }): AsyncIterable<string>
  replicated(): Promise<boolean>
  slotOfEach(): readonly number[]
}

/** What a slot has: everything up to `position`; of the transaction that ends there, all or the parts up to `rows`. */
interface Reach { readonly position: SourcePosition; readonly rows: number | null; readonly mapping: string }

/** Under a key of the follower itself. */
interface Kept { id: string; position: SourcePosition | null; part: TransactionPart | null }

/** What one slot is to get of the transactions of a batch, in their order. */
interface SlotUnit { readonly commands: Command[]; readonly position: SourcePosition }

const FLUSH_MS = 1000
const FLUSH_TRIES = 10

export class ClusterState implements FollowState {
  readonly #store: SlotStore
  readonly #name: string
  readonly #positionKey: string
  readonly #snapshotKey: string
  readonly #anewKey: string
  #id = ''
  /** The marks that were written here last. Nothing of what comes is in a slot that still has it. */
  readonly #marks = new Map<number, string>()
  #position: SourcePosition | null = null
  #part: TransactionPart | null = null
  /** What the position's key held when it was read or written here last. */
  #keptText: string | null = null
  /** Every slot has the id of this beginning. */
  #hasClaimed = false
  /** Something was written to every shard, so that waiting for replicas covers what others wrote before. */
  #hasMarkedShards = false
  #flushedMs = performance.now()
  #isFlushed = true

  constructor(store: SlotStore, name: string) {
    if (!/^[\w.-]{1,64}$/.test(name)) throw new TypeError(`'${name}': expected a name of up to 64 letters, digits, '.', '_', '-'`)
    this.#store = store
    this.#name = name
    this.#positionKey = `__binlog:{${name}}:position`
    this.#snapshotKey = `__binlog:{${name}}:snapshot`
    this.#anewKey = `__binlog:{${name}}:anew`
  }

  async position(): Promise<SourcePosition | null> {
    this.#keptText = await this.#read(this.#positionKey)
    const kept = keptOf(this.#keptText, this.#positionKey)
    if (kept === null) return null
    this.#id = kept.id
    this.#part = kept.part
    return this.#position = kept.position
  }

  part(): Promise<TransactionPart | null> { return Promise.resolve(this.#part) }

  async snapshotStart(): Promise<SourcePosition | null> {
    return keptOf(await this.#read(this.#snapshotKey), this.#snapshotKey)?.position ?? null
  }

  beginAnew(): Promise<void> { return this.#keep(() => [['SET', this.#anewKey, '1']]) }

  async isAnew(): Promise<boolean> { return await this.#read(this.#anewKey) !== null }

  /** Of an earlier beginning nothing is written from now on, whoever still tries. */
  async claim(): Promise<void> {
    await this.#keep((position, snapshot) => {
      this.#id = nextId(position?.id, snapshot?.id)
      return [this.#snapshotCommand(snapshot?.position ?? null)]
    })
    await this.#claimSlots()
  }

  /** After `claim`. */
  forgetAll(): Promise<void> {
    return this.#keep((_, snapshot) => {
      this.#mustBeOurs(snapshot)
      return [['DEL', this.#positionKey], this.#snapshotCommand(null)]
    })
  }

  async beginSnapshot(start: SourcePosition): Promise<void> {
    await this.#keep((position, snapshot) => {
      if (position !== null) throw replaced()
      if (this.#hasClaimed) this.#mustBeOurs(snapshot)
      else this.#id = nextId(snapshot?.id)
      return [this.#snapshotCommand(start)]
    })
    if (!this.#hasClaimed) await this.#claimSlots()
  }

  async begin(start: SourcePosition): Promise<void> {
    // Rows of a snapshot, too, must be where no fail-over loses them.
    await this.#surely(() => this.#store.replicated())
    this.#position = start
    this.#part = null
    await this.#keep((position, snapshot) => {
      if (position !== null) throw replaced()
      if (this.#hasClaimed) this.#mustBeOurs(snapshot)
      else this.#id = nextId(snapshot?.id)
      return [['DEL', this.#snapshotKey], ['DEL', this.#anewKey], ['SET', this.#positionKey, this.#positionText()]]
    })
    this.#keptText = this.#positionText()
  }

  prepared(xid: string): Promise<Command[] | null> { return Promise.reject(refused(xid)) }

  prepare(xid: string): Command { throw refused(xid) }

  forget(xid: string): Command { throw refused(xid) }

  keys(glob: string): AsyncIterable<string> { return this.#store.scan({ match: glob }) }

  /** Rows of a snapshot, in slots that were claimed for it. */
  run(commands: readonly Command[]): Promise<void> {
    const works = new Map<number, SlotWork>()
    const mark = this.#emptyMark()
    for (const [slot, own] of bySlot(commands, 0, commands.length)) {
      works.set(slot, {
        keys: [this.#markKey(slot)], ...(this.#hasClaimed ? { known: [mark] } : {}),
        commands: ([text]) => {
          if (text === undefined || text === null || idOf(text) !== this.#id) throw replaced()
          return own
        },
      })
    }
    return this.#store.update(works)
  }

  async apply(batch: Batch): Promise<void> {
    const { reached } = batch
    if (reached.type === 'nothing') return this.#write(batch, reachOf(reached), null)
    const reach = reachOf(reached)
    await this.#write(batch, reach, JSON.stringify({ id: this.#id, ...reach }))
    if (reached.type === 'position') {
      this.#position = reached.position
      if (reached.endsPart) this.#part = null
    } else this.#part = reached.part
    this.#isFlushed = false
    if (performance.now() - this.#flushedMs > FLUSH_MS) await this.#flush()
  }

  synced(): Promise<void> { return this.#surely(() => this.#flush()) }

  async settle(): Promise<void> { await this.#flush() }

  /** Each slot gets what it does not have, and `mark` beside it. */
  async #write({ commands, units }: Batch, reach: Reach, mark: string | null): Promise<void> {
    const works = new Map<number, SlotWork>()
    const written = new Set<number>()
    for (const [slot, own] of unitsBySlot(commands, units ?? [{ end: commands.length, position: reach.position }])) {
      const key = this.#markKey(slot)
      const last = this.#marks.get(slot)
      works.set(slot, {
        keys: [key], ...(last === undefined ? {} : { known: [last] }),
        commands: ([text = null]) => {
          const known = this.#reached(text, slot)
          const missing = known === null ? own : own.filter(({ position }) => !covers(known, { ...reach, position }))
          const words = missing.flatMap((unit) => unit.commands)
          if (words.length > 0 && mark !== null) {
            words.push(['SET', key, mark])
            written.add(slot)
          } else written.delete(slot)
          return words
        },
      })
    }
    await this.#store.update(works)
    if (mark !== null) for (const slot of written) this.#marks.set(slot, mark)
  }

  /** What a slot with this mark has of what comes; null: nothing. */
  #reached(text: string | null, slot: number): Reach | null {
    if (text === null || text === this.#marks.get(slot)) return null
    const { id, position, rows = null, mapping = '' } = parse(text) as Partial<Reach & { id: string }>
    if (id !== this.#id) {
      if (generationOf(id) > generationOf(this.#id)) throw replaced()
      return null
    }
    return (position ?? null) === null ? null : { position: positionOf(position, this.#markKey(slot)), rows, mapping }
  }

  async #claimSlots(): Promise<void> {
    const mark = this.#emptyMark()
    const works = new Map<number, SlotWork>()
    for (let slot = 0; slot < SLOTS; slot++) {
      const key = this.#markKey(slot)
      works.set(slot, {
        keys: [key],
        commands: ([text = null]) => {
          const id = text === null ? '' : idOf(text)
          // Of two who begin at once, and met in some slot, both begin again.
          if (id !== this.#id && generationOf(id) >= generationOf(this.#id)) throw replaced()
          return [['SET', key, mark]]
        },
      })
    }
    await this.#store.update(works)
    this.#hasClaimed = true
  }

  /** Moves the beginning, if all that was written is where it must be. */
  async #flush(): Promise<boolean> {
    this.#flushedMs = performance.now()
    const at = this.#position
    if (this.#isFlushed || at === null) return true
    const text = this.#positionText()
    await this.#markShards()
    if (!await this.#store.replicated()) return false
    await this.#keep((kept, _, found) => {
      if (kept?.id !== this.#id) throw replaced()
      // Another one is ahead.
      if (found !== this.#keptText && kept.position !== null && compare(kept.position, at) > 0) return []
      return [['SET', this.#positionKey, text]]
    })
    this.#keptText = text
    this.#isFlushed = true
    return true
  }

  /** Once: what is in a slot already was written by somebody else, perhaps, whose replicas nobody has waited for. */
  async #markShards(): Promise<void> {
    if (this.#hasMarkedShards) return
    await this.#store.update(new Map(this.#store.slotOfEach().map((slot): [number, SlotWork] => {
      const key = this.#markKey(slot)
      return [slot, { keys: [key], commands: ([text]) => [['SET', key, text ?? this.#emptyMark()]] }]
    })))
    this.#hasMarkedShards = true
  }

  /** Each try waits for the replicas by itself. If they are gone, the cluster is asked how many there are. */
  async #surely(work: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; !await work(); tries++) {
      if (tries === FLUSH_TRIES) throw new TargetLostError('replicas do not acknowledge what was written')
    }
  }

  #mustBeOurs(kept: Kept | null): void {
    if (kept?.id !== this.#id) throw replaced()
  }

  #markKey(slot: number): string { return `__binlog:${this.#name}:{${tagOf(slot)}}` }

  /** Of a slot that has nothing of what follows this beginning. */
  #emptyMark(): string { return JSON.stringify({ id: this.#id, position: null }) }

  #positionText(): string {
    const kept: Kept = { id: this.#id, position: this.#position, part: this.#part }
    return JSON.stringify(kept)
  }

  #snapshotCommand(position: SourcePosition | null): Command {
    const kept: Kept = { id: this.#id, position, part: null }
    return ['SET', this.#snapshotKey, JSON.stringify(kept)]
  }

  /** Changes the follower's own keys, by what they hold. */
  #keep(
    decide: (position: Kept | null, snapshot: Kept | null, positionText: string | null) => Command[],
  ): Promise<void> {
    const keys = [this.#positionKey, this.#snapshotKey]
    return this.#store.update(new Map([[slotOf(this.#positionKey), {
      keys,
      commands: ([position = null, snapshot = null]) =>
        decide(keptOf(position, this.#positionKey), keptOf(snapshot, this.#snapshotKey), position),
    }]]))
  }

  async #read(key: string): Promise<string | null> {
    const slot = slotOf(key)
    const found = (await this.#store.ask(new Map([[slot, ['GET', key]]]))).get(slot) ?? null
    return found === null ? null : bytesOf(found).toString()
  }
}

const refused = (xid: string): UnsupportedError =>
  new UnsupportedError(`XA transaction ${xid}: prepared transactions cannot be followed into a cluster, which has no place for all of their rows`)

const replaced = (): TargetLostError => new TargetLostError('another follower of this name has begun')

/** Later than all of these. Clocks tell beginnings in order whose keys were deleted in between. */
function nextId(...known: (string | undefined)[]): string {
  return `${Math.max(Date.now(), ...known.map((id) => generationOf(id) + 1))}-${randomUUID()}`
}

const generationOf = (id: string | undefined): number => Number(/^(\d{13,15})-/.exec(id ?? '')?.[1] ?? 0)

const idOf = (mark: string): string | undefined => (parse(mark) as { id?: string }).id

function keptOf(text: string | null, key: string): Kept | null {
  if (text === null) return null
  const { id, position, part = null } = parse(text) as Partial<Kept>
  if (typeof id !== 'string') throw new DecodeError(`${key} is not of a follower into a cluster`)
  if (part !== null && !(Number.isSafeInteger(part.rows) && typeof part.mapping === 'string')) throw new DecodeError(`${key} holds no part of a transaction`)
  return {
    id, position: position === null ? null : positionOf(position, key),
    part: part === null ? null : { ...part, position: positionOf(part.position, key) },
  }
}

function reachOf(reached: Reached): Reach {
  if (reached.type !== 'part') return { position: reached.position, rows: null, mapping: '' }
  const { position, rows, mapping } = reached.part
  return { position, rows, mapping }
}

function unitsBySlot(commands: readonly Command[], units: readonly Unit[]): Map<number, SlotUnit[]> {
  const slots = new Map<number, SlotUnit[]>()
  let start = 0
  for (const { end, position } of units) {
    for (const [slot, own] of bySlot(commands, start, end)) {
      const before = slots.get(slot)
      if (before === undefined) slots.set(slot, [{ commands: own, position }])
      else before.push({ commands: own, position })
    }
    start = end
  }
  return slots
}

/** The key of every command is its first argument. */
function bySlot(commands: readonly Command[], start: number, end: number): Map<number, Command[]> {
  const slots = new Map<number, Command[]>()
  for (let i = start; i < end; i++) {
    const command = commands[i]!
    const slot = slotOf(command[1]!)
    const own = slots.get(slot)
    if (own === undefined) slots.set(slot, [command])
    else own.push(command)
  }
  return slots
}

/** Does a slot that has reached `known` have what ends at `unit`? */
function covers(known: Reach, unit: Reach): boolean {
  const order = compare(known.position, unit.position)
  if (order !== 0) return order > 0
  if (known.rows === null) return true
  return unit.rows !== null && known.mapping === unit.mapping && known.rows >= unit.rows
}

/** Of two places in one stream: below 0 if `a` is before `b`, 0 if they are the same. */
export function compare(a: SourcePosition, b: SourcePosition): number {
  if (a.server === b.server && a.server !== '') {
    const [left, right] = [fileOf(a), fileOf(b)]
    if (left !== null && left.base === right?.base) return left.number - right.number || a.position - b.position
  }
  if (a.gtids === b.gtids && a.gtids !== '') return 0
  if (a.gtids === '' || b.gtids === '') throw new UnsupportedError('positions of two servers without GTIDs cannot be compared')
  return (a.flavour === 'mysql' ? MysqlGtidSet.parse(a.gtids).contains(MysqlGtidSet.parse(b.gtids))
    : MariadbGtidPosition.parse(a.gtids).contains(MariadbGtidPosition.parse(b.gtids))) ? 1 : -1
}

function fileOf({ file }: SourcePosition): { base: string; number: number } | null {
  const found = /^(.*)\.(\d+)$/.exec(file)
  return found === null ? null : { base: found[1]!, number: Number(found[2]) }
}
