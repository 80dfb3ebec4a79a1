/**
 * PairDriver: this node's side of a pair (FOLLOW ... CONFLICTS last-write): looks at its own log in turn, so that what
 * clients write gets its stamp, also while the other side is away; and hands the side to the follower of the other.
 * Elsewhere: every decision (@slotwise/binlog, src/pair), what is followed (follow-driver.ts).
 */
import { randomBytes } from 'node:crypto'
import type { Engine, LogLevel } from '@slotwise/engine'
import type { FollowMode, LogCommand, LogTarget } from '@slotwise/binlog/log'
import { OtherPairError, PairLink, PairSide } from '@slotwise/binlog/pair'
import { EnginePairStore } from './engine-pair-store.js'

export interface PairDriverOptions {
  readonly engine: Engine
  readonly target: LogTarget
  readonly kept: () => readonly LogCommand[]
  readonly onLog: (level: LogLevel, text: string) => void
}

const LOOK_EVERY_MS = 20
const COLLECT_EVERY_MS = 5000
/** Others of this thread get their turn. */
const BATCHES_EACH = 20

/** @returns why this node cannot be one of a pair; null: it can */
export function whyNoPair(engine: Engine, target: LogTarget): string | null {
  const directive = (name: string): string | undefined => (engine.command(['CONFIG', 'GET', name]) as Map<string, string>).get(name)
  if (directive('cluster-enabled') === 'yes') return 'a node of a cluster cannot be one of a pair'
  if (target.id() === null) return 'a pair needs an append-only file on both sides (appendonly yes)'
  // What is evicted here would be deleted there, and the books are keys, too.
  if (directive('maxmemory-policy')?.startsWith('allkeys') === true) return 'a pair cannot have a maxmemory-policy that evicts any key'
  return null
}

export class PairDriver {
  readonly side: PairSide
  readonly mode: FollowMode
  readonly #onLog: PairDriverOptions['onLog']
  #timers: NodeJS.Timeout[] = []
  #lastError = ''
  #begun: Promise<void> | null = null

  /** @throws {TypeError} without an append-only file */
  constructor({ engine, target, kept, onLog }: PairDriverOptions) {
    this.#onLog = onLog
    this.side = new PairSide({ store: new EnginePairStore(engine, target), nowMs: Date.now, life: randomBytes(2).toString('hex'), kept })
    const link = new PairLink(this.side, Date.now)
    this.mode = {
      meet: (ask, sourceId) => {
        if (!this.side.ready) throw new Error('the keys of this server are being stamped')
        return link.meet(ask, sourceId)
      },
      copy: (ask, signal) => link.copy(ask, signal),
      resolve: (ask, batch) => link.resolve(ask, batch),
      lost: () => link.lost(),
      isFinal: (error) => error instanceof OtherPairError,
    }
  }

  begin(): Promise<void> { return this.#begun ??= this.#begin() }

  async #begin(): Promise<void> {
    await this.side.begin(() => new Promise(setImmediate))
    if (!this.side.ready) return
    this.#timers = [
      setInterval(() => this.#try(() => this.side.track(), BATCHES_EACH), LOOK_EVERY_MS),
      setInterval(() => this.#try(() => this.side.collect(), BATCHES_EACH), COLLECT_EVERY_MS),
    ]
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.side.end()
  }

  /** What went wrong is tried again: a full disk, no memory. */
  #try(step: () => boolean, times: number): void {
    try {
      for (let i = 0; i < times && step(); i++);
      this.#lastError = ''
    } catch (error) {
      const { message } = error as Error
      if (message !== this.#lastError) this.#onLog('warn', `What was written here cannot be stamped for the other side: ${message}`)
      this.#lastError = message
    }
  }
}
