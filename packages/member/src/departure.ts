/**
 * Departure: a member that goes for a while gives its role to a replica, if there is one; one that goes for good gives
 * away its slots, has the others forget it, and forgets them. Elsewhere: which slots to whom (forming.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ReplyError } from '@slotwise/engine'
import type { Backend } from 'slotwise'
import { keyCountOf, rowsOf } from './assembly.js'
import { LeaveError } from './errors.js'
import { nextGiven } from './forming.js'
import { fieldOf, type NodeRow } from './nodes-table.js'
import { moveRange } from './slot-moves.js'

const LOOK_EVERY_MS = 20
/** A replica gives a manual fail-over up after five seconds (Redis's rule): what has not come by then does not come. */
const FAILOVER_MS = 5500

export interface DepartureOptions {
  /** A connection to the own node. */
  readonly self: Backend
  readonly connect: (host: string, port: number) => Promise<Backend>
  readonly log: (message: string) => void
  /** When a replica that was asked to take over is asked again. @default 5500 */
  readonly failoverMs?: number
}

const ownRow = (rows: readonly NodeRow[]): NodeRow => rows.find(({ isMyself }) => isMyself)!

/**
 * By CLUSTER FAILOVER: writes wait until the replica has everything. Replicas are asked in turn until one has taken
 * over: one that is still copying the data, or has just lost sight of this node, can do it a little later.
 * @returns false if it stays a primary: nobody to take over is there, or not within `timeoutMs`
 */
export async function giveRole(options: DepartureOptions, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs
  const first = ownRow(await rowsOf(options.self))
  if (first.isReplica || first.slots.length === 0) return false
  for (;;) {
    const rows = await rowsOf(options.self)
    const own = ownRow(rows)
    if (own.isReplica) return true // of one that was asked before
    const replicas = rows.filter(({ primary, host }) => primary === own.id && host !== '')
    let isAnyThere = false
    // Who is suspected may only be slow, and is asked last.
    for (const replica of replicas.sort((a, b) => Number(a.isAbsent) - Number(b.isAbsent))) {
      if (performance.now() >= deadlineMs) return false
      const answer = await offer(replica, options, deadlineMs)
      if (answer === 'taken') return true
      if (answer === 'not now') isAnyThere = true
    }
    if (!isAnyThere || performance.now() >= deadlineMs) return false
    await sleep(LOOK_EVERY_MS)
  }
}

async function offer(
  { id, host, port }: NodeRow, { self, connect, log, failoverMs = FAILOVER_MS }: DepartureOptions, deadlineMs: number,
): Promise<'taken' | 'not now' | 'gone'> {
  let replica: Backend | undefined
  try {
    replica = await connect(host, port)
    // Writes would stop for nothing: it has not got the data, or no link to get the rest by.
    const info = String(await replica.run({ args: ['INFO', 'replication'] }))
    if (fieldOf(info, 'role') === 'slave' && fieldOf(info, 'master_link_status') !== 'up') return 'not now'
    await replica.run({ args: ['CLUSTER', 'FAILOVER'] })
    const endMs = Math.min(deadlineMs, performance.now() + failoverMs)
    while (performance.now() < endMs) {
      if (ownRow(await rowsOf(self)).isReplica) {
        log(`the replica ${id} is primary now`)
        return 'taken'
      }
      await replica.run({ args: ['PING'] }) // it may be going, too
      await sleep(LOOK_EVERY_MS)
    }
    log(`the replica ${id} has not taken over`)
    return 'not now'
  } catch (error) {
    log(`the replica ${id} does not take over: ${(error as Error).message}`)
    return error instanceof ReplyError ? 'not now' : 'gone'
  } finally {
    await replica?.close().catch(() => undefined)
  }
}

/** @throws {LeaveError} if slots are left when the signal says so, or nobody can take them */
export async function giveSlots({ self, log }: DepartureOptions, signal: AbortSignal): Promise<void> {
  let why = 'no time'
  const isOver = (): boolean => signal.aborted // it changes while others are asked
  for (;;) {
    const rows = await rowsOf(self)
    if (ownRow(rows).slots.length === 0 || ownRow(rows).isReplica) return
    const move = nextGiven(rows)
    if (move === null) throw new LeaveError('no other primary can take the slots')
    if (isOver()) throw new LeaveError(`the slots from ${move.first} to ${move.last} on are still here: ${why}`)
    try {
      const end = await moveRange(self, move, move.to.id, signal)
      if (end.moved) {
        log(`slots ${move.first} to ${move.last} have gone to ${move.to.id}`)
        continue
      }
      if (!end.isForNow) throw new LeaveError(`slots ${move.first} to ${move.last}: ${end.why}`)
      why = end.why
      await sleep(LOOK_EVERY_MS)
    } catch (error) {
      if (!isOver()) throw error
    }
  }
}

/** Whose slots have gone. Its keys are deleted in the background, and until then it cannot forget who it was. */
export async function forgetEachOther({ self, connect, log }: DepartureOptions, signal: AbortSignal): Promise<void> {
  let rows = await rowsOf(self)
  // Who has given its last slot away may have become a replica, whose keys are no obstacle.
  while (!ownRow(rows).isReplica && await keyCountOf(self) > 0) {
    if (signal.aborted) throw new LeaveError('the keys of the slots that have gone are still being deleted')
    await sleep(LOOK_EVERY_MS)
    rows = await rowsOf(self)
  }
  const own = ownRow(rows)
  // First, so that it tells nobody of itself when they have forgotten it.
  await self.run({ args: ['CLUSTER', 'RESET', 'HARD'] })
  for (const { host, port, isMyself, isAbsent } of rows) {
    if (isMyself || isAbsent) continue
    try {
      const other = await connect(host, port)
      await other.run({ args: ['CLUSTER', 'FORGET', own.id] }).finally(() => other.close())
    } catch (error) {
      if (error instanceof ReplyError && error.message.includes('Unknown node')) continue
      log(`${host}:${port} has not been told: ${(error as Error).message}`)
    }
  }
}
