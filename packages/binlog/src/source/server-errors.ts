/**
 * What an error of a source means for its follower. Matched by number and loosely by text, since wording changes with
 * versions (slave and replica, master and source).
 */
import { ConnectionLostError, ServerError } from '../errors.js'

export type Remedy =
  /** The network, a restart, too many connections: the same again, later. */
  | 'retry'
  /** This source cannot serve from here (purged, diverged, another server): another one might; else a new snapshot. */
  | 'otherSource'
  /** A follower with our server id has taken over: stop, do not fight it. */
  | 'replaced'
  /** Nothing that time will heal: password, rights, a statement. */
  | 'stop'

const FATAL_READ = 1236
const SAME_ID = 4052
const PASSING = new Set([1040, 1053, 1077, 1158, 1159, 1160, 1161, 1203, 1927, 3032, 3159])

export function remedyFor(error: unknown): Remedy {
  if (!(error instanceof ServerError)) return 'retry'
  const { errno, message } = error
  if (errno === SAME_ID || (errno === FATAL_READ && /with the same server[_ ](?:uu)?id/i.test(message))) return 'replaced'
  if (errno === FATAL_READ) return 'otherSource'
  return PASSING.has(errno) ? 'retry' : 'stop'
}

/** Before following has begun: may the same work later, with nobody's help? */
export const isPassing = (error: unknown): boolean =>
  error instanceof ConnectionLostError || (error instanceof ServerError && remedyFor(error) === 'retry')

/** No source can serve from where the follower is: purged, most of the time. */
export const isPurged = (error: unknown): boolean => error instanceof ServerError && remedyFor(error) === 'otherSource'

/** Another follower with our server id has taken over. */
export const isReplaced = (error: unknown): boolean => remedyFor(error) === 'replaced'
