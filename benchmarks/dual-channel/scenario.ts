/**
 * Question   How long are writes unprotected when a replica lags, with and without semi-sync's second channel?
 * Workload   SET of 64 B, 50 connections, pipeline 1, closed loop, over 100,000 keys, against a primary with
 *            `repl-ack semisync`, K = 1, a time-out of 1 s, and a replica of ours with an append-only file (everysec)
 *            on the same machine, not pinned. For 10 s the replica (a) receives and does not apply (DEBUG
 *            PAUSE-REPLICA-APPLY), (b) stands still as a whole (SIGSTOP).
 * Output     Seconds from falling back to the return, as the primary counts them; of (b) also from SIGCONT on: before
 *            that no replica is there that could protect anything.
 * Yardstick  The same with `repl-semi-sync-dual-channel no`: the classic return, when the replica has caught up.
 */
import type { Bench, RunningServer, Sample, Scenario, Side } from '../../apps/benchmark/src/scenario.js'

const sleep = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms))
const info = async (server: RunningServer): Promise<string> => String(await server.command('INFO', 'replication'))

async function until(what: string, condition: () => Promise<boolean>, timeoutMs: number): Promise<number> {
  const startMs = performance.now()
  while (!await condition()) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await sleep(2)
  }
  return performance.now() - startMs
}

/** One lag, under load from before until it is over. */
async function lag(bench: Bench, side: Side, stopped: boolean): Promise<Record<string, Sample>> {
  const lagMs = bench.quick ? 1500 : 10_000
  const primary = await bench.startOne(side, { pinned: false })
  const replica = await bench.startOne(bench.subject(
    { ...side.directives, appendonly: 'yes', 'enable-debug-command': 'yes' }, 'replica'), { pinned: false })
  await replica.command('REPLICAOF', '127.0.0.1', String(primary.port))
  const dual = side.directives['repl-semi-sync-dual-channel'] !== 'no'
  await until('the replica', async () => {
    const text = await info(replica)
    return text.includes('master_link_status:up') && (!dual || text.includes('semi_sync_relay:standby'))
  }, 20_000)
  const load = bench.kvload(['--workload', 'set', '--connections', '50', '--keys', String(bench.keys(100_000)), '--value-bytes', '64',
    '--seconds', String(lagMs / 1000 + (bench.quick ? 3 : 15))], primary)
  await sleep(500)
  if (stopped) process.kill(replica.pid, 'SIGSTOP')
  else await replica.command('DEBUG', 'PAUSE-REPLICA-APPLY', String(lagMs))
  await sleep(lagMs)
  if (stopped) process.kill(replica.pid, 'SIGCONT')
  const afterMs = await until('the return', async () => (await info(primary)).includes('semi_sync_master_status:ON'), 120_000)
  const text = await info(primary)
  const seconds = Number(/semi_sync_master_last_unprotected_time:(\d+)/.exec(text)?.[1]) / 1e6
  const gap = Math.max(...[...text.matchAll(/semi_sync_master_gap_bytes:(\d+)/g)].map((found) => Number(found[1])), 0)
  bench.progress(`${side.label}: ${seconds.toFixed(4)} s, ${afterMs.toFixed(0)} ms after the lag, ${gap} bytes of gap`)
  const result = await load
  if (result.errors > 0) throw new Error(`${side.label}: ${result.firstError}`)
  await replica.stop()
  await primary.stop()
  if (!stopped) return { 'does not apply': { seconds, opsPerSecond: result.opsPerSecond } }
  return { 'stands still': { seconds }, 'from SIGCONT on': { seconds: afterMs / 1000 } }
}

export const scenario: Scenario = {
  name: 'dual-channel',
  question: 'How long are writes unprotected when a replica lags, with and without the second channel?',
  workload: 'SET, 50 connections; a replica of ours does not apply, or stands still, for 10 s; a time-out of 1 s.',
  output: 'seconds from falling back to the return',
  yardstick: 'the same without the second channel',
  goals: [
    { case: 'does not apply', metric: 'seconds', must: 0.1, aim: 0.01 },
    { case: 'from SIGCONT on', metric: 'seconds', must: 0.5, aim: 0.1 },
  ],
  async run(bench) {
    const common = { 'repl-ack': 'semisync', 'repl-semi-sync-timeout': '1000', 'repl-diskless-sync-delay': '0' }
    const sides = [bench.subject(common, 'dual'), bench.subject({ ...common, 'repl-semi-sync-dual-channel': 'no' }, 'classic')]
    await bench.interleave(sides, async (side) => ({
      ...await lag(bench, side, false), ...await lag(bench, side, true),
    }), { runsMax: 3 })
  },
}
