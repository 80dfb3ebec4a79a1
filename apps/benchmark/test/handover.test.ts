/** handover against a real redis-server, and against a server that hands over something else than was pushed. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describePeer, startRedis } from '@slotwise/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildLoad, runHandover } from '../src/kvload.js'

beforeAll(() => { buildLoad('handover') }, 120_000)
const short = ['--clients', '10', '--rate', '500', '--seconds', '0.2', '--warmup-seconds', '0']

describePeer('redis-server', 'handover against redis-server', () => {
  it('times each element that it pushes to each server, and leaves none behind', async () => {
    await using first = await startRedis()
    await using second = await startRedis()
    const ports = [first, second].flatMap(({ port }) => ['--port', String(port)])
    const results = await runHandover([...ports, ...short])
    expect(results.length).toBe(2)
    for (const [index, { singles, bursts }] of results.entries()) {
      expect(singles.elements).toBe(100)
      expect(bursts.elements).toBeGreaterThan(0)
      expect(bursts.elements % 10).toBe(0)
      for (const { elements, p50, p99, p999, undisturbed } of [singles, bursts]) {
        expect(p50).toBeGreaterThan(0)
        expect(p99).toBeGreaterThanOrEqual(p50)
        expect(p999).toBeGreaterThanOrEqual(p99)
        expect(undisturbed.elements).toBeLessThanOrEqual(elements)
      }
      await using client = await [first, second][index]!.client()
      expect(await client.command('EXISTS', 'q')).toBe(0)
      const stats = await client.command('INFO', 'commandstats') as string
      expect(Number(/cmdstat_rpush:calls=(\d+)/.exec(stats)?.[1])).toBe(100 + bursts.elements / 10)
    }
  })
})

describe('handover', () => {
  it('has no result if an element comes that was not pushed', async () => {
    const info = 'blocked_clients:10\r\n'
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        const text = bytes.toString()
        if (text.includes('INFO')) socket.write(`$${info.length}\r\n${info}\r\n`)
        else if (text.includes('BLPOP')) socket.write('*2\r\n$1\r\nq\r\n$3\r\n777\r\n')
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    await expect(runHandover(['--port', String(port), ...short])).rejects.toThrow('element 777 was not sent')
    server.close()
  })
})
