/**
 * The source of a slot migration: asks the target whether it may, has the data plane send the slots, and when all of it
 * has arrived and writers are held back, asks the target to take them.
 *
 * The target's claim is the commit point, and the source learns of it as of any claim: from a header with a newer
 * epoch. That it is going to ask is written before writers are held back, while there is time (`promised`), and the
 * target puts on its disk what it has by then, and the epoch of its claim, so that the claim waits for nothing. Until
 * the target answers that the claim itself is on disk, the source keeps its note (`given`): a target that lost power
 * meanwhile asks itself whether it had claimed, and the source repeats that it is to. Neither knows it only if both
 * were started anew: then it counts as not claimed, and the source has the slots under a newer epoch than others may
 * know. A target that was forgotten meanwhile (CLUSTER FORGET) may come back, so the note stays until somebody else has
 * the slots.
 * From the question on it does not know whether the slots are still its own, and serves nobody there, over a restart
 * too, until it hears the claim or the target says that there is none and will be none. A restart cannot tell whether
 * the question was asked already, and asks.
 * While writers wait nothing is written here: who waited goes on before the outcome is on disk, since the note that is
 * there leads a start to the same outcome.
 *
 * A connection that breaks before the question ends nothing: the data plane makes it anew and goes on where it was
 * (`lost`). What the target has may be of no use (`again`: it was started anew, the log is gone): then, `waiting`, it
 * is asked to forget the job, and a new one begins from the first key. A job is given up only while it was never asked
 * to take the slots, so the former one is never claimed.
 * Elsewhere: the target (incoming.ts), sending (native/src/engine/slot_export.h).
 */
import {
  bitmapOf, broadcastPong, type ClusterNode, type ClusterView, hasAllSlots, leaseUntilMs, type NodeId,
  type NodeQuestion, ping, rangesOf, takeEpochBeyond,
} from '@slotwise/gossip'
import { type CommandReply, OK } from '../command-reply.js'
import { type MigrationFacts, rangeWords, readRanges, slotsIn } from './migration-facts.js'
import type { MigrationLog, MigrationRow } from './migration-log.js'

/** How often a target that did not answer is asked what became of it. */
const ASK_AGAIN_MS = 1000
/** So long a target that is asked to begin anew may be away; the data plane says the same (slot_export_link.cc). */
export const WAIT_MS_MAX = 300_000
/** So often a migration begins from the first key again. */
const RESTARTS_MAX = 10
/** An answer that begins so: the target has not claimed the slots, and never will under this job. */
const NO_IMPORT = 'NOIMPORT'
const CLUSTER_DOWN = 'the cluster is down, or a failover is under way'
/** An operator said so to the target: it is not begun anew. */
export const CANCELLED_THERE = 'NOIMPORT It was cancelled at the target'
/** An answer that begins so: the source knows nothing of the job any more, and kept what it was asked about. */
export const NO_EXPORT = 'NOEXPORT'
/** The target does not know whether it has claimed them; if so, under this epoch. */
const IN_DOUBT = /^INDOUBT (\d{1,16}) /

/**
 * `near`: little is left to send. `ready`: nothing is, and writers are held back. `lost`: the connection broke, and it
 * goes on over another one. `again`: it cannot go on, but may be begun anew.
 */
export type ExportProgress = 'near' | 'ready' | 'lost' | 'again' | 'failed'

interface Outgoing {
  job: string
  readonly target: NodeId
  readonly slots: readonly number[]
  /** The same. */
  readonly bitmap: Uint8Array
  readonly startedAt: number
  /**
   * `waiting`: what was sent is of no use, and the target is to forget it. `promised`: it is on disk that the target
   * will be asked; `handover`: it was asked to take them; `settling`: and nobody knows whether it has; `given`: it has,
   * and did not say yet that this is on its disk.
   */
  state: 'asking' | 'waiting' | 'streaming' | 'promised' | 'handover' | 'settling' | 'given'
  askAt: number
  /** The data plane waits for the word that writers may be held back. */
  isNear: boolean
  /** In this life of the process it was asked to take them: all had arrived. */
  hasAsked: boolean
  /** It said that its claim is on disk. */
  isOnDisk: boolean
  /** How often it went on over another connection, and how often it began from the first key again. */
  resumes: number
  restarts: number
  waitingSince: number
  /** What interrupted it last, in words. */
  why: string
}

const beginning = { isNear: false, hasAsked: false, isOnDisk: false, resumes: 0, restarts: 0, waitingSince: 0, why: '' }

type HowEnded = 'success' | 'failed' | 'cancelled'

/** It is on disk that the target is to be asked, or was. */
const isNoted = ({ state }: Outgoing): boolean => state !== 'asking' && state !== 'waiting' && state !== 'streaming'
const wasNotAsked = (now: Outgoing): boolean => !isNoted(now) || now.state === 'promised'

export class OutgoingMigration {
  #now: Outgoing | null = null
  #seen = -1

  constructor(readonly view: ClusterView, readonly log: MigrationLog, saved: MigrationFacts) {
    if (saved.outgoing === null) return
    const { job, target } = saved.outgoing
    const slots = slotsIn(saved.outgoing.slots)
    this.#now = { job, target, slots, bitmap: bitmapOf(slots), startedAt: view.now, state: 'settling', askAt: 0, ...beginning }
  }

  get facts(): MigrationFacts['outgoing'] {
    const now = this.#now
    if (now === null || !isNoted(now)) return null
    return { job: now.job, target: now.target, slots: rangesOf(now.slots) }
  }

  /** What a target that does not know whether it has claimed asks: will it be told? If not, it was never asked to. */
  outcome(job: string): CommandReply {
    return this.#now?.job === job ? OK : { type: 'error', text: `${NO_EXPORT} This node exports nothing under that name` }
  }

  get row(): Omit<MigrationRow, 'direction' | 'endedAt'> | null {
    const now = this.#now
    return now === null ? null : { ...now, peer: now.target, state: now.state === 'given' ? 'handover' : now.state }
  }

  /** A node that is not sure what it owns begins by serving nobody there. */
  start(): void {
    const now = this.#now
    if (now === null) return
    const isForgotten = this.#isNobodys(now) && !this.view.nodes.has(now.target)
    if (this.#isTargets(now) || isForgotten) now.state = 'given' // an earlier life had heard of it
    else this.view.emit({ type: 'holdSlots', slots: now.slots })
  }

  /** CLUSTER MIGRATE SLOTSRANGE first last [first last ...] NODE id */
  begin(words: readonly string[], busy: (slot: number) => boolean): CommandReply {
    const { view } = this
    const error = (text: string): CommandReply => ({ type: 'error', text })
    if (words[0]?.toLowerCase() !== 'slotsrange' || words.at(-2)?.toLowerCase() !== 'node') return error('ERR syntax error')
    const slots = readRanges(words.slice(1, -2))
    if ('error' in slots) return error(slots.error)
    const target = view.known(words.at(-1)!)
    if (target === null) return error(`ERR Unknown node ${words.at(-1)!}`)
    if (!view.self.isPrimary) return error('ERR Only a master has slots to migrate')
    if (target.isMyself) return error('ERR Target node is this node itself')
    if (!target.isPrimary) return error('ERR Target node is not a master')
    if (this.#now !== null) return error('ERR Slots are being migrated already, see CLUSTER MIGRATE STATUS')
    const foreign = slots.find((slot) => view.ownerOf(slot) !== view.self)
    if (foreign !== undefined) return error(`ERR I'm not the owner of hash slot ${foreign}`)
    const open = slots.find((slot) => view.migrating.has(slot) || view.importing.has(slot) || busy(slot))
    if (open !== undefined) return error(`ERR Slot ${open} is open: it is being moved key by key, or still emptied`)
    if (view.state !== 'ok') return error('ERR The cluster is down')
    if (target.isPfail || target.isFail) return error('ERR Target node is failing')
    target.newcomerAt = 0 // an operator names it: its claim is wanted (gossip, newcomers.ts)
    this.#now = {
      job: view.randomId(), target: target.id, slots, bitmap: bitmapOf(slots), startedAt: view.now, state: 'asking',
      askAt: 0, ...beginning,
    }
    this.#seen = -1
    this.#ask('begin', [view.self.id, ...rangeWords(slots)])
    return OK
  }

  cancel(): CommandReply | null {
    const now = this.#now
    if (now === null) return null
    if (now.state === 'handover' || now.state === 'settling' || now.state === 'given')
      return { type: 'error', text: 'ERR The slots are being handed over, which cannot be taken back' }
    this.#end('cancelled', 'on request', true)
    return OK
  }

  /** `answer`: the line without its type for OK and the like, with its code for errors; null: none came. */
  answered(job: string, question: NodeQuestion, answer: string | null): void {
    const now = this.#now
    if (now?.job !== job) return
    if (question === 'begin' && now.state === 'asking') {
      if (answer !== 'OK') {
        const why = answer ?? 'the target did not answer'
        return now.waitingSince > 0 ? this.#wait(now, why, ASK_AGAIN_MS) : this.#end('failed', why, true)
      }
      const target = this.view.known(now.target)
      if (target === null) return
      if (now.waitingSince > 0) now.restarts++
      now.waitingSince = 0
      now.state = 'streaming'
      this.view.emit({ type: 'startExport', job, ip: target.ip, port: target.port, slots: now.slots })
    } else if (question === 'prepare' && now.state === 'promised') {
      if (answer?.startsWith(NO_IMPORT) === true) return this.#again(now, answer)
      this.view.emit({ type: 'finishExport', job }) // also without an answer: it was about time only
    } else if (question === 'settle' && now.state === 'waiting') {
      if (answer === CANCELLED_THERE) return this.#end('failed', answer, false)
      // INDOUBT: it was restarted when it was prepared. It was not asked, so what it has is dropped by the next BEGIN.
      const hasForgotten = answer?.startsWith(NO_IMPORT) === true || IN_DOUBT.test(answer ?? '')
      if (!hasForgotten) return void (now.askAt = this.view.now + ASK_AGAIN_MS)
      now.job = this.view.randomId() // what is still on its way is of the former one
      now.state = 'asking'
      this.#ask('begin', [this.view.self.id, ...rangeWords(now.slots)])
    } else if (question === 'claim' || question === 'settle') {
      if (now.state !== 'handover' && now.state !== 'settling' && now.state !== 'given') return
      now.isOnDisk ||= answer === 'OK'
      if (now.state === 'given') {
        if (now.isOnDisk || answer?.startsWith(NO_IMPORT) === true) return this.#end('success', '', false)
        now.askAt = this.view.now + ASK_AGAIN_MS
        return
      }
      // Only this says that the target has not and will not; any other error may be of somebody on the way.
      if (answer?.startsWith(NO_IMPORT) === true) return this.#end('failed', answer, false)
      if (this.#takesBack(now, answer)) return this.#end('failed', 'it is not known that the target had all of them', true)
      now.state = 'settling'
      now.askAt = this.view.now + ASK_AGAIN_MS
      // It has them, and its PONG has not come: it may have no link to here. Ours brings its header, too.
      const target = answer === 'OK' ? this.view.known(now.target) : null
      if (target !== null) ping(this.view, target)
    }
  }

  exported(job: string, progress: ExportProgress, why: string): void {
    const { view } = this
    const now = this.#now
    if (now?.job !== job || (now.state !== 'streaming' && now.state !== 'promised')) return
    if (progress === 'failed') return this.#end('failed', why, true)
    if (progress === 'again') return this.#again(now, why)
    if (progress === 'lost') return this.#lost(now, why)
    if (progress === 'near' && now.state === 'streaming') {
      now.isNear = true
      return this.#promise(now)
    }
    if (!this.#mayHandOver) return this.#end('failed', CLUSTER_DOWN, true)
    if (progress === 'ready' && now.state === 'promised') {
      now.state = 'handover'
      now.hasAsked = true
      view.emit({ type: 'holdSlots', slots: now.slots })
      this.#ask('claim', [])
    }
  }

  get #mayHandOver(): boolean {
    const { view } = this
    return view.state === 'ok' && view.now < leaseUntilMs(view) && view.pausedFor === null
  }

  /** Little is left. While the cluster is down, that is followed: a migration of hours does not end for it. */
  #promise(now: Outgoing): void {
    if (!this.#mayHandOver) return void (now.why = CLUSTER_DOWN)
    now.isNear = false
    now.state = 'promised'
    this.view.persist(true, 'slots are about to be handed over')
    this.#ask('prepare', [])
  }

  /** It goes on over another connection. Until that is there it is not about to ask, also after a start. */
  #lost(now: Outgoing, why: string): void {
    const { view } = this
    now.resumes++
    now.why = why
    now.isNear = false
    view.log('warn', `Migration ${now.job} waits for its target, and goes on where it was: ${why}`)
    if (now.state !== 'promised') return
    now.state = 'streaming'
    view.persist(true, 'slots are not about to be handed over')
  }

  /** From the first key, if the target lets it. */
  #again(now: Outgoing, why: string): void {
    const { view } = this
    if (why === CANCELLED_THERE || now.restarts >= RESTARTS_MAX) return this.#end('failed', why, true)
    const wasNoted = isNoted(now)
    now.waitingSince = view.now
    now.isNear = false
    this.#wait(now, why, 0)
    if (wasNoted) view.persist(true, 'slots are not about to be handed over')
    view.emit({ type: 'stopExport', job: now.job })
    view.log('warn', `Migration ${now.job} is to begin anew: ${why}`)
  }

  #wait(now: Outgoing, why: string, ms: number): void {
    now.state = 'waiting'
    now.why = why
    now.askAt = this.view.now + ms
  }

  /** A target that is away is asked until it is back and knows nothing: then it begins anew, under another name. */
  #tryAgain(now: Outgoing): void {
    const { view } = this
    const target = view.known(now.target)
    if (view.now >= now.waitingSince + WAIT_MS_MAX) return this.#end('failed', `it could not begin anew in time: ${now.why}`, true)
    if (target?.isPrimary === false) return this.#end('failed', 'ERR Target node is not a master', true)
    if (view.now < now.askAt || target === null || view.state !== 'ok') return
    now.askAt = Number.POSITIVE_INFINITY // until it is answered
    this.#ask('settle', [])
  }

  tick(): void {
    const now = this.#now
    if (now?.state === 'waiting') return this.#tryAgain(now)
    if (now?.state === 'streaming' && now.isNear) return this.#promise(now)
    if ((now?.state !== 'settling' && now?.state !== 'given') || this.view.now < now.askAt) return
    if (this.view.known(now.target) === null) return // until it is back
    now.askAt = Number.POSITIVE_INFINITY // until it is answered
    this.#ask(now.hasAsked || now.state === 'given' ? 'claim' : 'settle', [])
  }

  /** After a step: whose are the slots now? */
  settle(): void {
    const { view } = this
    const now = this.#now
    const seen = view.slotsVersion * 65_536 + view.roleVersion % 65_536
    if (now === null || (this.#seen === seen && view.nodes.has(now.target))) return
    this.#seen = seen
    if (this.#isTargets(now)) return this.#heard(now)
    if (now.state === 'given') {
      // The keys are not here any more. A target that lost power may have the only ones, and asks before it keeps them.
      if (this.#isNobodys(now)) return
      return this.#end('success', '', false) // and they have gone on from there
    }
    const known = view.nodes.has(now.target)
    if (known && view.self.isPrimary && hasAllSlots(view.bitmap(view.self), now.bitmap)) return
    // Who was asked may have them: that job is not given up by a word.
    this.#end('failed', known ? 'this node lost the slots' : 'the target was forgotten', wasNotAsked(now))
  }

  #isTargets({ bitmap, target }: Outgoing): boolean {
    const node = this.view.nodes.get(target)
    return node !== undefined && hasAllSlots(this.view.bitmap(node), bitmap)
  }

  /** As after CLUSTER FORGET of the target. */
  #isNobodys({ slots }: Outgoing): boolean { return slots.every((slot) => this.view.ownerOf(slot) === null) }

  /** The target has them: who waited goes on there. */
  #heard(now: Outgoing): void {
    const { view } = this
    if (now.state === 'given') return
    if (now.isOnDisk || (now.state !== 'handover' && now.state !== 'settling')) return this.#end('success', '', false)
    now.state = 'given'
    now.askAt = view.now + ASK_AGAIN_MS
    view.emitFirst({ type: 'slotMapChanged' })
    view.emitFirst({ type: 'stopExport', job: now.job })
  }

  /** Neither side knows: nobody may believe the claim that was perhaps made any more. */
  #takesBack(now: Outgoing, answer: string | null): boolean {
    const { view } = this
    const epoch = Number(IN_DOUBT.exec(answer ?? '')?.[1] ?? 0)
    if (epoch === 0 || now.hasAsked || !view.self.isPrimary) return false
    if (!takeEpochBeyond(view, epoch, 'slots were taken back')) return false
    broadcastPong(view)
    return true
  }

  #ask(question: NodeQuestion, words: readonly string[]): void {
    const { job, target } = this.#now!
    const node = this.view.known(target)
    if (node !== null) this.#emitAsk(node, job, question, words)
  }

  #emitAsk(node: ClusterNode, job: string, question: NodeQuestion, words: readonly string[]): void {
    this.view.emit({ type: 'askNode', job, question, ip: node.ip, port: node.port, words: [question.toUpperCase(), job, ...words] })
  }

  #end(how: HowEnded, why: string, tell: boolean): void {
    const { view } = this
    const now = this.#now!
    this.#now = null
    if (now.state === 'given') { // who waited went on before
      view.persist(true, 'a hand-over is on the disk of the target')
      return this.log.add({ ...now, direction: 'export', peer: now.target, how, why })
    }
    const target = view.known(now.target)
    const wasNoted = isNoted(now)
    // The target's disk knows of the claim, or that there will be none, or it was never asked: whatever becomes of this
    // process, it comes to the same end, so nobody needs to wait for the disk here.
    const isDecided = how === 'success' || now.state === 'promised' || why.startsWith(NO_IMPORT)
    if (wasNoted) view.persist(true, 'a hand-over is decided')
    if (wasNoted && isDecided) {
      if (how === 'success') view.emitFirst({ type: 'slotMapChanged' }) // so that they go to the right place
      view.emitFirst({ type: 'stopExport', job: now.job })
    } else view.emit({ type: 'stopExport', job: now.job })
    if (tell && target !== null) this.#emitAsk(target, now.job, 'abort', [])
    this.log.add({ ...now, direction: 'export', peer: now.target, how, why })
  }
}
