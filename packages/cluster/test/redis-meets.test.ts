/** The other way round: real redis-servers meet a ClusterMachine, see it fail when it is gone, and forget it. */
import { freePort, type RespReply, type ServerProcess, startRedis, describePeer, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { BusDriver } from './bus-driver.js'

const T = 1000

const textOf = (reply: RespReply): string => {
  if (typeof reply !== 'string') throw new Error('the reply is no text')
  return reply
}

const redis = (busPort: number): Promise<ServerProcess> => startRedis({
  args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', String(T)],
})

describePeer('redis-server', 'redis-server that meets a machine', () => {
  it('has it as a primary and calls it failing when it is gone; and the machine does so of redis-server', async () => {
    const [firstBus, secondBus] = [await freePort(), await freePort()]
    const [ourPort, ourBus] = [await freePort(), await freePort()]
    await using first = await redis(firstBus)
    await using second = await redis(secondBus)
    await using client = await first.client()
    await using other = await second.client()
    let gone = false
    const ours = await BusDriver.start(ourPort, ourBus, T)
    try {
      await client.command('cluster', 'addslotsrange', 0, 8000)
      await other.command('cluster', 'addslotsrange', 8001, 16_000)
      ours.command('ADDSLOTSRANGE', '16001', '16383')
      // All three begin with epoch 0: collisions, which the smaller ids resolve.
      // A busy machine gives up a handshake: whoever asked asks again.
      let meetAtMs = 0
      const meet = async (): Promise<void> => {
        if (performance.now() < meetAtMs) return
        meetAtMs = performance.now() + 5000
        await client.command('cluster', 'meet', '127.0.0.1', ourPort, ourBus)
        await client.command('cluster', 'meet', '127.0.0.1', second.port, secondBus)
      }
      const { view } = ours.machine
      const info = async (): Promise<string> => textOf(await client.command('cluster', 'info'))
      await waitFor(async () => {
        if (view.state === 'ok' && view.voterCount === 3 && (await info()).includes('cluster_size:3')) return true
        await meet()
        return false
      }, { what: 'the cluster is formed', timeoutMs: 60_000 })
      await waitFor(() => new Set(view.list.map((node) => node.configEpoch)).size === 3, { what: 'epochs are unique', timeoutMs: 60_000 })
      await waitFor(async () => (await info()).includes('cluster_state:ok'), { what: 'cluster_state:ok', timeoutMs: 60_000 })

      await other.command('config', 'set', 'cluster-node-timeout', T)
      second.signal('SIGSTOP')
      await waitFor(() => view.list.find((node) => node.port === second.port)?.isFail === true,
        { what: 'a stopped redis-server is failing', timeoutMs: 60_000 })
      second.signal('SIGCONT')
      await waitFor(() => view.list.every((node) => !node.isFail && !node.isPfail), { what: 'it is well again', timeoutMs: 60_000 })

      await ours[Symbol.asyncDispose]()
      gone = true
      await waitFor(async () => textOf(await client.command('cluster', 'nodes')).split('\n')
        .some((line) => line.startsWith(view.self.id) && line.includes(' master,fail ')), { what: 'the verdict of redis-server', timeoutMs: 60_000 })
      expect(ours.refused).toEqual([])
    } finally {
      if (!gone) await ours[Symbol.asyncDispose]()
    }
  }, 360_000)
})
