/**
 * StoreCopy: a snapshot of a source, read and taken by stores of this process: what SourceCopy needs of them. A store
 * opens append-only files, so the snapshot becomes the base of one.
 * Source: Redis 7, files of the multi-part AOF.
 */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogTarget, LogTargetStore } from './log-target.js'
import { type CopyTarget, databasesOf, type Snapshot } from './source-copy.js'

/** What is used of `open` of slotwise. */
export type OpenStore = (
  options: { dir: string; codec: 'binary'; directives: Readonly<Record<string, string>> },
) => Promise<LogTargetStore & { close(): Promise<void> }>

/** @param dir  with `dump.rdb` in it */
export async function openStoreSnapshot(open: OpenStore, dir: string): Promise<Snapshot> {
  const files = join(dir, 'appendonlydir')
  await mkdir(files)
  await rename(join(dir, 'dump.rdb'), join(files, 'appendonly.aof.1.base.rdb'))
  await writeFile(join(files, 'appendonly.aof.1.incr.aof'), '')
  await writeFile(join(files, 'appendonly.aof.manifest'), 'file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n')
  const store = await open({ dir, codec: 'binary', directives: { appendfsync: 'no', 'auto-aof-rewrite-percentage': '0' } })
  // Of other databases than 0 nothing is asked: they are refused.
  return {
    databases: () => databasesOf(String(store.command('INFO', 'keyspace'))),
    page(_db, cursor, count) {
      const [next, keys] = store.commandBytes('SCAN', cursor, 'COUNT', String(count)) as [Uint8Array, Uint8Array[]]
      return { next, keys }
    },
    dump: (_db, keys) => keys.map((key) => {
      const payload = store.commandBytes('DUMP', key)
      return { payload: payload instanceof Uint8Array ? payload : null, expireAtMs: Number(store.command('PEXPIRETIME', key)) }
    }),
    close: () => store.close(),
  }
}

export function storeCopyTarget(store: LogTargetStore, target: Pick<LogTarget, 'apply'>): CopyTarget {
  return {
    databases: 1,
    members: (key, count) => store.commandBytes('SRANDMEMBER', key, String(count)) as Uint8Array[],
    apply: (commands) => target.apply(commands),
  }
}
