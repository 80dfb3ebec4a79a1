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
 * Elsewhere: the target (incoming.ts), sending (native/src/engine/slot_export.h).
 */
import {
  broadcastPong, type ClusterNode, type ClusterView, leaseUntilMs, type NodeId, type NodeQuestion, ping, rangesOf,
  takeEpochBeyond,
} from '@slotwise/gossip'
import { type CommandReply, OK } from '../command-reply.js'
import { type MigrationFacts, rangeWords, readRanges, slotsIn } from './migration-facts.js'
import type { MigrationLog } from './migration-log.js'

/** How often a target that did not answer is asked what became of it. */
const ASK_AGAIN_MS = 1000
/** An answer that begins so: the target has not claimed the slots, and never will under this job. */
const NO_IMPORT = 'NOIMPORT'
/** An answer that begins so: the source knows nothing of the job any more, and kept what it was asked about. */
export const NO_EXPORT = 'NOEXPORT'
/** The target does not know whether it has claimed them; if so, under this epoch. */
const IN_DOUBT = /^INDOUBT (\d{1,16}) /

/** `near`: little is left to send. `ready`: nothing is, and writers are held back. */
export type ExportProgress = 'near' | 'ready' | 'failed'

interface Outgoing {
  readonly job: string
  readonly target: NodeId
  readonly slots: readonly number[]
  readonly startedAt: number
  /**
   * `promised`: it is on disk that the target will be asked; `handover`: it was asked to take them; `settling`: and
   * nobody knows whether it has; `given`: it has, and did not say yet that this is on its disk.
   */
  state: 'asking' | 'streaming' | 'promised' | 'handover' | 'settling' | 'given'
  askAt: number
  /** In this life of the process it was asked to take them: all had arrived. */
  hasAsked: boolean
  /** It said that its claim is on disk. */
  isOnDisk: boolean
}

type HowEnded = 'success' | 'failed' | 'cancelled'

const wasNotAsked = ({ state }: Outgoing): boolean => state === 'asking' || state === 'streaming' || state === 'promised'

export class OutgoingMigration {
  #now: Outgoing | null = null
  #seen = -1

  constructor(readonly view: ClusterView, readonly log: MigrationLog, saved: MigrationFacts) {
    if (saved.outgoing === null) return
    const { job, target, slots } = saved.outgoing
    this.#now = { job, target, slots: slotsIn(slots), startedAt: view.now, state: 'settling', askAt: 0, hasAsked: false, isOnDisk: false }
  }

  get facts(): MigrationFacts['outgoing'] {
    const now = this.#now
    if (now === null || now.state === 'asking' || now.state === 'streaming') return null
    return { job: now.job, target: now.target, slots: rangesOf(now.slots) }
  }

  /** What a target that does not know whether it has claimed asks: will it be told? If not, it was never asked to. */
  outcome(job: string): CommandReply {
    return this.#now?.job === job ? OK : { type: 'error', text: `${NO_EXPORT} This node exports nothing under that name` }
  }

  get row(): { job: string; peer: NodeId; slots: readonly number[]; state: string; startedAt: number } | null {
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
      job: view.randomId(), target: target.id, slots, startedAt: view.now, state: 'asking', askAt: 0,
      hasAsked: false, isOnDisk: false,
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
      if (answer !== 'OK') return this.#end('failed', answer ?? 'the target did not answer', true)
      const target = this.view.known(now.target)
      if (target === null) return
      now.state = 'streaming'
      this.view.emit({ type: 'startExport', job, ip: target.ip, port: target.port, slots: now.slots })
    } else if (question === 'prepare' && now.state === 'promised') {
      if (answer?.startsWith(NO_IMPORT) === true) return this.#end('failed', answer, false)
      this.view.emit({ type: 'finishExport', job }) // also without an answer: it was about time only
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
    if (view.state !== 'ok' || view.now >= leaseUntilMs(view) || view.pausedFor !== null)
      return this.#end('failed', 'the cluster is down, or a failover is under way', true)
    if (progress === 'near' && now.state === 'streaming') {
      now.state = 'promised'
      view.persist(true, 'slots are about to be handed over')
      this.#ask('prepare', [])
    } else if (progress === 'ready' && now.state === 'promised') {
      now.state = 'handover'
      now.hasAsked = true
      view.emit({ type: 'holdSlots', slots: now.slots })
      this.#ask('claim', [])
    }
  }

  tick(): void {
    const now = this.#now
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
    if (known && view.self.isPrimary && now.slots.every((slot) => view.ownerOf(slot) === view.self)) return
    // Who was asked may have them: that job is not given up by a word.
    this.#end('failed', known ? 'this node lost the slots' : 'the target was forgotten', wasNotAsked(now))
  }

  #isTargets({ slots, target }: Outgoing): boolean {
    return slots.every((slot) => this.view.ownerOf(slot)?.id === target)
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
    const isNoted = now.state !== 'asking' && now.state !== 'streaming'
    // The target's disk knows of the claim, or that there will be none, or it was never asked: whatever becomes of this
    // process, it comes to the same end, so nobody needs to wait for the disk here.
    const isDecided = how === 'success' || now.state === 'promised' || why.startsWith(NO_IMPORT)
    if (isNoted) view.persist(true, 'a hand-over is decided')
    if (isNoted && isDecided) {
      if (how === 'success') view.emitFirst({ type: 'slotMapChanged' }) // so that they go to the right place
      view.emitFirst({ type: 'stopExport', job: now.job })
    } else view.emit({ type: 'stopExport', job: now.job })
    if (tell && target !== null) this.#emitAsk(target, now.job, 'abort', [])
    this.log.add({ ...now, direction: 'export', peer: now.target, how, why })
  }
}
