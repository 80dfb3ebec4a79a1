/**
 * Rows 84 and 99 between real processes: a copied directory that is started beside its node, and a system whose clock
 * is wrong.
 */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts, peer, RespError, startSlotwise, tempDir, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { createCluster, isOk, startNodes } from './fixtures/cluster.js'
import { ShiftedClock } from './fixtures/shifted-clock.js'

const WAIT_MS = 120_000

describe('row 84: a copy of the directory of a node that runs', () => {
  it.skipIf(!peer('redis-cli').usable)('serves nothing, stops with the reason, and the node goes on', async () => {
    await using cluster = await startNodes(['slotwise', 'slotwise', 'slotwise'])
    await createCluster(cluster, 0)
    const [first, second] = cluster.nodes
    await using before = await first!.client()
    expect(await before.command('SET', 'b', 'v')).toBe('OK') // slot 3300
    const { id } = (await cluster.rows(0)).find(({ flags }) => flags.includes('myself'))!
    const dir = tempDir()
    try {
      const copied = join(dir.path, 'copy')
      cpSync(first!.dir, copied, { recursive: true })
      const [port, busPort] = await freePorts(2) as [number, number]
      await using copy = await startSlotwise({
        port, dir: copied,
        args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '5000', '--appendonly', 'yes'],
      })
      const answers = new Set<string>()
      const asked = (async () => {
        try {
          await using client = await copy.client()
          for (;;) {
            const reply = await client.command('SET', 'b', 'w')
            answers.add(reply instanceof RespError ? reply.message : JSON.stringify(reply))
            await sleep(20)
          }
        } catch { /* it has stopped */ }
      })()
      const { code } = await copy.exited
      await asked
      expect(code).toBe(1)
      expect(copy.output).toContain(`another process runs under the id of this node, ${id}`)
      expect([...answers].filter((text) => !text.includes('CLUSTERDOWN'))).toEqual([])
      const told = new RegExp(`Node ${id} answers at .*, and another process under its id calls`)
      await waitFor(() => told.test(second!.output), { timeoutMs: WAIT_MS, what: 'the line in the log of another node' })
    } finally {
      await dir.remove()
    }
    await isOk(cluster)
    expect(await before.command('GET', 'b')).toBe('v')
    for (const index of [1, 2]) expect((await cluster.rows(index)).find((row) => row.id === id)?.port).toBe(first!.port)
  }, 300_000)
})

describe('row 99: a clock that is ten minutes ahead', () => {
  it('is told in CLUSTER INFO and in the log of the other nodes, until it is right again', async () => {
    const dir = tempDir()
    try {
      const clock = new ShiftedClock(dir.path)
      clock.set(600)
      const ports = await freePorts(4)
      const args = (index: number): string[] =>
        ['--cluster-enabled', 'yes', '--cluster-port', String(ports[2 + index]), '--cluster-node-timeout', '5000']
      await using one = await startSlotwise({ port: ports[0]!, args: args(0) })
      await using other = await startSlotwise({ port: ports[1]!, args: args(1), env: clock.env })
      await using client = await one.client()
      await using otherClient = await other.client()
      const id = await otherClient.command('CLUSTER', 'MYID') as string
      expect(await client.command('CLUSTER', 'MEET', '127.0.0.1', String(ports[1]), String(ports[3]))).toBe('OK')
      const skewOf = async (asked: typeof client): Promise<[number, string]> => {
        const info = await asked.command('CLUSTER', 'INFO') as string
        const [, ms, node] = /cluster_clock_skew_ms:(.*)\r\ncluster_clock_skew_node:(.*)\r\n/.exec(info)!
        return [Number(ms), node!]
      }
      await waitFor(async () => (await skewOf(client))[0] !== 0, { timeoutMs: WAIT_MS, what: 'an alarm' })
      const [ms, node] = await skewOf(client)
      expect(node).toBe(id)
      expect(Math.abs(ms - 600_000)).toBeLessThan(2000)
      await waitFor(async () => (await skewOf(otherClient))[0] < -598_000, { timeoutMs: WAIT_MS, what: 'the alarm of the other one' })
      const told = new RegExp(`The clock of node ${id} is \\d+ ms ahead of that of this one`)
      await waitFor(() => told.test(one.output), { timeoutMs: WAIT_MS, what: 'the line in the log' })
      clock.set(0)
      await waitFor(async () => (await skewOf(client))[0] === 0, { timeoutMs: WAIT_MS, what: 'its end' })
      await waitFor(() => one.output.includes(`The clock of node ${id} is no longer far`), { timeoutMs: WAIT_MS, what: 'the line in the log' })
    } finally {
      await dir.remove()
    }
  }, 300_000)
})
