/**
 * Forms a cluster of empty nodes that answer, with the commands that redis-cli --cluster create uses: slots and epochs,
 * MEET, REPLICATE once the primary is known, then waits until every node agrees. Nodes that are members already, from
 * the last time, are only waited for.
 */
import { type Connection, parseInfo } from '../connection.js'
import { printEndpoint } from '../endpoint.js'
import { until } from '../pause.js'
import { ReplyError, textOf } from '../resp.js'
import { UserError } from '../user-error.js'
import type { PlannedNode } from './plan.js'

const TIMEOUT_MS = 60_000
const ATTEMPTS = 3

/** @param connections  to the nodes of the plan, in its order */
export async function formCluster(plan: readonly PlannedNode[], connections: readonly Connection[]): Promise<void> {
  const known = await Promise.all(connections.map(async (connection) => Number((await clusterInfo(connection)).get('cluster_known_nodes'))))
  if (known.every((count) => count === 1)) await join(plan, connections)
  else if (known.some((count) => count !== plan.length))
    throw new UserError(`these nodes are members of a cluster already, but not of this one (they know ${known.join(', ')} nodes)`)
  await agreement(plan, connections)
}

async function join(plan: readonly PlannedNode[], connections: readonly Connection[]): Promise<void> {
  await Promise.all(plan.map(async ({ slots }, index) => {
    if (slots !== null) await connections[index]!.must('CLUSTER', 'ADDSLOTSRANGE', ...slots)
    await connections[index]!.must('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  }))
  // Everybody meets everybody: with the first one alone it would take rounds of gossip.
  await Promise.all(plan.flatMap(({ port }, index) =>
    connections.slice(0, index).map((earlier) => earlier.must('CLUSTER', 'MEET', earlier.endpoint.host, port))))
  const ids = await Promise.all(connections.map((connection) => asked(connection, 'MYID')))
  await Promise.all(plan.map(async ({ primary }, index) => {
    if (primary === null) return
    let refusal = ''
    await until(() => `a replica cannot follow its primary: ${refusal}`, async () => {
      const reply = await connections[index]!.command('CLUSTER', 'REPLICATE', ids[primary]!)
      refusal = reply instanceof ReplyError ? reply.message : ''
      return refusal === ''
    }, { timeoutMs: TIMEOUT_MS })
  }))
}

/** Every node sees the same members, each slot served and every replica connected to its primary. */
async function agreement(plan: readonly PlannedNode[], connections: readonly Connection[]): Promise<void> {
  await Promise.all(connections.map(async (connection, index) => {
    let missing = ''
    await until(() => `node ${plan[index]!.port} does not agree: ${missing}`, async () => {
      missing = await lacks(plan, connection)
      return missing === ''
    }, { timeoutMs: TIMEOUT_MS })
  }))
}

async function lacks(plan: readonly PlannedNode[], connection: Connection): Promise<string> {
  const info = await clusterInfo(connection)
  if (info.get('cluster_state') !== 'ok') return `cluster_state:${info.get('cluster_state') ?? '?'}`
  const lines = (await asked(connection, 'NODES')).split('\n').filter((line) => line !== '')
  const flags = lines.map((line) => line.split(' ')[2] ?? '')
  if (lines.length !== plan.length || flags.some((words) => /handshake|noaddr/.test(words))) return `it knows ${lines.length} nodes`
  // Who is whose replica may have changed since the plan, how many there are has not.
  const replicas = [plan.filter(({ primary }) => primary !== null).length, flags.filter((words) => words.includes('slave')).length]
  if (replicas[0] !== replicas[1]) return `it knows ${replicas[1]} of ${replicas[0]} replicas`
  const replication = await connection.info('replication')
  return replication.get('role') === 'master' || replication.get('master_link_status') === 'up' ? '' : 'its link to its primary is down'
}

const clusterInfo = async (connection: Connection): Promise<Map<string, string>> =>
  parseInfo(await asked(connection, 'INFO'))

/** A question about the cluster; again if the node became a replica while it waited for the answer. */
async function asked(connection: Connection, question: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const reply = await connection.command('CLUSTER', question)
    if (!(reply instanceof ReplyError)) return textOf(reply)
    if (attempt === ATTEMPTS || !reply.message.startsWith('UNBLOCKED'))
      throw new UserError(`${printEndpoint(connection.endpoint)} refuses CLUSTER ${question}: ${reply.message}`)
  }
}
