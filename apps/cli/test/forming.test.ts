/** Forming a cluster of real nodes when what is sent does not arrive, and when it was begun before. */
import { startSlotwise } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { freePorts, slotwise } from './run-cli.js'
import { formCluster } from '../src/cluster/form.js'
import { planCluster } from '../src/cluster/plan.js'
import { Connection, type Words } from '../src/connection.js'
import type { Reply } from '../src/resp.js'

interface Nodes extends AsyncDisposable { readonly port: number; readonly connections: readonly Connection[] }

async function nodesOf(count: number): Promise<Nodes> {
  const port = await freePorts(count)
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--repl-diskless-sync-delay', '0']
  const ports = Array.from({ length: count }, (_, index) => port + index)
  const servers = await Promise.all(ports.map((each) => startSlotwise({ port: each, args })))
  const connections = await Promise.all(servers.map((server) => Connection.open({ host: '127.0.0.1', port: server.port })))
  return {
    port, connections,
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close()
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))
    },
  }
}

/** Says that it was done, and sends nothing, so long as `isLost` says so of the words. */
function losing(connection: Connection, isLost: (words: Words) => boolean): Connection {
  return new Proxy(connection, {
    get(target, name) {
      if (name === 'must') return (...words: Words): Promise<Reply> => isLost(words) ? Promise.resolve('OK') : target.must(...words)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) as unknown : value
    },
  })
}

it('nodes whose MEETs were lost are met again until all know each other', async () => {
  await using nodes = await nodesOf(4)
  const { port } = nodes
  const plan = planCluster({ nodes: 4, replicas: 1, port })
  let meetings = 0
  // The first round of six, and of the second those to the last node.
  const isLost = (words: Words): boolean =>
    words[1] === 'MEET' && (++meetings <= 6 || (meetings <= 12 && words[3] === port + 3))
  await formCluster(plan, nodes.connections.map((connection) => losing(connection, isLost)))
  expect(meetings).toBeGreaterThan(6)
  const status = slotwise(['cluster', 'status', '--port', port])
  expect([await status.exited, status.err]).toEqual([0, ''])
  expect(status.out).toContain('cluster ok, 4 nodes, 16384 of 16384 slots served')
  expect(status.out.match(/ replica /g)).toHaveLength(2)
}, 240_000)

it('what was begun is finished, and nodes of somebody else are left alone', async () => {
  await using nodes = await nodesOf(3)
  const { port, connections } = nodes
  const [first, second, third] = connections as [Connection, Connection, Connection]
  // A cluster of two, one of them a copy, that was cut off behind its slots.
  await second.must('CLUSTER', 'SET-CONFIG-EPOCH', 2)
  await first.must('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  const two = planCluster({ nodes: 2, replicas: 1, port })
  await formCluster(two, [first, second])
  await formCluster(two, [first, second])
  expect((await second.info('replication')).get('role')).toBe('slave')

  const other = planCluster({ nodes: 2, replicas: 0, port: port + 1 })
  await expect(formCluster(other, [second, third])).rejects.toThrow(`not of this one (they know 127.0.0.1:${port})`)
  expect((await third.text('CLUSTER', 'NODES')).trim().split('\n')).toHaveLength(1)
  expect(await third.text('CLUSTER', 'INFO')).toContain('cluster_slots_assigned:0')
}, 240_000)
