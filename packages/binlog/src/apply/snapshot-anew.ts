/**
 * SnapshotAnew: a follower that has a position and takes a snapshot all the same: since an operator asks for it, or
 * what comes next is purged at the source. Rows that the source deleted meanwhile are known from nothing, so the keys
 * of all mapped tables go first; readers miss them until the copy is whole. A mark in the store lasts until then:
 * whatever ends the process, it begins again with deleting.
 */
import type { Mapping } from '../mapping/mapping.js'
import type { Command } from '../mapping/row-writer.js'
import type { ClusterTarget } from '../target/cluster-target.js'
import { stateOf } from './state-of.js'
import type { FollowState } from './state.js'
import type { TargetStore } from './target.js'

const OWN_PREFIX = '__binlog:'
const BATCH_KEYS = 1000

/** @throws {TypeError} if the keys of some table cannot be told from others by their beginning */
export function checkAnew(mapping: Mapping): void {
  for (const [name, { key }] of mapping.tables) {
    if (!OWN_PREFIX.startsWith(key.prefix) && !key.prefix.startsWith(OWN_PREFIX)) continue
    throw new TypeError(`${name}: its keys ('${key.text}') cannot be found to be deleted before a new snapshot: the template needs a fixed text in front`)
  }
}

/**
 * The next `follow` with this name deletes the keys of the mapped tables and begins with a snapshot. The follower must
 * not run meanwhile.
 * @throws {TypeError} if the keys of some table cannot be told from others by their beginning
 */
export async function requestSnapshot({ mapping, into, name = 'default' }: { mapping: Mapping; into: TargetStore | ClusterTarget; name?: string }): Promise<void> {
  checkAnew(mapping)
  await stateOf(into, name).beginAnew()
}

/** Deletes the keys that rows of mapped tables can have made, and forgets the position. */
export async function forgetRows(mapping: Mapping, state: FollowState, signal: AbortSignal | undefined): Promise<void> {
  checkAnew(mapping)
  await state.claim()
  for (const { key } of new Set(mapping.tables.values())) {
    let commands: Command[] = []
    for await (const found of state.keys(key.glob)) {
      signal?.throwIfAborted()
      if (!key.matches(found)) continue
      commands.push(['DEL', found])
      if (commands.length < BATCH_KEYS) continue
      await state.run(commands)
      commands = []
    }
    if (commands.length > 0) await state.run(commands)
  }
  await state.forgetAll()
}
