/** @slotwise/cluster: one node of a cluster as a machine. See README.md. */
export { clusterHelp } from './cluster-help.js'
export {
  type ClusterEffect, type ClusterEvent, type ClusterFacts, ClusterMachine, type MachineOptions,
} from './cluster-machine.js'
export {
  addressOfNode, clusterCountFailureReports, clusterInfo, clusterLinks, clusterMyId, clusterNodes, clusterReplicas,
  clusterShards,
  clusterSlots, type InfoExtras, type LinkRow, type NodeAddress, type ShardNode, type ShardRow, type SlotsRow,
} from './cluster-replies.js'
export type { CommandReply } from './command-reply.js'
export { isMutation } from './commands.js'
export { lateReturnMs } from './late-return.js'
export { CORRUPTED, nodesConf, parseNodesConf, type SavedCluster, savedCluster, withFileVersion } from './nodes-conf.js'
export { rehearseHandOver } from './rehearsal.js'
export { rangeWords } from './migration/migration-facts.js'
export type { MigrationRow } from './migration/migration-log.js'
export type { KeyCounts } from './slot-commands.js'
export type { Ballot, CopyDuty, CopyFacts, CopyFaults, ReplicationState, SavedCopy, VoteFaults } from '@slotwise/election'
export type {
  BusBody, BusHeader, BusMessage, ClusterOptions, ClusterView, Effect, LinkId, NodeId, NodeQuestion,
} from '@slotwise/gossip'
export { BusStream, decodeMessage, defaultOptions, encodeMessage, TICK_MS } from '@slotwise/gossip'
