/**
 * `@slotwise/binlog/log`: following another server's log, without what reads MySQL: a server loads this at every start.
 * See docs/binlog.md.
 */
export { checkpointKey } from './checkpoint.js'
export { commandOf, FollowLog, type FollowLogOptions } from './follow-log.js'
export type { LogCommand } from './log-batch.js'
export type { FollowerView } from './log-follower.js'
export type { LogTarget } from './log-target.js'
