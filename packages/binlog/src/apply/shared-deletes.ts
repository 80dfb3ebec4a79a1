/**
 * Shared deletes: the commands of a batch with one DEL where there were many. A row is written whole, so each brings a
 * DEL for its key; half of what a store has to do for new rows was that. All of a batch happens at once, and commands
 * of different keys do not depend on each other; those of one key stay in their order.
 */
import type { Command } from '../mapping/row-writer.js'

/** The same for every key, in a list of its own. */
export function withSharedDeletes(commands: readonly Command[]): Command[] {
  const out: Command[] = []
  let deleted: (string | Uint8Array)[] = ['DEL']
  let others: Command[] = []
  /** Keys of commands that are not in `out` yet. */
  const touched = new Set<string | Uint8Array>()
  const end = (): void => {
    if (deleted.length > 1) out.push(deleted)
    for (const command of others) out.push(command)
    deleted = ['DEL']
    others = []
    touched.clear()
  }
  for (const command of commands) {
    const key = command[1]!
    const isDelete = command[0] === 'DEL'
    // Bytes are not found in a Set; nothing here has such keys, nor deletes several.
    if (typeof key !== 'string' || (isDelete && command.length > 2)) {
      end()
      out.push(command)
      continue
    }
    if (!isDelete) others.push(command)
    else {
      if (touched.has(key)) end()
      deleted.push(key)
    }
    touched.add(key)
  }
  end()
  return out
}
