/**
 * Question   How long until a server answers again after a restart from an RDB file?
 * Workload   5 million strings (16 B keys, 64 B values) in a dump.rdb that redis-server wrote, its checksum verified by
 *            both; and the same as the RDB base of an append-only directory. Each run starts on a fresh copy. The page
 *            cache is warm. Not pinned: a loader may use what cores there are.
 * Output     Seconds from exec to the first PONG with the full DBSIZE, CPU per key, RSS. A sample of keys is read back.
 * Yardstick  redis-server from the same file.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Scenario } from '../../apps/benchmark/src/scenario.js'
import { readBack, secondsToReady } from '../restart/ready.js'

const AOF_BASE = 'appendonly.aof.1.base.aof'
const RDB_BASE = 'appendonly.aof.1.base.rdb'
const INCR = 'appendonly.aof.1.incr.aof'
const manifest = (base: string): string => `file ${base} seq 1 type b\nfile ${INCR} seq 1 type i\n`

export const scenario: Scenario = {
  name: 'restart-rdb',
  question: 'How long until a server answers again after a restart from an RDB file?',
  workload: '5 million strings of 16 B keys and 64 B values in dump.rdb, and in the RDB base of an AOF; page cache warm, not pinned.',
  output: 'seconds from exec to the first PONG with the full DBSIZE, CPU per key, RSS',
  yardstick: 'redis-server from the same file, checksums verified',
  goals: [
    { case: 'dump.rdb', metric: 'seconds', must: 0.333, aim: 0.25 },
    { case: 'RDB base', metric: 'seconds', must: 0.333, aim: 0.25 },
  ],
  async run(bench) {
    const keys = bench.keys(5_000_000)
    const source = await bench.tempDir()
    await mkdir(`${source}/appendonlydir`)
    await bench.kvload(['--aof-out', `${source}/appendonlydir/${AOF_BASE}`, '--keys', String(keys), '--value-bytes', '64'])
    await writeFile(`${source}/appendonlydir/${INCR}`, '')
    await writeFile(`${source}/appendonlydir/appendonly.aof.manifest`, manifest(AOF_BASE))
    const maker = await bench.startOne(bench.reference({ appendonly: 'yes', 'auto-aof-rewrite-percentage': '0' }), { dir: source, pinned: false, waitForPing: false })
    await secondsToReady(maker, keys)
    await maker.command('BGSAVE')
    const persistence = async (): Promise<string> => String(await maker.command('INFO', 'persistence'))
    while ((await persistence()).includes('rdb_bgsave_in_progress:1')) await sleep(100)
    if (!(await persistence()).includes('rdb_last_bgsave_status:ok')) throw new Error('redis-server could not write dump.rdb')
    await maker.stop()

    const starts = [
      { name: 'dump.rdb', directives: {} },
      { name: 'RDB base', directives: { appendonly: 'yes', 'auto-aof-rewrite-percentage': '0' } },
    ] as const
    for (const { name, directives } of starts) {
      await bench.interleave([bench.subject(directives), bench.reference(directives)], async (side) => {
        const dir = await bench.tempDir()
        if (name === 'dump.rdb') {
          await copyFile(`${source}/dump.rdb`, `${dir}/dump.rdb`)
        } else {
          await mkdir(`${dir}/appendonlydir`)
          await copyFile(`${source}/dump.rdb`, `${dir}/appendonlydir/${RDB_BASE}`)
          await writeFile(`${dir}/appendonlydir/${INCR}`, '')
          await writeFile(`${dir}/appendonlydir/appendonly.aof.manifest`, manifest(RDB_BASE))
        }
        const server = await bench.startOne(side, { dir, pinned: false, waitForPing: false })
        const seconds = await secondsToReady(server, keys)
        const cpuUsPerOp = await server.cpuUs() / keys
        const rssBytes = await server.rssBytes()
        await readBack(bench, server, keys)
        await server.stop()
        await bench.removeDir(dir)
        return { [name]: { seconds, cpuUsPerOp, rssBytes } }
      })
    }
  },
}
