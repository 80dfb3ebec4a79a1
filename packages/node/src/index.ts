/** @slotwise/node: a running node, assembled from engine, configuration and control thread. See README.md. */
export { type LogLine, Node, NodeError, type NodeEvents, type NodeLog } from './node.js'
export type { ClusterChange } from './cluster/cluster-driver.js'
export { type NodeOptions, nodeOptionsOf } from './node-options.js'
export { checkAof, type CheckAofOptions, globMatcher } from '@slotwise/engine'
export { KeyFinder } from './key-finder.js'
export {
  type AofFacts, type AofPlace, copyAof, type CopyReports, findCut, restoreAof, type RestorePart, type SegmentCut,
  segmentFacts, type SegmentFacts, verifyAof,
} from '@slotwise/engine'
