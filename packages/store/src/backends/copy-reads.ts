/**
 * CopyReads: reads that a copy of a slot may answer. Which one is asked decides reading.ts; here is what is known of
 * each, by address: how long its answers took, and since when it rests. A copy that cannot answer, or not prove that it
 * is new enough, costs one question; then the primary is asked, the way that finds it wherever it is by now.
 * Elsewhere: who has copies of what (cluster-backend.ts; the package member).
 */
import { StoreError } from '@slotwise/engine'
import { chooseCopy, meanLatency, type ReadFrom, REST_MS } from './reading.js'

/** Codes of a node that another one may do without. */
const CANNOT_ANSWER = new Set(['STALE', 'MOVED', 'ASK', 'TRYAGAIN', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'CONNECTION', 'CLOSED'])

/** Whether an error, or a reply that is one, is about the node and not about the command. */
export const cannotAnswer = (reply: unknown): boolean => reply instanceof StoreError && CANNOT_ANSWER.has(reply.code)

interface Known { latencyMs: number | undefined; restUntilMs: number }

export class CopyReads {
  readonly #known = new Map<string, Known>()

  constructor(readonly from: ReadFrom) {}

  /**
   * @param addresses  of the nodes that have the key, the primary first; none: it is not known who has it
   * @param ask  one of them, by its index
   * @throws what a copy said of the command, and whatever `askPrimary` throws
   */
  async read<T>(
    addresses: readonly string[], ask: (index: number) => Promise<T>, askPrimary: () => Promise<T>,
  ): Promise<T> {
    const known = addresses.map((address) => this.#of(address))
    const copies = known.map((copy, index) => ({ isPrimary: index === 0, ...copy }))
    const chosen = chooseCopy(this.from, copies, performance.now(), Math.random())
    if (chosen <= 0) return known[0] === undefined ? askPrimary() : timed(known[0], askPrimary)
    try {
      return await timed(known[chosen]!, () => ask(chosen))
    } catch (error) {
      if (!cannotAnswer(error)) throw error
      known[chosen]!.restUntilMs = performance.now() + REST_MS
      return askPrimary()
    }
  }

  #of(address: string): Known {
    let known = this.#known.get(address)
    if (known === undefined) this.#known.set(address, known = { latencyMs: undefined, restUntilMs: 0 })
    return known
  }
}

async function timed<T>(known: Known, work: () => Promise<T>): Promise<T> {
  const startMs = performance.now()
  const reply = await work()
  known.latencyMs = meanLatency(known.latencyMs, performance.now() - startMs)
  return reply
}
