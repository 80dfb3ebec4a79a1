/** The state of a follower by name, in whichever kind of store it writes to. */
import { ClusterTarget } from '../target/cluster-target.js'
import type { FollowState } from './state.js'
import { TargetState, type TargetStore } from './target.js'

/** @throws {TypeError} for a name that is none */
export const stateOf = (into: TargetStore | ClusterTarget, name: string): FollowState =>
  into instanceof ClusterTarget ? into.state(name) : new TargetState(into, name)
