/**
 * ClusterState: how far one follower is in a cluster. The only atomic batch there is has one slot, so each slot that
 * rows were written to keeps, beside them and in the same transaction, the position that it has reached:
 * `__binlog:NAME:{tag}`. That key moves and fails over with its slot, so what it says is true of the rows it is with.
 * One more key, `__binlog:{NAME}:position`, says from where to read: everything before is in every slot, at enough
 * replicas.
 * It follows behind, at most once a second: whoever begins there is told by each slot what it has already, and no slot
 * goes back. A slot that a fail-over has set back is behind that key's position never, so it gets what it lost.
 * Positions carry the id of this beginning: those of an earlier one, with the same name, mean nothing.
 */
import { randomUUID } from 'node:crypto'
import { DecodeError, TargetLostError, UnsupportedError } from '../errors.js'
import type { Batch, TransactionPart, Unit } from '../apply/batch.js'
import type { FollowState } from '../apply/state.js'
import { bytesOf, parse, positionOf } from '../apply/target.js'
import { MariadbGtidPosition } from '../gtid/mariadb-gtid-position.js'
import { MysqlGtidSet } from '../gtid/mysql-gtid-set.js'
import type { Command } from '../mapping/row-writer.js'
import type { SourcePosition } from '../stream/position.js'
import type { RespReply } from '../resp/resp-decoder.js'
import { slotOf, tagOf } from './slots.js'

/** What is asked of a cluster. */
export interface SlotStore {
  multi(bySlot: ReadonlyMap<number, readonly Command[]>): Promise<void>
  ask(bySlot: ReadonlyMap<number, Command>): Promise<Map<number, RespReply>>
  scan(options: { match: string }): AsyncIterable<string>
  replicated(): Promise<boolean>
}

/** What a slot has: everything up to `position`; of the transaction that ends there, all or the parts up to `rows`. */
interface Reach { readonly position: SourcePosition; readonly rows: number | null; readonly mapping: string }

interface Kept { id: string; position: SourcePosition | null; part: TransactionPart | null }

const FLUSH_MS = 1000
const FLUSH_TRIES = 10

export class ClusterState implements FollowState {
  readonly #store: SlotStore
  readonly #name: string
  readonly #positionKey: string
  readonly #snapshotKey: string
  #id = ''
  /** Of slots that were asked for; null: none, or of an earlier beginning. Those written to since miss what comes. */
  readonly #reached = new Map<number, Reach | 'written' | null>()
  #position: SourcePosition | null = null
  #part: TransactionPart | null = null
  #flushedMs = performance.now()
  #isFlushed = true
  #deletes = false

  constructor(store: SlotStore, name: string) {
    if (!/^[\w.-]{1,64}$/.test(name)) throw new TypeError(`'${name}': expected a name of up to 64 letters, digits, '.', '_', '-'`)
    this.#store = store
    this.#name = name
    this.#positionKey = `__binlog:{${name}}:position`
    this.#snapshotKey = `__binlog:{${name}}:snapshot`
  }

  async position(): Promise<SourcePosition | null> {
    const kept = await this.#load(this.#positionKey)
    if (kept === null) return null
    this.#id = kept.id
    this.#part = kept.part
    return this.#position = kept.position
  }

  part(): Promise<TransactionPart | null> { return Promise.resolve(this.#part) }

  async snapshotStart(): Promise<SourcePosition | null> {
    const kept = await this.#load(this.#snapshotKey)
    if (kept === null) return null
    this.#id = kept.id
    return kept.position
  }

  /** Nothing asks that of a cluster: keys of a table are in all of its slots. */
  isAnew(): Promise<boolean> { return Promise.resolve(false) }

  forgetAll(): Promise<void> { throw new UnsupportedError('a follower of a cluster begins anew under another name') }

  async beginSnapshot(position: SourcePosition): Promise<void> {
    this.#id = randomUUID()
    await this.#keep([['SET', this.#snapshotKey, JSON.stringify({ id: this.#id, position, part: null })]])
  }

  async begin(position: SourcePosition): Promise<void> {
    if (this.#id === '') this.#id = randomUUID()
    this.#position = position
    this.#part = null
    // Rows of a snapshot, too, must be where no fail-over loses them.
    await this.#surely(() => this.#store.replicated())
    await this.#keep([['DEL', this.#snapshotKey], this.#positionCommand()])
  }

  prepared(xid: string): Promise<Command[] | null> { return Promise.reject(refused(xid)) }

  prepare(xid: string): Command { throw refused(xid) }

  forget(xid: string): Command { throw refused(xid) }

  keys(glob: string): AsyncIterable<string> { return this.#store.scan({ match: glob }) }

  async run(commands: readonly Command[]): Promise<void> {
    await this.#store.multi(bySlot(commands, 0, commands.length))
  }

  async apply({ commands, units, reached }: Batch): Promise<void> {
    if (reached.type === 'nothing') {
      this.#deletes = true
      return this.run(commands)
    }
    const [position, rows, mapping] = reached.type === 'position' ? [reached.position, null, ''] : [reached.part.position, reached.part.rows, reached.part.mapping]
    const reach: Reach = { position, rows, mapping }
    const bySlots = await this.#missing(commands, units ?? [{ end: commands.length, position }], reach)
    const mark = JSON.stringify({ id: this.#id, ...reach })
    for (const [slot, own] of bySlots) own.push(['SET', `__binlog:${this.#name}:{${tagOf(slot)}}`, mark])
    await this.#store.multi(bySlots)
    for (const slot of bySlots.keys()) this.#reached.set(slot, 'written')
    if (reached.type === 'position') {
      this.#position = reached.position
      if (reached.endsPart) this.#part = null
    } else this.#part = reached.part
    this.#isFlushed = false
    // Keys that were deleted must not be looked for again when later rows have come.
    if (this.#deletes && reached.type === 'position') await this.#flushSurely()
    else if (performance.now() - this.#flushedMs > FLUSH_MS) await this.#flush()
  }

  synced(): Promise<void> { return this.#flushSurely() }

  /** The commands by slot, without those of transactions that a slot has already. */
  async #missing(commands: readonly Command[], units: readonly Unit[], reach: Reach): Promise<Map<number, Command[]>> {
    const all = bySlot(commands, 0, commands.length)
    await this.#ask([...all.keys()].filter((slot) => !this.#reached.has(slot)))
    if ([...all.keys()].every((slot) => isNothing(this.#reached.get(slot)))) return all
    const missing = new Map<number, Command[]>()
    let start = 0
    for (const { end, position } of units) {
      const unit: Reach = { ...reach, position }
      for (const [slot, own] of bySlot(commands, start, end)) {
        const known = this.#reached.get(slot)
        if (known !== 'written' && known !== null && known !== undefined && covers(known, unit)) continue
        const before = missing.get(slot)
        if (before === undefined) missing.set(slot, own)
        else before.push(...own)
      }
      start = end
    }
    return missing
  }

  /** What these slots have reached. */
  async #ask(slots: readonly number[]): Promise<void> {
    if (slots.length === 0) return
    const found = await this.#store.ask(new Map(slots.map((slot) => [slot, ['GET', `__binlog:${this.#name}:{${tagOf(slot)}}`]])))
    for (const [slot, reply] of found) {
      const kept = reply === null ? null : parse(bytesOf(reply).toString()) as Partial<Reach & { id: string }>
      if (kept?.id !== this.#id) {
        this.#reached.set(slot, null)
        continue
      }
      const { rows = null, mapping = '' } = kept
      this.#reached.set(slot, { position: positionOf(kept.position, `slot ${slot}`), rows, mapping })
    }
  }

  /** Moves the beginning, if all that was written is where it must be. */
  async #flush(): Promise<boolean> {
    this.#flushedMs = performance.now()
    if (this.#isFlushed || this.#position === null) return true
    if (!await this.#store.replicated()) return false
    await this.#keep([this.#positionCommand()])
    this.#isFlushed = true
    this.#deletes = false
    return true
  }

  #flushSurely(): Promise<void> { return this.#surely(() => this.#flush()) }

  /** Each try waits for the replicas by itself. If they are gone, the cluster is asked how many there are. */
  async #surely(work: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; !await work(); tries++) {
      if (tries === FLUSH_TRIES) throw new TargetLostError('replicas do not acknowledge what was written')
    }
  }

  #positionCommand(): Command {
    const kept: Kept = { id: this.#id, position: this.#position, part: this.#part }
    return ['SET', this.#positionKey, JSON.stringify(kept)]
  }

  #keep(commands: Command[]): Promise<void> {
    return this.#store.multi(new Map([[slotOf(this.#positionKey), commands]]))
  }

  async #load(key: string): Promise<Kept | null> {
    const slot = slotOf(key)
    const found = (await this.#store.ask(new Map([[slot, ['GET', key]]]))).get(slot) ?? null
    if (found === null) return null
    const { id, position, part = null } = parse(bytesOf(found).toString()) as Partial<Kept>
    if (typeof id !== 'string') throw new DecodeError(`${key} is not of a follower into a cluster`)
    if (part !== null && !(Number.isSafeInteger(part.rows) && typeof part.mapping === 'string')) throw new DecodeError(`${key} holds no part of a transaction`)
    const known = part === null ? null : { ...part, position: positionOf(part.position, key) }
    return { id, position: positionOf(position, key), part: known }
  }
}

const refused = (xid: string): UnsupportedError =>
  new UnsupportedError(`XA transaction ${xid}: prepared transactions cannot be followed into a cluster, which has no place for all of their rows`)

const isNothing = (reach: Reach | 'written' | null | undefined): boolean => reach === 'written' || reach === null

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
