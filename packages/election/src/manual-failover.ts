/**
 * CLUSTER FAILOVER: a replica takes over from a primary that is up. Default: the primary stops writes and tells its
 * offset in headers that say PAUSED; the replica elects itself when it has applied just that much, so nothing is lost.
 * FORCE asks for votes without the primary's help, TAKEOVER (election.ts) for none. Five seconds, then all is as
 * before.
 * Source: Redis 7.0 cluster, manual failover.
 */
import { type BusMessage, type ClusterNode, type ClusterView, sendGossip, sendTo } from '@slotwise/gossip'

export const MANUAL_TIMEOUT_MS = 5000
export const WRITE_PAUSE_MS = 10_000

export class ManualFailover {
  #endAt = 0
  #force = false
  #primaryOffset: number | null = null

  constructor(readonly view: ClusterView) {}

  /** A failover that I, a replica, was told to do is under way. */
  get isActive(): boolean { return this.#endAt !== 0 && this.view.pausedFor === null }

  /** The election may begin: forced, or everything the primary wrote before its pause is applied here. */
  get mayStart(): boolean {
    return this.isActive && (this.#force || (this.#primaryOffset !== null &&
      this.view.self.offset === this.#primaryOffset))
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

  /** MFSTART of one of my replicas: writes stop, and it hears so at once and in every tick. */
  receiveStart(sender: ClusterNode): void {
    const { view } = this
    if (!view.self.isPrimary || sender.primary !== view.self) return
    this.reset()
    this.#endAt = view.now + MANUAL_TIMEOUT_MS
    view.pausedFor = sender
    view.emit({ type: 'pauseWrites', untilMs: view.now + WRITE_PAUSE_MS })
    view.log('warn', `Manual failover requested by replica ${sender.id}.`)
    const link = sender.inbound ?? sender.link
    if (link?.open === true) sendGossip(view, link, 'ping')
  }

  /** Every message of my primary: the first that says PAUSED tells the offset to reach. */
  notice(sender: ClusterNode, { header }: BusMessage): void {
    if (!this.isActive || this.#force || this.#primaryOffset !== null || sender !== this.view.self.primary ||
      !header.paused) return
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
    if (this.view.pausedFor === null) return
    this.view.pausedFor = null
    this.view.emit({ type: 'unpauseWrites' })
  }
}
