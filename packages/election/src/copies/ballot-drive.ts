/**
 * Asking a shard's copies to promise a ballot: before an election, or by a primary that lost its lease or restarted.
 * Whoever promised acknowledges nothing more under a smaller ballot, and told how far its log goes; so enough promises,
 * none of which goes further than the own log, mean that the own log has every write that was ever acknowledged.
 * Source: Paxos, first phase; Raft, the restriction on elections. Elsewhere: who promises (shard-copies.ts).
 */
import type { ClusterNode } from '@slotwise/gossip'
import { type Ballot, compareBallots, comparePositions, type Position, sameBallot } from './ballot.js'
import type { CopyMemory } from './copy-memory.js'
import type { CopyMessage } from './copy-message.js'
import { canElect, type CopyKey, copyKey, compareSets, electionText, isInAnyList, nodeOf } from './copy-set.js'

/** How often those who have not promised are asked again, in parts of T. */
const ASK_PART = 0.15

interface Drive {
  readonly ballot: Ballot
  /** Of others. */
  readonly promises: Map<CopyKey, Position>
  /** Own acknowledgements have stopped, and the promise is kept. */
  isFenced: boolean
  /** The former leader has promised and stopped: nobody needs to wait for its lease. */
  released: boolean
  askedAt: number
}

export class BallotDrive {
  #drive: Drive | null = null
  #heard = 0
  #retryAt = 0
  /** A copy goes further: it should lead. */
  isBehind = false

  constructor(readonly memory: CopyMemory) {}

  get ballot(): Ballot | null { return this.#drive?.ballot ?? null }

  reset(): void {
    this.#drive = null
    this.isBehind = false
  }

  /** A new ballot, above all that were heard of. The caller fences the own acknowledgements, and says when. */
  begin(): Ballot | null {
    const { memory } = this
    const { view } = memory
    if (view.now < this.#retryAt) return null
    this.isBehind = false
    const term = Math.max(memory.promised.term, this.#heard) + 1
    this.#drive = {
      ballot: { term, node: view.self.id }, promises: new Map(), isFenced: false, released: false, askedAt: 0,
    }
    return this.#drive.ballot
  }

  fenced(ballot: Ballot): void {
    if (this.#drive === null || !sameBallot(ballot, this.#drive.ballot)) return
    this.#drive.isFenced = true
  }

  /**
   * Asks who has to be asked.
   * @param isLeased  a lease runs that this copy granted: nobody leads before the former leader has stopped
   * @returns why the ballot is not won yet, or null
   */
  advance(isLeased: boolean): string | null {
    const drive = this.#drive
    const { memory } = this
    const { set, faults } = memory
    if (drive === null || set === null) return 'waiting before the copies are asked again'
    if (compareBallots(memory.promised, drive.ballot) > 0) {
      this.#again(memory.promised.term)
      return 'another copy asks under a newer ballot'
    }
    if (!drive.isFenced) return 'waiting for my own promise'
    const keys = new Set([memory.key])
    const mine = memory.position
    this.isBehind = false
    for (const [key, position] of drive.promises) {
      // Whoever has been reset may have more than anybody acknowledged, and cannot lead.
      if (!isInAnyList(set, key)) continue
      keys.add(key)
      if (comparePositions(position, mine) > 0) this.isBehind = true
    }
    if (faults.electAlone === true) return null
    if (isLeased && !drive.released) {
      this.#ask(drive, keys)
      return 'waiting for the former primary to stop'
    }
    if (!canElect(set, keys)) {
      this.#ask(drive, keys)
      return `not enough promises of copies: ${electionText(set, keys)}`
    }
    return this.isBehind ? 'another copy has more of the log' : null
  }

  promised(sender: ClusterNode, message: CopyMessage): void {
    const drive = this.#drive
    if (drive === null || !sameBallot(message.ballot, drive.ballot)) return
    const { memory } = this
    drive.promises.set(copyKey(sender.id, message.incarnation), { log: message.log, offset: message.offset })
    if (message.set !== null && memory.set !== null &&
      sameBallot(message.set.shard, memory.set.shard) && compareSets(message.set, memory.set) > 0) {
      memory.set = message.set
      memory.view.persist(true, 'a newer set of copies was heard of')
    }
    if (!message.released || drive.released || sender !== memory.view.self.primary) return
    drive.released = true
    drive.askedAt = 0
  }

  /** Somebody has promised a larger ballot than mine: another try, later. */
  refused({ ballot }: CopyMessage): void {
    this.#heard = Math.max(this.#heard, ballot.term)
    if (this.#drive !== null && compareBallots(ballot, this.#drive.ballot) > 0) this.#again(ballot.term)
  }

  #again(term: number): void {
    const { view } = this.memory
    this.#heard = Math.max(this.#heard, term)
    this.#drive = null
    this.#retryAt = view.now + view.options.nodeTimeoutMs * (0.1 + 0.25 * view.random())
  }

  #ask(drive: Drive, keys: ReadonlySet<CopyKey>): void {
    const { memory } = this
    const { view } = memory
    if (drive.askedAt !== 0 && view.now - drive.askedAt < view.options.nodeTimeoutMs * ASK_PART) return
    drive.askedAt = view.now
    const asked = new Set(memory.set!.members.flat().filter((key) => !keys.has(key)).map(nodeOf))
    for (const id of asked) {
      const node = view.known(id)
      const { ballot, released } = drive
      if (node !== null) memory.send(node, { kind: 'prepare', ballot, released, set: memory.set })
    }
  }
}
