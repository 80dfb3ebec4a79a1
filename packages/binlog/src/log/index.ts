/**
 * `@slotwise/binlog/log`: following another server's log, without what reads MySQL: a server loads this at every start.
 * See docs/binlog.md.
 */
export { checkpointKey, commandOf, isStreamPosition, printCheckpoint, SNAPSHOT } from './checkpoint.js'
export { FollowLog, type FollowLogOptions, type FollowMode } from './follow-log.js'
export { type LogBatch, type LogCommand, parseLogBatch } from './log-batch.js'
export type { LogSource } from './log-connection.js'
export type { FollowerView } from './log-follower.js'
export type { LogTarget } from './log-target.js'
export { COPYING, copySource, type CopyTarget, databasesOf, type LogCopy, type Snapshot } from './source-copy.js'
