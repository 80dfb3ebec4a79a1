/**
 * Question   What does it cost when a reply waits for a replica?
 * Workload   SET, pipeline 1, with 50 connections and with one, 100,000 keys of 16 B, values of 64 B. One redis-server
 *            on the same machine follows each side, not pinned. Semi-sync: `repl-ack semisync`, K = 1. redis-server has
 *            no such mode: its clients send WAIT 1 0 behind each SET, in one write, and count both as one request.
 * Output     Throughput, p50, p99, p99.9, CPU per operation of the primary.
 * Yardstick  redis-server with WAIT in the same run; and each side with the same replica and nobody waiting.
 */
import type { Bench, Sample, Scenario, Side } from '../../apps/benchmark/src/scenario.js'
import { follow } from '../replication/follower.js'

interface Case extends Side { wait: boolean }

async function measure(bench: Bench, side: Case): Promise<Record<string, Sample>> {
  const primary = await bench.startOne(side)
  const replica = await follow(bench, primary)
  const samples: Record<string, Sample> = {}
  for (const connections of [50, 1]) {
    const result = await bench.kvload(['--workload', 'set', '--connections', String(connections), '--keys', String(bench.keys(100_000)),
      '--value-bytes', '64', '--seconds', bench.quick ? '0.5' : '8', '--warmup-seconds', bench.quick ? '0.2' : '1',
      ...side.wait ? ['--wait', '1'] : []], primary)
    if (result.errors > 0) throw new Error(`${side.label}: ${result.firstError}`)
    samples[`SET, ${connections} connection${connections > 1 ? 's' : ''}`] = {
      opsPerSecond: result.opsPerSecond,
      p50Us: result.latencyUs.p50,
      p99Us: result.latencyUs.p99,
      p999Us: result.latencyUs.p999,
      ...(result.serverCpuUsPerOp === undefined ? {} : { cpuUsPerOp: result.serverCpuUsPerOp }),
    }
  }
  const fallenBack = /semi_sync_master_no_times:(\d+)/.exec(String(await primary.command('INFO', 'replication')))?.[1] ?? '0'
  if (fallenBack !== '0') throw new Error(`${side.label} fell back ${fallenBack} times: this measures nothing`)
  await replica.stop()
  await primary.stop()
  return samples
}

export const scenario: Scenario = {
  name: 'semi-sync',
  question: 'What does it cost when a reply waits for a replica?',
  workload: 'SET, pipeline 1, 50 connections and one, one redis-server as replica; redis-server with WAIT 1 behind each SET.',
  output: 'throughput, percentiles, CPU of the primary per operation',
  yardstick: 'redis-server with WAIT in the same run; both with a replica that nobody waits for',
  goals: [
    { case: 'SET, 50 connections', metric: 'opsPerSecond', must: 1, aim: 1.3 },
    { case: 'SET, 1 connection', metric: 'p50Us', must: 1, aim: 0.9 },
  ],
  async run(bench) {
    const quickly = { 'repl-diskless-sync-delay': '0' }
    const sides: Case[] = [
      { ...bench.subject({ ...quickly, 'repl-ack': 'semisync', 'repl-semi-sync-timeout': '60000' }, 'semi-sync'), wait: false },
      { ...bench.reference(quickly, 'WAIT 1'), wait: true },
      { ...bench.subject(quickly, 'async'), wait: false },
      { ...bench.reference(quickly, 'async'), wait: false },
    ]
    await bench.interleave(sides, (side) => measure(bench, side))
  },
}
