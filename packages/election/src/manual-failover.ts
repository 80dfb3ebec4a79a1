/**
 * CLUSTER FAILOVER: a replica takes over from a primary that is up. Default: the primary stops writes and tells its
 * offset in headers that say PAUSED; the replica elects itself when it has applied that much, so nothing is lost.
 * FORCE asks for votes without the primary's help, TAKEOVER (election.ts) for none. Five seconds, then all is as
 * before.
 * What the machine knows of the offset is from before the pause, and a command that was running then may write still:
 * so the primary says PAUSED when the offset has stood still for a moment, and the replica believes the largest that it
 * was told. Redis has one thread: there the first one is right.
 * Source: Redis 7.0 cluster, manual failover.
 */
import { type BusMessage, type ClusterNode, type ClusterView, sendGossip, sendTo } from '@slotwise/gossip'

export const MANUAL_TIMEOUT_MS = 5000
export const WRITE_PAUSE_MS = 10_000
/** For so long nothing was written: two looks of a driver that looks each 10 ms, and one between. */
const AT_REST_MS = 20

export class ManualFailover {
  #endAt = 0
  #force = false
  #primaryOffset: number | null = null
  /** As a primary: who asked, until writes have come to rest; the offset, and since when it is that. */
  #asked: ClusterNode | null = null
  #offset = -1
  #offsetAt = 0

  constructor(readonly view: ClusterView) {}

  /** A failover that I, a replica, was told to do is under way. */
  get isActive(): boolean { return this.#endAt !== 0 && this.#asked === null && this.view.pausedFor === null }

  /** The election may begin: forced, or everything the primary wrote before its pause is applied here. */
  get mayStart(): boolean {
    return this.isActive && (this.#force || (this.#primaryOffset !== null &&
      this.view.self.offset >= this.#primaryOffset))
  }

  begin(force: boolean): void {
    this.reset()
    this.#endAt = this.view.now + MANUAL_TIMEOUT_MS
    this.#force = force
    this.view.event('manualFailover', this.view.self.id)
    if (force) this.view.log('info', 'Forced failover user request accepted.')
    else {
      this.view.log('info', 'Manual failover user request accepted.')
      sendTo(this.view, this.view.self.primary!, { type: 'mfstart' })
    }
  }

  /** MFSTART of one of my replicas: writes stop. */
  receiveStart(sender: ClusterNode): void {
    const { view } = this
    if (!view.self.isPrimary || sender.primary !== view.self) return
    this.reset()
    this.#endAt = view.now + MANUAL_TIMEOUT_MS
    this.#asked = sender
    this.#offset = -1
    view.emit({ type: 'pauseWrites', untilMs: view.now + WRITE_PAUSE_MS })
    view.log('warn', `Manual failover requested by replica ${sender.id}.`)
  }

  /** The offset was looked at. When it is at rest, the replica hears of it: at once and in every tick. */
  progressed(): void {
    const { view } = this
    if (this.#asked === null) return
    if (view.self.offset !== this.#offset) {
      this.#offset = view.self.offset
      this.#offsetAt = view.now
    }
    if (view.now - this.#offsetAt < AT_REST_MS) return
    const replica = this.#asked
    if (replica.primary !== view.self) return this.reset()
    this.#asked = null
    view.pausedFor = replica
    const link = replica.inbound ?? replica.link
    if (link?.open === true) sendGossip(view, link, 'ping')
  }

  /** Every message of my primary: those that say PAUSED tell the offset to reach. */
  notice(sender: ClusterNode, { header }: BusMessage): void {
    if (!this.isActive || this.#force || sender !== this.view.self.primary || !header.paused) return
    if (this.#primaryOffset !== null && header.offset <= this.#primaryOffset) return
    this.#primaryOffset = header.offset
    this.view.log('info', `Received replication offset for paused master manual failover: ${header.offset}`)
  }

  tick(): void {
    if (this.#endAt === 0 || this.view.now < this.#endAt) return
    this.view.log('warn', 'Manual failover timed out.')
    this.reset()
  }

  reset(): void {
    this.#endAt = 0
    this.#force = false
    this.#primaryOffset = null
    if (this.#asked === null && this.view.pausedFor === null) return
    this.#asked = null
    this.view.pausedFor = null
    this.view.emit({ type: 'unpauseWrites' })
  }
}
