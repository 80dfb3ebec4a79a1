/**
 * Tells the data plane until when it may serve and what it is to do as a copy of its shard, when that has changed, and
 * notes how far its log goes, so that a start finds out whether it has come back with less than it may have
 * acknowledged.
 * The ends of leases are passed as moments of the monotonic clock, which the data plane looks at by itself: what it is
 * told late, after this process was stopped, is no longer true.
 * Elsewhere: the lease (packages/gossip, lease.ts), the duty (packages/election, shard-copies.ts).
 */
import { readFileSync } from 'node:fs'
import type { CopyDuty, ReplicationState } from '@slotwise/cluster'
import type { ControlPort } from '@slotwise/engine'
import type { ClusterFiles, CopyLogNote } from './cluster-files.js'

/** An fsync each; what was written since the last note is missed by nobody's promise but this copy's. */
const NOTE_EVERY_MS = 1000

/** What the monotonic clock is ahead of performance.now(); read first, so that no lease ends too late. */
function monotonicAhead(): number {
  const monotonicMs = Number(process.hrtime.bigint()) / 1e6
  return monotonicMs - performance.now()
}

export class CopyDutyKeeper {
  readonly #ahead = monotonicAhead()
  readonly #boot = bootId()
  #told = ''
  #toldUntilMs = Number.NaN
  #noted: CopyLogNote = { history: '', offset: -1, boot: '' }
  #notedAt = Number.NEGATIVE_INFINITY

  /** @param clockBase  what the driver's clock is ahead of performance.now() */
  constructor(readonly control: ControlPort, readonly files: ClusterFiles, readonly clockBase: number) {}

  apply(duty: CopyDuty, promiseWhy: string): void {
    if (!duty.isActive && this.#told === '') return
    const why = promiseWhy === '' ? duty.why : promiseWhy
    const served = duty.isActive && promiseWhy === '' && Number.isFinite(duty.needed)
    const servesUntilMs = served && Number.isFinite(duty.servesUntilMs) && duty.servesUntilMs > 0
      ? this.#monotonic(duty.servesUntilMs) : 0
    const told = {
      tag: duty.tag ?? '', needed: Number.isFinite(duty.needed) ? duty.needed : 0, servesUntilMs, feeds: duty.feeds, why,
    }
    const text = JSON.stringify(told)
    if (text === this.#told) return
    this.#told = text
    this.control.setCopyDuty(told)
  }

  /** @param untilMs  on the driver's clock; Infinity: no lease applies */
  lease(untilMs: number): void {
    const told = Number.isFinite(untilMs) ? Math.max(0, this.#monotonic(untilMs)) : Number.POSITIVE_INFINITY
    if (told === this.#toldUntilMs) return
    this.#toldUntilMs = told
    this.control.setServesUntil(told)
  }

  #monotonic(ms: number): number { return Math.floor(ms - this.clockBase + this.#ahead) }

  /** Each tick. A new history at once: what follows is acknowledged as part of it. */
  noteLog(isActive: boolean, { history = '', offset, durableOffset = 0 }: ReplicationState): void {
    if (!isActive) return
    const now = performance.now()
    const note: CopyLogNote = { history, offset: Math.min(offset, durableOffset), boot: this.#boot }
    const isSame = history === this.#noted.history
    if (isSame && (now - this.#notedAt < NOTE_EVERY_MS || note.offset === this.#noted.offset)) return
    this.files.noteLog(note)
    this.#noted = note
    this.#notedAt = now
  }
}

/** Why the log that INFO replication tells of is not the one of `note`, or empty. */
export function whyLess(info: string, note: CopyLogNote, received: number): string {
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  if (field('master_replid') !== note.history && field('master_replid2') !== note.history) return 'it is of another history'
  const offset = Number(field('master_repl_offset'))
  if (!(offset >= note.offset)) return `it ends at ${offset} and not at ${note.offset} or later`
  // What was received is acknowledged before it is fsynced.
  return received > 0 && note.boot !== bootId() ? 'the machine was started again' : ''
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
