/**
 * Question   How long until a server answers again after a restart from its append-only file?
 * Workload   One file of 5 million SETs (16 B keys, 64 B values) in Redis 7's directory form, base in AOF format; each
 *            run starts on a fresh copy. The page cache is warm. Not pinned: a loader may use what cores there are.
 * Output     Seconds from exec to the first PONG with the full DBSIZE, CPU per key, RSS. A sample of keys is read back.
 * Yardstick  redis-server from the same file.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import type { Scenario } from '../../apps/benchmark/src/scenario.js'
import { readBack, secondsToReady } from './ready.js'

const BASE = 'appendonly.aof.1.base.aof'
const INCR = 'appendonly.aof.1.incr.aof'
const MANIFEST = `file ${BASE} seq 1 type b\nfile ${INCR} seq 1 type i\n`

export const scenario: Scenario = {
  name: 'restart',
  question: 'How long until a server answers again after a restart from its append-only file?',
  workload: '5 million SETs of 16 B keys and 64 B values in the base file; a fresh copy each run, page cache warm, not pinned.',
  output: 'seconds from exec to the first PONG with the full DBSIZE, CPU per key, RSS',
  yardstick: 'redis-server from the same file',
  goals: [{ case: 'start', metric: 'seconds', must: 0.5, aim: 0.25 }],
  async run(bench) {
    const keys = bench.keys(5_000_000)
    const source = await bench.tempDir()
    await bench.kvload(['--aof-out', `${source}/${BASE}`, '--keys', String(keys), '--value-bytes', '64'])
    const directives = { appendonly: 'yes', 'auto-aof-rewrite-percentage': '0' }
    await bench.interleave([bench.subject(directives), bench.reference(directives)], async (side) => {
      const dir = await bench.tempDir()
      await mkdir(`${dir}/appendonlydir`)
      await copyFile(`${source}/${BASE}`, `${dir}/appendonlydir/${BASE}`)
      await writeFile(`${dir}/appendonlydir/${INCR}`, '')
      await writeFile(`${dir}/appendonlydir/appendonly.aof.manifest`, MANIFEST)
      const server = await bench.startOne(side, { dir, pinned: false, waitForPing: false })
      const seconds = await secondsToReady(server, keys)
      const cpuUsPerOp = await server.cpuUs() / keys
      const rssBytes = await server.rssBytes()
      await readBack(bench, server, keys)
      await server.stop()
      await bench.removeDir(dir)
      return { start: { seconds, cpuUsPerOp, rssBytes } }
    })
  },
}
