/**
 * Skip: passes transactions of the source without applying them, for an operator who has looked at the one that stops
 * a follower and decided. Nothing of a transaction is decoded but where it ends, so that whatever is wrong with it
 * cannot stop this, too. What was applied of a large one in part stays as it is.
 */
import { UnsupportedError } from '../errors.js'
import { readSource, type ReadSourceOptions } from '../source/read-source.js'
import type { StreamOutput } from '../stream/binlog-stream.js'
import type { SourcePosition } from '../stream/position.js'
import type { ClusterTarget } from '../target/cluster-target.js'
import { stateOf } from './state-of.js'
import type { TargetStore } from './target.js'

export interface SkipOptions extends Pick<ReadSourceOptions, 'sources' | 'serverId' | 'heartbeatMs' | 'signal'> {
  into: TargetStore | ClusterTarget
  /** Of the follower, which must not run meanwhile. @default 'default' */
  name?: string
  /** @default 1 */
  count?: number
}

/**
 * @returns how many were passed, fewer than asked for if the log ends there, and where the follower goes on
 * @throws {UnsupportedError} if the store has no position yet; {BinlogError} as `follow`
 */
export async function skipTransactions(options: SkipOptions): Promise<{ skipped: number; position: SourcePosition }> {
  const { into, name = 'default', count = 1, ...source } = options
  const state = stateOf(into, name)
  const start = await state.position()
  if (start === null) throw new UnsupportedError('nothing was followed yet, so there is nothing to skip')
  let position = start
  let skipped = 0
  const outputs = readSource({
    ...source, start, untilEnd: true, wants: () => false, touches: () => false, missingCascades: 'warn',
  })
  reading: for await (const batch of outputs) {
    for (const output of batch) {
      const reached = positionOf(output)
      if (reached === null) continue
      if (isBehindTransaction(position, reached, output)) skipped++
      position = reached
      if (skipped === count) break reading
    }
  }
  await state.apply({ commands: [], reached: { type: 'position', position, endsPart: skipped > 0 }, transactions: 0, rows: 0 })
  await state.synced()
  return { skipped, position }
}

function positionOf(output: StreamOutput): SourcePosition | null {
  if ('transaction' in output) return output.transaction.position
  return output.type === 'position' ? output.position : null
}

/** Or has only the file changed? */
function isBehindTransaction(before: SourcePosition, after: SourcePosition, output: StreamOutput): boolean {
  if ('transaction' in output) return true
  if (before.gtids !== '') return before.gtids !== after.gtids
  return before.file === after.file && before.position !== after.position
}
