/**
 * CLUSTER ADDSLOTS, DELSLOTS, their ranges, FLUSHSLOTS and SETSLOT: what an operator says about slots. All or nothing:
 * every argument is checked before the first slot moves.
 * Source: Redis 7.0, CLUSTER commands. Elsewhere: what headers say about slots (gossip, slot-claims.ts).
 */
import {
  becomeReplicaOf, broadcastPong, bumpWithoutConsensus, type ClusterNode, type ClusterView, SLOT_COUNT,
} from '@slotwise/gossip'
import { type CommandReply, OK, refuse } from './command-reply.js'

/** What commands ask the data plane, which answers at once. */
export interface KeyCounts {
  inSlot: (slot: number) => number
  total: () => number
}

export function readSlot(text: string): number {
  const slot = readInteger(text)
  if (slot === null || slot < 0 || slot >= SLOT_COUNT) refuse('Invalid or out of range slot')
  return slot
}

/** A 64-bit integer as Redis reads one from an argument: no spaces, no sign but minus, no leading zeros. */
export function readInteger(text: string): number | null {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return null
  return Number(text)
}

export function assignSlots(view: ClusterView, texts: readonly string[], adding: boolean): CommandReply {
  return assign(view, texts.map((text) => [readSlot(text)]), adding)
}

export function assignRanges(view: ClusterView, texts: readonly string[], adding: boolean): CommandReply {
  const ranges: number[][] = []
  for (let index = 0; index < texts.length; index += 2) {
    const first = readSlot(texts[index]!)
    const last = readSlot(texts[index + 1]!)
    if (first > last) refuse(`start slot number ${first} is greater than end slot number ${last}`)
    ranges.push(Array.from({ length: last - first + 1 }, (_, offset) => first + offset))
  }
  return assign(view, ranges, adding)
}

function assign(view: ClusterView, groups: readonly (readonly number[])[], adding: boolean): CommandReply {
  const slots = new Set<number>()
  for (const slot of groups.flat()) {
    if (adding && view.owners[slot] !== null) refuse(`Slot ${slot} is already busy`)
    if (!adding && view.owners[slot] === null) refuse(`Slot ${slot} is already unassigned`)
    if (slots.has(slot)) refuse(`Slot ${slot} specified multiple times`)
    slots.add(slot)
  }
  for (const slot of slots) {
    if (adding) view.importing.delete(slot)
    view.bind(slot, adding ? view.self : null)
  }
  return changed(view, adding ? 'slots were assigned' : 'slots were unassigned')
}

export function flushSlots(view: ClusterView, keys: KeyCounts): CommandReply {
  if (keys.total() !== 0) refuse('DB must be empty to perform CLUSTER FLUSHSLOTS.')
  view.unbindAll(view.self)
  return changed(view, 'slots were flushed')
}

export function setSlot(view: ClusterView, args: readonly string[], keys: KeyCounts): CommandReply {
  if (!view.self.isPrimary) refuse('Please use SETSLOT only with masters.')
  const slot = readSlot(args[0]!)
  const id = args[2]
  const owner = view.ownerOf(slot)
  const before = stateOf(view, slot)
  switch (`${args[1]!.toLowerCase()} ${args.length}`) {
    case 'migrating 3':
      if (owner !== view.self) refuse(`I'm not the owner of hash slot ${slot}`)
      view.migrating.set(slot, targetOf(view, id!, `I don't know about node ${id!}`))
      break
    case 'importing 3':
      if (owner === view.self) refuse(`I'm already the owner of hash slot ${slot}`)
      view.importing.set(slot, targetOf(view, id!, `I don't know about node ${id!}`))
      break
    case 'stable 2':
      view.migrating.delete(slot)
      view.importing.delete(slot)
      break
    case 'node 3':
      give(view, slot, targetOf(view, id!, `Unknown node ${id!}`), keys)
      break
    default:
      refuse('Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP')
  }
  // As a rule the owner's claim has come by the bus before redis-cli says it to everybody.
  if (before === stateOf(view, slot)) return OK
  // A reshard says it thousands of times; what is lost with a process is one of its steps.
  return changed(view, 'a slot was set', true)
}

const stateOf = (view: ClusterView, slot: number): string =>
  [view.slotsVersion, view.migrating.get(slot)?.id, view.importing.get(slot)?.id].join()

function targetOf(view: ClusterView, id: string, unknown: string): ClusterNode {
  const node = view.nodes.get(id)
  if (node === undefined) refuse(unknown)
  if (node.isReplica) refuse('Target node is not a master')
  return node
}

function give(view: ClusterView, slot: number, target: ClusterNode, keys: KeyCounts): void {
  const { self } = view
  const wasMine = view.owners[slot] === self
  const keyCount = wasMine || view.migrating.has(slot) ? keys.inSlot(slot) : 0
  if (wasMine && target !== self && keyCount > 0)
    refuse(`Can't assign hashslot ${slot} to a different node while I still hold keys for this hash slot.`)
  if (keyCount === 0) view.migrating.delete(slot)
  view.bind(slot, target)
  if (wasMine && target !== self && self.slotCount === 0 && view.options.allowReplicaMigration) {
    view.log('info', `Configuration change detected. Reconfiguring myself as a replica of ${target.id}`)
    view.persist(true, 'the last slot was given away')
    becomeReplicaOf(view, target)
  }
  if (target !== self || !view.importing.delete(slot)) return
  // Without a new epoch and telling everybody, the former owner's claim would win.
  bumpWithoutConsensus(view)
  view.persist(true, 'an imported slot was closed')
  broadcastPong(view)
}

function changed(view: ClusterView, why: string, mayWait = false): CommandReply {
  view.persist(false, why, mayWait)
  view.emit({ type: 'slotMapChanged' })
  return OK
}
