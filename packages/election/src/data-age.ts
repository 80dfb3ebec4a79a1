/**
 * May a replica stand for election, by how old its data is? In words, since "nobody was promoted" is the question that
 * an operator asks. Old is the time since its link to the primary last brought something or broke; T of it is free,
 * since that much passed before the primary was called failing.
 * Source: Redis 7.0 cluster, election, data age. Elsewhere: when (election.ts).
 */
import type { ClusterOptions } from '@slotwise/gossip'

/** What the driver tells about the link to my primary. */
export interface ReplicationState {
  offset: number
  connected: boolean
  /** Connected: when something last came; else when the link broke. */
  sinceMs: number
  /** A whole data set of this primary was loaded: before that there is nothing to take over with. */
  loaded: boolean
  /** What of the offset is fsynced here, and the replication id of the stream: for a shard that counts its copies. */
  durableOffset?: number
  history?: string
}

export function dataAgeMs(replication: ReplicationState, nodeTimeoutMs: number, now: number): number {
  const age = Math.max(0, Math.floor((now - replication.sinceMs) / 1000) * 1000)
  return age > nodeTimeoutMs ? age - nodeTimeoutMs : age
}

/** Why the data is too old, or null. Manual failovers do not ask. */
export function tooOld(replication: ReplicationState, options: ClusterOptions, now: number): string | null {
  if (!replication.loaded) return 'I have never loaded a whole data set of my primary'
  if (options.replicaValidityFactor === 0) return null
  const limit = options.replicaPingPeriodMs + options.nodeTimeoutMs * options.replicaValidityFactor
  const age = dataAgeMs(replication, options.nodeTimeoutMs, now)
  return age > limit ? `my data is ${age} ms old, more than the ${limit} that cluster-replica-validity-factor allows` : null
}
