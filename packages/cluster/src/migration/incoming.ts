/**
 * The target of a slot migration: lets keys of slots in that are another node's, and takes the slots when asked to.
 *
 * That it imports is on disk before the first key comes, so that a start after a crash deletes what is half there. The
 * claim is slots, a new epoch, and no import any more; whoever asks after it is on disk is told the same for ever: a
 * job that was given up cannot be claimed, one that was claimed not given up.
 * Writers wait for the claim, so it does not wait for the disk: its epoch is on disk as soon as little is left to send
 * (`prepare`), the claim is written without fsync, acted upon, told to everybody, and only then fsynced and answered. A
 * process that is killed finds what it wrote. A machine that loses power in between starts in doubt: it keeps the keys
 * and serves nobody there until the source, which keeps its side of the note until it is answered, says which it is:
 * `claim` if it asked for it; if it does not know either (`settle`) it takes the slots back under a newer epoch.
 * Elsewhere: the source (outgoing.ts), applying (native/src/engine/slot_import.h).
 */
import {
  bitmapOf, broadcastPong, type ClusterView, isNewestEpoch, leaseUntilMs, type NodeId, rangesOf, reserveEpoch,
  takeEpoch,
} from '@slotwise/gossip'
import { type CommandReply, OK } from '../command-reply.js'
import { type MigrationFacts, readRanges, slotsIn } from './migration-facts.js'
import type { MigrationLog, MigrationRow } from './migration-log.js'
import { CANCELLED_THERE, NO_EXPORT, WAIT_MS_MAX } from './outgoing.js'

/** A source that sends nothing for so long is asked whether it still means to. */
const IDLE_MS = 10_000
/** While it does not answer, what is here is kept for so long: it may be cut off, and goes on where it was. */
const KEPT_MS = WAIT_MS_MAX + 30_000
const TAKEN_KEPT = 16
const ASK_AGAIN_MS = 1000

interface Incoming {
  readonly job: string
  readonly source: NodeId
  readonly slots: readonly number[]
  readonly startedAt: number
  /** That the claim is to have, on disk; 0: it was not prepared. */
  epoch: number
  /** An earlier life of this process prepared the claim, and nobody here knows whether it came. */
  readonly isInDoubt: boolean
  /** When the source is asked whether it will say so. */
  askAt: number
}

const isJob = (text: string): boolean => /^[0-9a-f]{40}$/.test(text)
const error = (text: string): CommandReply => ({ type: 'error', text })

export class IncomingMigration {
  #now: Incoming | null = null
  #seen = -1
  #taken: string[]
  /** The last that an operator gave up here, of which its source is told so. In memory only. */
  #cancelled = ''

  constructor(readonly view: ClusterView, readonly log: MigrationLog, saved: MigrationFacts) {
    this.#taken = [...saved.taken]
    if (saved.incoming === null) return
    const { job, source, slots, epoch = 0 } = saved.incoming
    this.#now = { job, source, slots: slotsIn(slots), startedAt: view.now, epoch, isInDoubt: epoch > 0, askAt: 0 }
  }

  get facts(): Pick<MigrationFacts, 'incoming' | 'taken'> {
    const now = this.#now
    const incoming = now === null ? null
      : { job: now.job, source: now.source, slots: rangesOf(now.slots), ...(now.epoch > 0 && { epoch: now.epoch }) }
    return { incoming, taken: this.#taken }
  }

  get row(): Omit<MigrationRow, 'direction' | 'endedAt'> | null {
    const now = this.#now
    return now === null ? null : { ...now, peer: now.source, state: now.isInDoubt ? 'settling' : 'importing', why: '' }
  }

  /** The connection is gone with the process, and what came over it is not whole, unless the claim may have come. */
  start(): void {
    const { view } = this
    const now = this.#now
    if (now === null) return
    if (!now.isInDoubt || !view.self.isPrimary) return this.#drop('this node was restarted')
    // It was claimed, and killed before that was on disk as such.
    if (now.slots.every((slot) => view.ownerOf(slot) === view.self)) {
      this.#take(now)
      view.persist(true, 'slots were taken over')
      return this.#tell(now)
    }
    // Others may have heard of it, and an epoch never goes back.
    view.self.configEpoch = Math.max(view.self.configEpoch, now.epoch)
  }

  imports(job: string): boolean { return this.#now?.job === job }

  /** Keys of the slot may be here, although it is another node's. */
  mayHaveKeys(slot: number): boolean { return this.#now?.slots.includes(slot) === true }

  /**
   * SLOTWISE.IMPORT of another node. Before PREPARE comes here, what was imported is on disk (a driver sees to that),
   * so that the disk has little else to do when the claim comes.
   * @param canPrepare  of the slots: a claim may be acted upon before it is on disk
   */
  asked(words: readonly string[], canPrepare: (slots: readonly number[]) => boolean): CommandReply {
    const [word = '', job = '', ...rest] = words
    if (!isJob(job)) return error('ERR Invalid job')
    switch (word.toLowerCase()) {
      case 'begin': return this.#begin(job, rest)
      case 'prepare': return this.#prepare(job, canPrepare)
      case 'claim': return this.#claim(job)
      case 'settle': return this.#settleJob(job)
      case 'abort':
        if (this.#now?.job === job) this.#drop('the source gave up')
        return OK
      default: return error('ERR syntax error')
    }
  }

  cancel(): CommandReply | null {
    if (this.#now === null) return null
    if (this.#now.isInDoubt) return error('ERR The slots are being handed over, which cannot be taken back')
    this.#cancelled = this.#now.job
    this.#drop('on request')
    return OK
  }

  /** A source that is cut off goes on later; one that was started anew, or gave up, knows nothing of the job. */
  idle(job: string, idleMs: number): void {
    const now = this.#now
    if (now?.job !== job || now.isInDoubt || idleMs <= IDLE_MS) return
    if (idleMs > KEPT_MS) return this.#drop('the source sent nothing for too long')
    this.#askOutcome(now)
  }

  tick(): void {
    const now = this.#now
    if (now?.isInDoubt === true) this.#askOutcome(now)
  }

  #askOutcome(now: Incoming): void {
    const { view } = this
    const source = view.known(now.source)
    if (source === null || view.now < now.askAt) return
    now.askAt = Number.POSITIVE_INFINITY // until it has answered
    view.emit({ type: 'askNode', job: now.job, question: 'outcome', ip: source.ip, port: source.port, words: ['OUTCOME', now.job] })
  }

  /** Of the question for the outcome. */
  answered(job: string, answer: string | null): void {
    const now = this.#now
    if (now?.job !== job) return
    now.askAt = this.view.now + ASK_AGAIN_MS
    if (answer?.startsWith(NO_EXPORT) === true) this.#drop('the source had given up')
  }

  /** After a step: is this still what was begun? */
  settle(): void {
    const { view } = this
    const now = this.#now
    const seen = view.slotsVersion * 65_536 + view.roleVersion % 65_536
    if (now === null || (this.#seen === seen && !now.isInDoubt)) return
    this.#seen = seen
    if (!view.self.isPrimary) return this.#drop('this node is a replica now')
    const isElsewhere = (slot: number): boolean => {
      const owner = view.ownerOf(slot)
      return owner === null ? !now.isInDoubt : owner.id !== now.source // what nobody has may be nowhere else
    }
    const isTakenBack = (slot: number): boolean =>
      view.notClaiming[slot] === 0 && (view.ownerOf(slot)?.configEpoch ?? 0) > now.epoch
    if (now.slots.some(isElsewhere) || (now.isInDoubt && now.slots.every(isTakenBack))) this.#drop('the source does not own the slots any more')
  }

  #begin(job: string, [sourceId = '', ...ranges]: readonly string[]): CommandReply {
    const { view } = this
    const slots = readRanges(ranges)
    if ('error' in slots) return error(slots.error)
    const source = view.known(sourceId)
    if (source === null) return error(`ERR Unknown node ${sourceId}`)
    if (!view.self.isPrimary) return error('ERR Target node is not a master')
    if (view.state !== 'ok') return error('ERR The cluster is down')
    const foreign = slots.find((slot) => view.ownerOf(slot) !== source)
    if (foreign !== undefined) return error(`ERR Slot ${foreign} is not owned by node ${sourceId}, as far as the target knows`)
    const open = slots.find((slot) => view.importing.has(slot))
    if (open !== undefined) return error(`ERR Slot ${open} is open: it is being moved key by key`)
    if (this.#now !== null) {
      // The same source comes again: it knows nothing of the former job any more.
      if (this.#now.source !== sourceId) return error('ERR The target imports slots of another node already')
      this.#drop('the source began again')
    }
    this.#now = { job, source: sourceId, slots, startedAt: view.now, epoch: 0, isInDoubt: false, askAt: 0 }
    this.#seen = -1
    view.persist(true, 'an import of slots begins')
    view.emit({ type: 'openImport', job, slots })
    return OK
  }

  #prepare(job: string, canPrepare: (slots: readonly number[]) => boolean): CommandReply {
    const now = this.#now
    if (now?.job !== job) return this.#noImport(job)
    if (now.epoch === 0 && canPrepare(now.slots)) now.epoch = reserveEpoch(this.view, 'a claim is prepared')
    return OK
  }

  #claim(job: string): CommandReply {
    const { view } = this
    const now = this.#now
    if (this.#taken.includes(job)) return OK
    if (now?.job !== job) return this.#noImport(job)
    // A majority stands behind this node, and has not given the slots to anybody else.
    if (view.state !== 'ok' || view.now >= leaseUntilMs(view)) {
      if (now.isInDoubt) return error('ERR The cluster is down')
      this.#drop('the cluster is down')
      return error('NOIMPORT The cluster is down')
    }
    view.bindAll(bitmapOf(now.slots), view.self)
    this.#take(now)
    if (!now.isInDoubt && isNewestEpoch(view, now.epoch)) {
      view.self.configEpoch = now.epoch
      view.emit({ type: 'persist', durable: false, why: 'slots were taken over' })
    } else takeEpoch(view, 'slots were taken over')
    // Before anybody is sent here.
    view.emit({ type: 'slotMapChanged' })
    view.emit({ type: 'closeImport', job })
    broadcastPong(view)
    view.persist(true, 'slots were taken over')
    this.#tell(now)
    return OK
  }

  #take(now: Incoming): void {
    this.#now = null
    this.#taken = [...this.#taken, now.job].slice(-TAKEN_KEPT)
  }

  #tell(now: Incoming): void {
    this.log.add({ ...now, direction: 'import', peer: now.source, how: 'success', why: '' })
  }

  /** The source does not know whether it asked for a claim. Who is in doubt says which epoch others may have heard. */
  #settleJob(job: string): CommandReply {
    const now = this.#now
    if (this.#taken.includes(job)) return OK
    if (now?.job === job && now.isInDoubt) return error(`INDOUBT ${now.epoch} is the epoch of a claim that may have been made`)
    if (now?.job === job) this.#drop('the source did not hear of a claim')
    return job === this.#cancelled ? this.#noImport(job) : error('NOIMPORT This node has not taken the slots')
  }

  #noImport(job: string): CommandReply {
    return error(job === this.#cancelled ? CANCELLED_THERE : 'NOIMPORT This node imports nothing under that name')
  }

  #drop(why: string): void {
    const { view } = this
    const now = this.#now!
    this.#now = null
    view.persist(true, 'an import of slots was given up')
    view.emit({ type: 'closeImport', job: now.job })
    const slots = now.slots.filter((slot) => view.ownerOf(slot) !== view.self)
    if (view.self.isPrimary && slots.length > 0) view.emit({ type: 'deleteKeysInSlots', slots })
    this.log.add({ ...now, direction: 'import', peer: now.source, how: 'failed', why })
  }
}
