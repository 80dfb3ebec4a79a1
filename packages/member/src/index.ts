/** @slotwise/member: this process as a member of a cluster. See README.md and docs/near-and-far.md. */
export type { JoinProgress } from './assembly.js'
export { JoinError, LeaveError } from './errors.js'
export { join } from './join.js'
export type { JoinOptions } from './join-options.js'
export { Member, type MemberEvents, type MemberStatus } from './member.js'
export type { ClusterChange } from '@slotwise/node'
