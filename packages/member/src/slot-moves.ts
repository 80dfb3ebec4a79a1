/**
 * Slot moves: one range after the other, each as a whole, by CLUSTER MIGRATE (docs/decisions/0025). Whoever asks waits
 * for the end of each; what is cut off in between is either here or there, never both. A range that is refused for the
 * moment (somebody else's is on its way, the owner does not know the target yet) is asked for again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ReplyError } from '@slotwise/engine'
import type { Backend } from 'slotwise'

/** Slots in one range: a failure costs so much, and so much is one pause of a few milliseconds. */
export const RANGE_SLOTS = 1024
const LOOK_EVERY_MS = 20

/** Sentences of an owner that may think otherwise in a moment. */
const FOR_NOW = /^(Unknown node|Slots are being migrated already|Slot \d+ is open|The cluster is down|Target node is (failing|not a master))/

export interface SlotRange { readonly first: number; readonly last: number }

export type MoveEnd =
  | { readonly moved: true }
  /** `isForNow`: it may succeed in a moment. */
  | { readonly moved: false; readonly isForNow: boolean; readonly why: string }

/**
 * @param owner  a connection to who has them
 * @param target  the node id of who is to have them
 */
export async function moveRange(
  owner: Backend, { first, last }: SlotRange, target: string, signal: AbortSignal,
): Promise<MoveEnd> {
  const before = new Set((await jobsOf(owner)).map(({ name }) => name))
  try {
    await owner.run({ args: ['CLUSTER', 'MIGRATE', 'SLOTSRANGE', String(first), String(last), 'NODE', target] })
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error
    return { moved: false, isForNow: FOR_NOW.test(error.message), why: error.message }
  }
  for (;;) {
    const job = (await jobsOf(owner)).find(({ name, target: to }) => to === target && !before.has(name))
    if (job?.state === 'success') return { moved: true }
    if (job?.state === 'failed' || job?.state === 'cancelled') return { moved: false, isForNow: true, why: job.message }
    await sleep(LOOK_EVERY_MS, undefined, { signal })
  }
}

/** Whether the node knows the command at all: others of the cluster may be redis-server. */
export async function canMoveSlots(owner: Backend): Promise<boolean> {
  try {
    await jobsOf(owner)
    return true
  } catch (error) {
    if (error instanceof ReplyError) return false
    throw error
  }
}

interface Job { readonly name: string; readonly target: string; readonly state: string; readonly message: string }

async function jobsOf(owner: Backend): Promise<Job[]> {
  const rows = await owner.run({ args: ['CLUSTER', 'MIGRATE', 'STATUS'] }) as Map<string, unknown>[]
  return rows.filter((row) => row.get('operation') === 'EXPORT').map((row) => ({
    name: String(row.get('name')), target: String(row.get('target_node')), state: String(row.get('state')),
    message: String(row.get('message')),
  }))
}
