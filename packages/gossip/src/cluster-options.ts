/** What a node is told about itself and its timing; Redis's directives under their names, and five of our own. */
export interface ClusterOptions {
  /** cluster-node-timeout, T. */
  nodeTimeoutMs: number
  replicaValidityFactor: number
  migrationBarrier: number
  allowReplicaMigration: boolean
  replicaNoFailover: boolean
  requireFullCoverage: boolean
  /** repl-ping-replica-period. */
  replicaPingPeriodMs: number
  port: number
  plainPort: number
  busPort: number
  announceIp: string
  announceHostname: string
  /** Most nodes that gossip may add to the table. */
  nodesMax: number
  /**
   * Refused connections for this part of T make a node suspected: a killed process refuses at once, a slow or paused
   * one is still listened for by its kernel. 0: silence only, as Redis.
   */
  refusedFactor: number
  /** A primary stops serving when no majority answered for this part of T. 0: no lease, as Redis. */
  leaseFactor: number
  /** A lone or best replica starts its election at once and delays scale with T. false: as Redis, 500 to 999 ms. */
  promptElections: boolean
  /**
   * With full coverage required, others go on for this part of T after a primary's FAIL while a replica of it may take
   * over. 0: they stop at the verdict, as Redis.
   */
  takeOverFactor: number
  /**
   * What a primary's acknowledgement says of its copies, which elections then keep. 0: a majority has fsynced; K: as
   * many replicas have received it. null: nothing, as Redis.
   */
  ackReplicas: number | null
}

/** Redis's defaults where Redis has the directive. */
export const defaultOptions: ClusterOptions = {
  nodeTimeoutMs: 15_000,
  replicaValidityFactor: 10,
  migrationBarrier: 1,
  allowReplicaMigration: true,
  replicaNoFailover: false,
  requireFullCoverage: true,
  replicaPingPeriodMs: 10_000,
  port: 6379,
  plainPort: 0,
  busPort: 16_379,
  announceIp: '',
  announceHostname: '',
  nodesMax: 2_000,
  refusedFactor: 0.15,
  leaseFactor: 0.5,
  promptElections: true,
  takeOverFactor: 0.5,
  ackReplicas: null,
}
