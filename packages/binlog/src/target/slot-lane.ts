/**
 * SlotLane: one connection to a primary that takes slots from a queue, one after the other: reads what a slot has,
 * under WATCH, decides by that, and writes it as one transaction, which the server executes only if it still is so. The
 * transaction of one slot and the question about the next are one message: a round trip a slot.
 * Nothing is ever written by what somebody else may have changed meanwhile, however long this process stood still.
 * Source: Redis documentation, Transactions (optimistic locking).
 */
import { TargetLostError } from '../errors.js'
import type { Command } from '../mapping/row-writer.js'
import { RespError, type RespReply } from '../resp/resp-decoder.js'
import { type RespConnection, throwIfError, throwIfRefused } from './resp-connection.js'

/** What is to be done in one slot. */
export interface SlotWork {
  /** Of the slot: read first. */
  readonly keys: readonly string[]
  /** What they hold unless somebody else has written there: what was written here last. @default not known */
  readonly known?: readonly (string | null)[]
  /**
   * @param found  what they hold, as text; null where there is nothing
   * @returns the transaction, empty for none. Asked again if the keys changed before it was executed
   */
  commands(found: readonly (string | null)[]): readonly Command[]
}

export interface SlotJob { readonly slot: number; readonly work: SlotWork }

interface Decided { readonly job: SlotJob; readonly commands: readonly Command[] }

/**
 * Until the queue is empty, which other lanes may empty, too.
 * @param moving  gets the jobs of slots that are on their way to another node: nothing of them was done
 * @throws {TargetLostError} {TargetRefusedError} and what a job's `commands` throws
 */
export async function runLane(connection: RespConnection, queue: SlotJob[], moving: SlotJob[]): Promise<void> {
  for (let decided: Decided | null = null; ;) {
    const next = queue.shift()
    if (decided === null && next === undefined) return
    const writes = writesOf(decided)
    const reads: Command[] = next === undefined ? [] : [['WATCH', ...next.work.keys], ['MGET', ...next.work.keys]]
    const replies = await connection.send([...writes, ...reads])
    if (decided !== null) settle(decided, replies.slice(0, writes.length), connection.name, queue, moving)
    decided = next === undefined ? null : decide(next, replies.slice(writes.length), connection.name, moving)
  }
}

function writesOf(decided: Decided | null): Command[] {
  if (decided === null) return []
  return decided.commands.length === 0 ? [['UNWATCH']] : [['MULTI'], ...decided.commands, ['EXEC']]
}

function settle(
  { job, commands }: Decided, replies: RespReply[], server: string, queue: SlotJob[], moving: SlotJob[],
): void {
  if (replies.some(isMoving)) moving.push(job)
  else if (commands.length === 0) throwIfError(replies[0]!, server)
  // Somebody was faster: what is there now?
  else if (replies.at(-1) === null) queue.push(job)
  else throwIfRefused(replies, server)
}

function decide(job: SlotJob, [watched, values]: RespReply[], server: string, moving: SlotJob[]): Decided | null {
  if (isMoving(watched!) || isMoving(values!)) {
    moving.push(job)
    return null
  }
  throwIfError(watched!, server)
  throwIfError(values!, server)
  if (!Array.isArray(values)) throw new TargetLostError(`${server}: a reply to MGET that is none`)
  const found = (values as readonly RespReply[]).map((value) => Buffer.isBuffer(value) ? value.toString() : null)
  return { job, commands: job.work.commands(found) }
}

/** The slot's keys are on both sides. Its transaction was not executed. */
export const isMoving = (reply: RespReply): boolean => reply instanceof RespError && (reply.code === 'ASK' || reply.code === 'TRYAGAIN')
