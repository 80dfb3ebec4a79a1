/**
 * The target of a slot migration: lets keys of slots in that are another node's, and takes the slots when asked to.
 *
 * That it imports is on disk before the first key comes, so that a start after a crash deletes what is half there. The
 * claim (slots, a new epoch, no import any more) is one durable write; whoever asks afterwards is told the same thing
 * for ever: a job that was given up cannot be claimed, one that was claimed not given up.
 * Elsewhere: the source (outgoing.ts), applying (native/src/engine/slot_import.h).
 */
import { broadcastPong, type ClusterView, leaseUntilMs, type NodeId, rangesOf, takeEpoch } from '@slotwise/gossip'
import { type CommandReply, OK } from '../command-reply.js'
import { type MigrationFacts, readRanges, slotsIn } from './migration-facts.js'
import type { MigrationLog } from './migration-log.js'

/** A source that sends nothing for so long is gone; it asks before it relies on anything here. */
const IDLE_MS = 10_000
const TAKEN_KEPT = 16

interface Incoming {
  readonly job: string
  readonly source: NodeId
  readonly slots: readonly number[]
  readonly startedAt: number
}

const isJob = (text: string): boolean => /^[0-9a-f]{40}$/.test(text)
const error = (text: string): CommandReply => ({ type: 'error', text })

export class IncomingMigration {
  #now: Incoming | null = null
  #seen = -1
  #taken: string[]

  constructor(readonly view: ClusterView, readonly log: MigrationLog, saved: MigrationFacts) {
    this.#taken = [...saved.taken]
    if (saved.incoming === null) return
    const { job, source, slots } = saved.incoming
    this.#now = { job, source, slots: slotsIn(slots), startedAt: view.now }
  }

  get facts(): Pick<MigrationFacts, 'incoming' | 'taken'> {
    const now = this.#now
    const incoming = now === null ? null : { job: now.job, source: now.source, slots: rangesOf(now.slots) }
    return { incoming, taken: this.#taken }
  }

  get row(): { job: string; peer: NodeId; slots: readonly number[]; state: string; startedAt: number } | null {
    return this.#now === null ? null : { ...this.#now, peer: this.#now.source, state: 'importing' }
  }

  /** The connection is gone with the process, and what came over it is not whole. */
  start(): void {
    if (this.#now !== null) this.#drop('this node was restarted')
  }

  imports(job: string): boolean { return this.#now?.job === job }

  /**
   * SLOTWISE.IMPORT of another node. Before PREPARE comes here, what was imported is on disk (a driver sees to that),
   * so that the disk has little else to do when the claim comes.
   */
  asked(words: readonly string[]): CommandReply {
    const [word = '', job = '', ...rest] = words
    if (!isJob(job)) return error('ERR Invalid job')
    switch (word.toLowerCase()) {
      case 'begin': return this.#begin(job, rest)
      case 'prepare': return this.imports(job) ? OK : error('NOIMPORT This node imports nothing under that name')
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
    this.#drop('on request')
    return OK
  }

  idle(job: string, idleMs: number): void {
    if (this.#now?.job === job && idleMs > IDLE_MS) this.#drop('the source sent nothing for too long')
  }

  /** After a step: is this still what was begun? */
  settle(): void {
    const { view } = this
    const now = this.#now
    const seen = view.slotsVersion * 65_536 + view.roleVersion % 65_536
    if (now === null || this.#seen === seen) return
    this.#seen = seen
    if (!view.self.isPrimary) return this.#drop('this node is a replica now')
    if (now.slots.some((slot) => view.ownerOf(slot)?.id !== now.source)) this.#drop('the source does not own the slots any more')
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
    this.#now = { job, source: sourceId, slots, startedAt: view.now }
    this.#seen = -1
    view.persist(true, 'an import of slots begins')
    view.emit({ type: 'openImport', job, slots })
    return OK
  }

  #claim(job: string): CommandReply {
    const { view } = this
    const now = this.#now
    if (this.#taken.includes(job)) return OK
    if (now?.job !== job) return error('NOIMPORT This node imports nothing under that name')
    // A majority stands behind this node, and has not given the slots to anybody else.
    if (view.state !== 'ok' || view.now >= leaseUntilMs(view)) {
      this.#drop('the cluster is down')
      return error('NOIMPORT The cluster is down')
    }
    this.#now = null
    this.#taken = [...this.#taken, job].slice(-TAKEN_KEPT)
    for (const slot of now.slots) view.bind(slot, view.self)
    takeEpoch(view, 'slots were taken over')
    view.emit({ type: 'closeImport', job })
    view.emit({ type: 'slotMapChanged' })
    broadcastPong(view)
    this.log.add({ ...now, direction: 'import', peer: now.source, how: 'success', why: '' })
    return OK
  }

  #settleJob(job: string): CommandReply {
    if (this.#taken.includes(job)) return OK
    if (this.#now?.job === job) this.#drop('the source did not hear of a claim')
    return error('NOIMPORT This node has not taken the slots')
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
