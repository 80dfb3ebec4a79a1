/** A redis-server that follows a server under measurement. */
import type { Bench, RunningServer } from '../../apps/benchmark/src/scenario.js'

const DEADLINE_MS = 60_000

/** A replica of its own, on any core, up to date. @throws {Error} after a minute */
export async function follow(bench: Bench, primary: RunningServer): Promise<RunningServer> {
  const replica = await bench.startOne(
    bench.reference({ replicaof: `127.0.0.1 ${primary.port}`, 'repl-diskless-load': 'on-empty-db' }, 'replica'), { pinned: false })
  await until(async () => await linkIsUp(primary, replica), 'the replica did not come up')
  return replica
}

/** @throws {Error} if the replica was lost meanwhile, or does not have everything within a minute */
export async function hasEverything(primary: RunningServer, replica: RunningServer): Promise<void> {
  if (!await linkIsUp(primary, replica)) throw new Error('the replica was lost meanwhile')
  const offset = Number(/master_repl_offset:(\d+)/.exec(String(await primary.command('INFO', 'replication')))?.[1])
  const isThere = async (): Promise<boolean> =>
    Number(/slave_repl_offset:(\d+)/.exec(String(await replica.command('INFO', 'replication')))?.[1]) >= offset
  await until(isThere, 'the replica does not have everything')
}

async function linkIsUp(primary: RunningServer, replica: RunningServer): Promise<boolean> {
  return String(await primary.command('INFO', 'replication')).includes('state=online') &&
    String(await replica.command('INFO', 'replication')).includes('master_link_status:up')
}

async function until(isTrue: () => Promise<boolean>, otherwise: string): Promise<void> {
  for (const endMs = performance.now() + DEADLINE_MS; performance.now() < endMs;) {
    if (await isTrue()) return
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  throw new Error(otherwise)
}
