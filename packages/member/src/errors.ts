/** Why this process did not become a member, or cannot leave. */
import { StoreError } from 'slotwise'

/**
 * `code`: SEEDS (none of them answers, or none is a node of a cluster), VERSION (they are of a kind that cannot be
 * joined), OTHERCLUSTER (the directory belongs to another cluster, or has data that would be mixed into theirs):
 * nothing has changed. TIMEOUT (the cluster did not come about in time: the message says what was missing), REFUSED (a
 * member refused its slots): what has moved has moved, and the next join() on the directory goes on.
 */
export class JoinError extends StoreError {
  override readonly name = 'JoinError'
  constructor(
    readonly code: 'SEEDS' | 'VERSION' | 'OTHERCLUSTER' | 'TIMEOUT' | 'REFUSED', message: string, options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** leave() did not come to its end: the process is a member still, and what it has not given away is served here. */
export class LeaveError extends StoreError {
  override readonly name = 'LeaveError'
  readonly code = 'LEAVE'
}
