/**
 * ControlPort: what the control plane of a node of a cluster tells the data plane: who owns which slot, what to answer
 * to the commands that it leaves to the control plane, what was published elsewhere.
 * Elsewhere: what the data plane makes of a slot map (native/src/cluster), which commands those are
 * (native/src/commands/cluster_commands.cc).
 */
import type { AddonSession } from './addon.js'

/** A command that waits for its answer; the client does nothing else meanwhile. */
export interface ControlRequest {
  readonly id: number
  /** Which RESP the reply is written in. */
  readonly protocol: 2 | 3
  /** Name and arguments, as the client wrote them. */
  readonly args: readonly Uint8Array[]
}

export function controlRequest(id: number, parts: readonly (Uint8Array | number)[]): ControlRequest {
  const [protocol, ...args] = parts as [2 | 3, ...Uint8Array[]]
  return { id, protocol, args }
}

export interface SlotMapNode {
  /** What redirections name; '': the host that the client came by. At most 255 bytes. */
  readonly host: string
  readonly port: number
}

/** Nodes are named by their index in `nodes`. */
export interface SlotMap {
  /** Commands with keys are served. */
  readonly ok: boolean
  readonly nodes: readonly SlotMapNode[]
  readonly myself: number
  /** null: this node is one. */
  readonly primary: number | null
  /** Slots of the same owner, both ends included. Slots that are in none have no owner. */
  readonly runs: readonly (readonly [first: number, last: number, owner: number])[]
  /** Slots of ours on their way to a node, and slots that are on their way to us. */
  readonly migrating: readonly (readonly [slot: number, to: number])[]
  readonly importing: readonly (readonly [slot: number, from: number])[]
}

const NOBODY = 0xffff
const VERSION = 1

/** As native/src/cluster/slot_map.h reads it. */
export function encodeSlotMap(map: SlotMap): Uint8Array {
  const hosts = map.nodes.map(({ host }) => Buffer.from(host))
  const openSlots = map.migrating.length + map.importing.length
  const bytes = Buffer.alloc(
    12 + hosts.reduce((sum, host) => sum + 3 + host.length, 0) + map.runs.length * 6 + openSlots * 5,
  )
  let at = 0
  const u8 = (value: number): void => void (at = bytes.writeUInt8(value, at))
  const u16 = (...values: readonly number[]): void => {
    for (const value of values) at = bytes.writeUInt16LE(value, at)
  }
  u8(VERSION)
  u8(map.ok ? 1 : 0)
  u16(map.myself, map.primary ?? NOBODY, map.nodes.length)
  for (const [i, { port }] of map.nodes.entries()) {
    u16(port)
    u8(hosts[i]!.length)
    at += hosts[i]!.copy(bytes, at)
  }
  u16(map.runs.length)
  for (const run of map.runs) u16(...run)
  u16(openSlots)
  for (const [kind, slots] of [map.migrating, map.importing].entries()) {
    for (const [slot, node] of slots) {
      u16(slot)
      u8(kind)
      u16(node)
    }
  }
  return bytes
}

export interface DataPlaneDuty {
  /** Of acknowledgements that count; empty: none do. */
  readonly tag: string
  /** How many replicas must acknowledge. */
  readonly needed: number
  readonly servesUntilMs: number
  /** Replicas may begin to follow. */
  readonly feeds: boolean
  /** Why nothing is served, for clients. */
  readonly why: string
}

export class ControlPort {
  readonly #session: AddonSession

  constructor(session: AddonSession) {
    this.#session = session
    session.openControl()
  }

  /** `reply`: RESP, in the request's protocol. Nothing happens if the client has gone. */
  answer(request: number, reply: Uint8Array): void { this.#session.answerControl(request, reply) }

  /** From its return on every command is answered by this map. Costs some 50 us in which no command runs. */
  setSlotMap(map: SlotMap): void { this.#session.setSlotMap(encodeSlotMap(map)) }

  /**
   * Until when a primary serves its slots; the data plane looks at the clock by itself.
   * @param ms  on the clock of process.hrtime; Infinity: no lease applies
   */
  setServesUntil(ms: number): void { this.#session.setServesUntil(ms) }

  /**
   * What this node is to do as a copy of its shard, where acknowledgements outlive every fail-over. From its return on
   * nothing is acknowledged with another tag.
   * @param duty.servesUntilMs  on the clock of process.hrtime
   */
  setCopyDuty({ tag, needed, servesUntilMs, feeds, why }: DataPlaneDuty): void {
    this.#session.setCopyDuty(tag, needed, servesUntilMs, feeds, why)
  }

  /** Deletes the keys of a slot, here and at replicas. @returns how many there were */
  clearSlot(slot: number): number { return this.#session.clearSlot(slot) }

  /** To subscribers here: it was published at another node. */
  deliver(channel: Uint8Array, message: Uint8Array, shard: boolean): void {
    this.#session.deliver(channel, message, shard)
  }
}
