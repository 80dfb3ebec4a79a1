/** EngineCopy: a source's snapshot, read by a private engine and taken by this node's own, with all their databases. */
import { type CopyTarget, databasesOf, type LogTarget, type Snapshot } from '@slotwise/binlog/log'
import { asBytes, Engine } from '@slotwise/engine'

/** @param dir  with `dump.rdb` in it */
export async function openEngineSnapshot(dir: string, databases: number): Promise<Snapshot> {
  const snapshot = await Engine.open({ directives: [['dir', dir], ['port', '0'], ['save', ''], ['databases', String(databases)]], willListen: true })
  return {
    databases: () => databasesOf(String(snapshot.command(['INFO', 'keyspace']))),
    page(db, cursor, count) {
      snapshot.select(db)
      const [next, keys] = snapshot.command(['SCAN', cursor, 'COUNT', String(count)], asBytes) as [Uint8Array, Uint8Array[]]
      return { next, keys }
    },
    dump(db, keys) {
      snapshot.select(db)
      const replies = snapshot.commands(keys.flatMap((key) => [{ args: ['DUMP', key], bulk: asBytes }, { args: ['PEXPIRETIME', key] }]))
      return keys.map((_, i) => {
        const payload = replies[2 * i]
        return { payload: payload instanceof Uint8Array ? payload : null, expireAtMs: Number(replies[2 * i + 1]) }
      })
    },
    close: () => snapshot.close(),
  }
}

export function engineCopyTarget(engine: Engine, target: Pick<LogTarget, 'apply'>): CopyTarget {
  const found = engine.command(['CONFIG', 'GET', 'databases']) as Map<string, string>
  return {
    databases: Number(found.get('databases')),
    members: (key, count) => engine.command(['SRANDMEMBER', key, String(count)], asBytes) as Uint8Array[],
    apply: (commands) => target.apply(commands),
  }
}
