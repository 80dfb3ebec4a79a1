/**
 * kvload against a real redis-server (what it sends is what it says, what it counts is what the server counted) and
 * against servers that answer wrongly on purpose.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { describePeer, startRedis, tempDir, type ServerProcess, waitFor } from '@slotwise/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildLoad, kvloadArgs, runKvload, sampleOf } from '../src/kvload.js'
import type { KvloadResult } from '../src/scenario.js'

beforeAll(() => { buildLoad('kvload') }, 120_000)

describePeer('redis-server', 'kvload against redis-server', () => {
  let redis: ServerProcess
  const keys = 5000
  const load = (...args: string[]): Promise<KvloadResult> =>
    runKvload(['--port', String(redis.port), '--cpu-pid', String(redis.pid), '--keys', String(keys), ...args])
  const ask = async (...words: string[]): Promise<unknown> => {
    await using client = await redis.client()
    return await client.command(...words)
  }
  const calls = async (command: string): Promise<number> =>
    Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(String(await ask('INFO', 'commandstats')))?.[1] ?? 0)

  beforeAll(async () => {
    redis = await startRedis()
    await load('--prefill', '--connections', '3', '--pipeline', '64')
  })
  afterAll(async () => { await redis.stop() })

  it('prefill sets every key once, with a value that starts with the digits of its key', async () => {
    expect(await ask('DBSIZE')).toBe(keys)
    expect(await calls('set')).toBe(keys)
    expect(String(await ask('GET', 'key:000000004999'))).toMatch(/^000000004999.{52}$/)
    expect(await ask('GET', 'key:000000005000')).toBeNull()
  })

  it.each([
    ['get', 1], ['get', 16], ['get', 64], ['set', 1], ['set', 64], ['mix', 16],
  ] as const)('%s at pipeline %d counts each reply once and finds every value', async (workload, pipeline) => {
    const before = await calls('get') + await calls('set')
    const result = await load('--workload', workload, '--pipeline', String(pipeline), '--requests', '4000', '--connections', '7')
    expect(result).toMatchObject({ workload, pipeline, ops: 4000, misses: 0, mismatches: 0, errors: 0, loop: 'closed' })
    expect(await calls('get') + await calls('set') - before).toBe(4000)
    expect(result.serverCpuUsPerOp).toBeGreaterThan(0)
    expect(result.latencyUs.p50).toBeLessThanOrEqual(result.latencyUs.p99)
    expect(result.latencyUs.p99).toBeLessThanOrEqual(result.latencyUs.max)
  })

  it('counts a key that is not there as a miss', async () => {
    const result = await load('--keys', '1000000000', '--requests', '1000', '--pipeline', '10')
    expect(result.misses).toBeGreaterThan(900)
  })

  it('an open loop keeps its rate', async () => {
    const result = await load('--rate', '2000', '--seconds', '0.5', '--warmup-seconds', '0', '--connections', '10')
    expect(result).toMatchObject({ loop: 'open', rate: 2000 })
    expect(result.ops + result.behind).toBeGreaterThan(900)
    // Of a warm-up, what a stall held up would be counted here.
    expect(result.ops).toBeLessThanOrEqual(1001)
  })

  it('tells how long the load itself was away', async () => {
    const shape = ['--keys', String(keys), '--rate', '10000', '--seconds', '4', '--warmup-seconds', '0.2', '--connections', '20', '--canary', '0']
    const child = spawn(buildLoad('kvload'), ['--port', String(redis.port), ...shape], { stdio: ['ignore', 'pipe', 'ignore'] })
    const output = text(child.stdout)
    const before = await calls('get')
    await waitFor(async () => await calls('get') > before + 5000, { what: 'a part of the load' })
    child.kill('SIGSTOP')
    await sleep(1500) // 15,000 requests come due
    child.kill('SIGCONT')
    const { latencyUs, loadAwayUs } = JSON.parse(await output) as KvloadResult
    expect(latencyUs.max).toBeGreaterThan(900_000)
    // Without the right to real-time priority there is none.
    if (loadAwayUs === undefined) return
    expect(loadAwayUs).toBeGreaterThan(900_000)
  })

  it('writes an append-only file that redis-server starts from', async () => {
    await using dir = tempDir()
    const folder = join(dir.path, 'appendonlydir')
    await mkdir(folder)
    await writeFile(join(folder, 'appendonly.aof.manifest'), 'file appendonly.aof.1.base.aof seq 1 type b\n')
    await runKvload(['--aof-out', join(folder, 'appendonly.aof.1.base.aof'), '--keys', '300'])
    await using server = await startRedis({ dir: dir.path, args: ['--appendonly', 'yes'] })
    await using client = await server.client()
    expect(await client.command('DBSIZE')).toBe(300)
    expect(await client.command('GET', 'key:000000000299')).toMatch(/^000000000299.{52}$/)
  })

  it('draws zipf keys unevenly: as many requests touch far fewer keys', async () => {
    const touched = async (distribution: string): Promise<number> => {
      await ask('FLUSHALL')
      await load('--workload', 'set', '--distribution', distribution, '--requests', String(keys), '--pipeline', '10')
      return Number(await ask('DBSIZE'))
    }
    // Uniform: 1 - 1/e of the keys. Zipf 0.99: about half of the requests go to a hundredth of the keys.
    expect(await touched('uniform') / keys).toBeCloseTo(0.632, 1)
    expect(await touched('zipf') / keys).toBeLessThan(0.45)
  })

  it('says so when the server answers with errors', async () => {
    const limited = await startRedis({ args: ['--maxmemory', '1'] })
    try {
      await expect(runKvload(['--port', String(limited.port), '--prefill', '--keys', '100']))
        .rejects.toThrow(/100 error replies, the first: OOM command not allowed/)
    } finally {
      await limited.stop()
    }
  })
})

describe('kvload against a server that answers wrongly', () => {
  const servers: Server[] = []
  afterAll(() => { for (const server of servers) server.close() })

  /** Answers every GET with what `reply` makes of its key; replies to `chunkBytes` at a time. */
  async function answering(reply: (key: string) => string, chunkBytes = Infinity): Promise<number> {
    const server = createServer((socket) => {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('data', (data) => {
        const replies = [...data.toString().matchAll(/key:\d{12}/g)].map(([key]) => reply(key)).join('')
        const send = (rest: string): void => {
          socket.write(rest.slice(0, chunkBytes))
          if (rest.length > chunkBytes) setImmediate(send, rest.slice(chunkBytes))
        }
        send(replies)
      })
    })
    servers.push(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  }
  const bulk = (value: string): string => `$${value.length}\r\n${value}\r\n`
  const run = (port: number): Promise<KvloadResult> =>
    runKvload(['--port', String(port), '--requests', '64', '--pipeline', '8', '--connections', '2', '--value-bytes', '20'])

  it('takes right values, however the replies are cut', async () => {
    const port = await answering((key) => bulk(`${key.slice(4)}xxxxxxxx`), 3)
    expect(await run(port)).toMatchObject({ ops: 64, misses: 0, mismatches: 0 })
  })

  it("notices another key's value", async () => {
    const port = await answering(() => bulk('000000000000xxxxxxxx'))
    await expect(run(port)).rejects.toThrow(/replies held another value/)
  })

  it('notices a value of another length', async () => {
    const port = await answering((key) => bulk(key.slice(4)))
    await expect(run(port)).rejects.toThrow(/64 replies held another value/)
  })

  it('stops at a reply of another type and at one too many', async () => {
    await expect(run(await answering(() => ':1\r\n'))).rejects.toThrow(/unexpected reply to GET: ':1/)
    await expect(run(await answering(() => '$-1\r\n$-1\r\n'))).rejects.toThrow(/more replies than requests/)
  })

  it('an open loop counts a stall from the intended moments, a closed loop does not', async () => {
    // The server sleeps once for 200 ms; at 1,000 requests a second about 200 of 500 are due meanwhile.
    let isFirst = true
    const port = await answering((key) => {
      if (isFirst) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
      isFirst = false
      return bulk(`${key.slice(4)}xxxxxxxx`)
    })
    // So many requests, and not so long: a machine that stands still would have none in its window.
    const shape = ['--port', String(port), '--value-bytes', '20', '--requests', '500', '--warmup-seconds', '0', '--connections', '4']
    const open = await runKvload([...shape, '--rate', '1000', '--pipeline', '1000'])
    expect(open.latencyUs.p90).toBeGreaterThan(50_000)
    isFirst = true
    const closed = await runKvload([...shape, '--pipeline', '1'])
    expect(closed.latencyUs.p90).toBeLessThan(open.latencyUs.p90)
    expect(closed.latencyUs.max).toBeGreaterThan(150_000)
  })
})

describe('kvload on the command line', () => {
  it('refuses what it does not understand', async () => {
    await expect(runKvload(['--pipeline', 'x'])).rejects.toThrow(/--pipeline: expected a number/)
    await expect(runKvload(['--workload', 'del'])).rejects.toThrow(/expected get, set, mix or cache/)
    await expect(runKvload(['--port', '1'])).rejects.toThrow(/connect to 127.0.0.1:1/)
  })

  it('is given only the options that a load has', () => {
    expect(kvloadArgs({ workload: 'get', keys: 10, valueBytes: 64, pipeline: 16 }))
      .toEqual(['--workload', 'get', '--keys', '10', '--value-bytes', '64', '--pipeline', '16'])
  })

  it('leaves the server figures out of a sample when no process was named', () => {
    const latencyUs = { mean: 1, p50: 1, p90: 2, p99: 3, p999: 4, p9999: 5, max: 6 }
    const counts = { gets: 0, misses: 0, mismatches: 0, errors: 0, behind: 0 }
    const result: KvloadResult = {
      workload: 'get', loop: 'closed', seconds: 1, ops: 10, opsPerSecond: 10, clientCpuUsPerOp: 1, latencyUs, ...counts,
    }
    expect(sampleOf(result)).toEqual({ opsPerSecond: 10, p50Us: 1, p99Us: 3, p999Us: 4 })
  })
})
