/**
 * A ClusterMachine as a member of a cluster of real redis-servers 7.0: it joins, sees a primary fail, and its vote
 * counts.
 */
import { describePeer, freePort, type RespClient, type RespReply, type ServerProcess, startRedis,
  waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { clusterHelp, clusterNodes } from '../src/index.js'
import { BusDriver } from './bus-driver.js'

const T = 2000

/** Closes what a test opened, last first. */
class Cleanup implements AsyncDisposable {
  readonly #opened: AsyncDisposable[] = []

  use<T extends AsyncDisposable>(opened: T): T {
    this.#opened.push(opened)
    return opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.reverse()) await opened[Symbol.asyncDispose]()
  }
}

interface Redis { server: ServerProcess; client: RespClient; busPort: number; id: string }

async function redis(stack: Cleanup): Promise<Redis> {
  const busPort = await freePort()
  const server = stack.use(await startRedis({
    args: ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', String(T),
      '--appendonly', 'no'],
  }))
  const client = stack.use(await server.client())
  return { server, client, busPort, id: text(await client.command('cluster', 'myid')) }
}

const text = (reply: RespReply): string => {
  if (typeof reply !== 'string') throw new Error('the reply is no text')
  return reply
}

const info = async (node: Redis): Promise<string> => text(await node.client.command('cluster', 'info'))
const nodes = async (node: Redis): Promise<string> => text(await node.client.command('cluster', 'nodes'))

describePeer('redis-server', 'redis-server', () => {
  it('has a machine as a primary: both sides say the same, and a failover needs and gets its vote', async () => {
    await using stack = new Cleanup()
    const [first, second, replica] = [await redis(stack), await redis(stack), await redis(stack)]
    const ours = stack.use(await BusDriver.start(await freePort(), await freePort(), T))
    const { view } = ours.machine

    await first.client.command('cluster', 'addslotsrange', 0, 5460)
    await second.client.command('cluster', 'addslotsrange', 5461, 10_922)
    expect(ours.command('ADDSLOTSRANGE', '10923', '16383')).toEqual({ type: 'status', text: 'OK' })
    for (const [index, node] of [first, second, replica].entries()) await node.client.command('cluster',
      'set-config-epoch', index + 1)
    ours.command('SET-CONFIG-EPOCH', '9')
    // A busy machine gives up a handshake: whoever asked asks again.
    let meetAtMs = 0
    const meet = async (): Promise<void> => {
      if (performance.now() < meetAtMs) return
      meetAtMs = performance.now() + 6000
      for (const node of [second, replica]) await node.client.command('cluster', 'meet', '127.0.0.1', first.server.port,
        first.busPort)
      ours.command('MEET', '127.0.0.1', String(first.server.port), String(first.busPort))
    }

    await waitFor(async () => {
      const infos = await Promise.all([first, second, replica].map(info))
      if (view.list.length === 4 && view.list.every((node) => !node.inHandshake) &&
        infos.every((each) => each.includes('known_nodes:4'))) return true
      await meet()
      return false
    }, { what: 'everybody knows everybody', timeoutMs: 60_000 })
    await waitFor(async () => await replica.client.command('cluster', 'replicate', first.id) === 'OK',
      { what: 'REPLICATE' })
    await waitFor(async () => (await info(first)).includes('cluster_state:ok') &&
      (await info(second)).includes('cluster_state:ok') && view.state === 'ok',
    { what: 'the state is ok on both sides', timeoutMs: 60_000 })
    await waitFor(() => view.nodes.get(replica.id)?.primary?.id === first.id, { what: 'the replica is known' })
    await waitFor(async () => text(await replica.client.command('info',
      'replication')).includes('master_link_status:up'), { timeoutMs: 60_000 })

    // Both describe me alike, but for times and links.
    const mine = clusterNodes(view).split('\n').find((line) => line.startsWith(view.self.id))!.split(' ')
    const theirs = (await nodes(second)).split('\n').find((line) => line.startsWith(view.self.id))!.split(' ')
    expect([theirs[0], theirs[1], theirs[2], theirs[6], theirs[8]])
      .toEqual([mine[0], mine[1], mine[2]!.replace('myself,', ''), mine[6], mine[8]])

    await first.server.sigkill()
    await waitFor(() => view.nodes.get(first.id)?.isFail === true, { what: 'the verdict', timeoutMs: 60_000 })
    await waitFor(() => view.nodes.get(replica.id)?.isVoter === true,
      { what: 'the replica took over', timeoutMs: 60_000 })
    expect(view.lastVoteEpoch).toBe(view.nodes.get(replica.id)!.configEpoch)
    expect(ours.persisted).toContain(`lastVoteEpoch ${view.lastVoteEpoch}`)
    expect(ours.log).toContain(`Failover auth granted to ${replica.id} for epoch ${view.lastVoteEpoch}`)
    await waitFor(async () => (await nodes(second)).split('\n').some((line) => line.startsWith(replica.id) && line.includes('master') && line.includes('0-5460')),
      { what: 'redis-server agrees' })
    expect(ours.refused).toEqual([])
  }, 360_000)

  it('answers CLUSTER HELP in the same lines', async () => {
    await using stack = new Cleanup()
    const node = await redis(stack)
    expect(await node.client.command('cluster', 'help')).toEqual(clusterHelp)
  })
})
