/**
 * Redirection: what a refusal means to whoever wants the command done all the same. Pure: from the error to the next
 * step, so that every case is a row in redirection.test.ts.
 * A refusal has changed nothing, so trying again is right for writes, too; where the connection ended before the reply,
 * only what reads may be repeated. Elsewhere: how often, and for how long (member-backend.ts).
 * Source: Redis Cluster specification, MOVED, ASK, TRYAGAIN, CLUSTERDOWN.
 */
import { ReplyError } from '@slotwise/engine'
import { ConnectionError } from 'slotwise'

export type Step =
  /** There it is, or was when somebody looked. `asking`: it is only on its way there. */
  | { readonly to: 'node'; readonly address: string; readonly asking: boolean }
  /** Nobody can now: ask the own node again in a moment, which hears of every change. */
  | { readonly to: 'wait' }

const WAIT: Step = { to: 'wait' }
const LATER = new Set(['TRYAGAIN', 'CLUSTERDOWN', 'LOADING', 'MASTERDOWN'])

/**
 * @param isRepeatable  running it twice does no harm
 * @returns null: it is the answer
 */
export function stepAfter(error: unknown, isRepeatable: boolean): Step | null {
  if (error instanceof ConnectionError) return error.mayHaveRun && !isRepeatable ? null : WAIT
  const reason = reasonOf(error)
  if (reason === null) return null
  if (LATER.has(reason.code)) return WAIT
  if (reason.code !== 'MOVED' && reason.code !== 'ASK') return null
  const address = reason.message.slice(reason.message.lastIndexOf(' ') + 1)
  // A node whose address is not known yet.
  if (!/^[^:?].*:\d+$/.test(address)) return WAIT
  return { to: 'node', address, asking: reason.code === 'ASK' }
}

/** Of a transaction that did not begin: why its first command was refused. */
function reasonOf(error: unknown): ReplyError | null {
  if (!(error instanceof ReplyError)) return null
  return error.code === 'EXECABORT' && error.cause instanceof ReplyError ? error.cause : error
}
