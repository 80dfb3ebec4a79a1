/**
 * Import by copying: SCAN, then DUMP and RESTORE of each key, in batches. For sources without replication. It is no
 * copy of one moment: a key that changes while it runs may be copied before or after, one that is added may be missed.
 */
import type { Connection, Words } from '../connection.js'
import { type Reply, ReplyError, textOf } from '../resp.js'
import { UserError } from '../user-error.js'
import { percent, type Progress } from './progress.js'

const BATCH_KEYS = 256

export interface CopyResult {
  readonly copied: number
  /** Of keys that the target refused, with its words for the first. */
  readonly failed: number
  readonly firstFailure: string
}

/** RESTORE of what DUMP and PTTL said; null if the key is gone. Pure. */
export function restoreOf(key: Buffer, dump: Reply, ttlMs: Reply): Words | null {
  if (!Buffer.isBuffer(dump) || typeof ttlMs !== 'number' || ttlMs === -2) return null
  // 0: its time comes within this millisecond; RESTORE would take it for "never".
  return ['RESTORE', key, ttlMs === -1 ? 0 : Math.max(1, ttlMs), dump, 'REPLACE']
}

/** Databases that have keys, from INFO keyspace: number -> keys. */
export function databasesOf(info: ReadonlyMap<string, string>): Map<number, number> {
  return new Map([...info].flatMap(([name, value]) => {
    const [db, keys] = [/^db(\d+)$/.exec(name)?.[1], /keys=(\d+)/.exec(value)?.[1]]
    return db === undefined || keys === undefined ? [] : [[Number(db), Number(keys)] as const]
  }))
}

export async function importByCopying(
  source: Connection, target: Connection, progress: Progress, interrupted: () => boolean,
): Promise<CopyResult> {
  const databases = databasesOf(await source.info('keyspace'))
  const total = [...databases.values()].reduce((sum, keys) => sum + keys, 0)
  let [seen, copied, failed, firstFailure] = [0, 0, 0, '']
  for (const db of [...databases.keys()].toSorted((a, b) => a - b)) {
    if (databases.size > 1 || db !== 0) {
      await source.must('SELECT', db)
      await target.must('SELECT', db)
    }
    let cursor = '0'
    do {
      if (interrupted()) throw new UserError(`interrupted after ${copied} keys: the target has a part of the data`)
      const [next = null, keys = null] = await source.must('SCAN', cursor, 'COUNT', BATCH_KEYS) as Reply[]
      cursor = textOf(next)
      const names = keys as Buffer[]
      const dumped = await source.pipeline(names.flatMap((key) => [['DUMP', key], ['PTTL', key]]))
      const refused = dumped.find((reply) => reply instanceof ReplyError)
      if (refused !== undefined) throw new UserError(`the source refuses DUMP: ${refused.message}`)
      const restores = names.flatMap((key, index) => {
        const words = restoreOf(key, dumped[2 * index] ?? null, dumped[2 * index + 1] ?? null)
        return words === null ? [] : [words]
      })
      for (const reply of await target.pipeline(restores)) {
        if (!(reply instanceof ReplyError)) copied++
        else if (failed++ === 0) firstFailure = reply.message
      }
      seen += names.length
      progress.show(`copying keys: ${percent(total === 0 ? 1 : seen / total)} of about ${total}`, total === 0 ? 1 : Math.min(1, seen / total))
    } while (cursor !== '0')
  }
  return { copied, failed, firstFailure }
}
