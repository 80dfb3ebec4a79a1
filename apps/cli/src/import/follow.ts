/**
 * Import by replication: the target becomes a replica of the source, gets its whole data and then every write, and is
 * promoted once it has all that the source had at one moment. Until then the source serves and nothing is lost.
 * Refused by a source that has no replication (some managed services): then copy.ts.
 */
import { Connection } from '../connection.js'
import { printEndpoint } from '../endpoint.js'
import { pause } from '../pause.js'
import { ReplyError, textOf } from '../resp.js'
import { UserError } from '../user-error.js'
import { percent, type Progress } from './progress.js'

const EVERY_MS = 100

/** What the target's INFO says of the way to its primary. */
export type LinkState =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'loading'; readonly part: number | null }
  | { readonly phase: 'following'; readonly offset: number }

/** Pure. @param info  section replication */
export function linkState(info: ReadonlyMap<string, string>): LinkState {
  const number = (name: string): number => Number(info.get(name) ?? NaN)
  if (info.get('master_link_status') === 'up') return { phase: 'following', offset: number('slave_repl_offset') }
  if (info.get('master_sync_in_progress') !== '1') return { phase: 'connecting' }
  const [total, read] = [number('master_sync_total_bytes'), number('master_sync_read_bytes')]
  return { phase: 'loading', part: total > 0 && read >= 0 ? Math.min(1, read / total) : null }
}

/** Whether the source speaks replication to this user; the answer costs it nothing. */
export async function canFollow(source: Connection): Promise<boolean> {
  const [said, known] = await source.pipeline([['REPLCONF', 'capa', 'psync2'], ['COMMAND', 'INFO', 'psync']])
  return !(said instanceof ReplyError) && !(Array.isArray(known) && known[0] === null)
}

export interface FollowOptions {
  /** No byte of the source came for that long: it does not work. */
  readonly connectTimeoutMs: number
  /** Stay a replica, up to date, until this resolves. */
  readonly until: Promise<unknown> | null
  readonly interrupted: () => boolean
}

/**
 * @returns 'promoted'; 'refused' if the source never let it in, with the target as it was, but empty
 * @throws {UserError}
 */
export async function importByFollowing(
  source: Connection, target: Connection, progress: Progress, options: FollowOptions,
): Promise<'promoted' | 'refused'> {
  const { host, port, user = '', password = '' } = source.endpoint
  const before = await Promise.all(['masteruser', 'masterauth'].map((name) => directive(target, name)))
  await target.must('CONFIG', 'SET', 'masteruser', user)
  await target.must('CONFIG', 'SET', 'masterauth', password)
  await target.must('REPLICAOF', host, port)
  try {
    return await follow(source, target, progress, options) ? 'promoted' : 'refused'
  } finally {
    // Also after Ctrl-C or a failure: a target that goes on following would be a surprise.
    await target.command('REPLICAOF', 'NO', 'ONE')
    await target.command('CONFIG', 'SET', 'masteruser', before[0]!)
    await target.command('CONFIG', 'SET', 'masterauth', before[1]!)
  }
}

/** @returns false if the source does not let it in, or not any more */
async function follow(
  source: Connection, target: Connection, progress: Progress, { connectTimeoutMs, until, interrupted }: FollowOptions,
): Promise<boolean> {
  const where = printEndpoint(source.endpoint)
  let deadlineMs = performance.now() + connectTimeoutMs
  /** What has to be there before the target is promoted: known once nobody wants to wait any longer. */
  let wanted: number | null = null
  let waits = until !== null
  void until?.then(() => waits = false)
  for (;;) {
    const state = linkState(await target.info('replication'))
    if (interrupted() && (until === null || state.phase !== 'following')) throw new UserError('interrupted: the target has a part of the data')
    switch (state.phase) {
      case 'connecting':
        progress.show(`waiting for ${where}`)
        if (performance.now() > deadlineMs) return false
        break
      case 'loading':
        deadlineMs = performance.now() + connectTimeoutMs
        progress.show(state.part === null ? `copying from ${where}` : `copying from ${where}: ${percent(state.part)}`, state.part)
        break
      case 'following':
        deadlineMs = performance.now() + connectTimeoutMs
        if (waits) {
          const behind = Math.max(0, await offsetOf(source) - state.offset)
          progress.show(`following ${where}, ${behind} bytes behind; Ctrl-C promotes`)
          break
        }
        wanted ??= await offsetOf(source)
        if (state.offset >= wanted) return true
        progress.show(`catching up with ${where}: ${wanted - state.offset} bytes`)
    }
    await Promise.race([pause(EVERY_MS), ...waits && until !== null ? [until] : []])
  }
}

const offsetOf = async (source: Connection): Promise<number> =>
  Number((await source.info('replication')).get('master_repl_offset'))

async function directive(target: Connection, name: string): Promise<string> {
  const reply = await target.must('CONFIG', 'GET', name)
  return Array.isArray(reply) ? textOf(reply[1] ?? null) : ''
}
