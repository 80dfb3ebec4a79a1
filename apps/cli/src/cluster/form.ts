/**
 * Forms a cluster of empty nodes that answer, with the commands that redis-cli --cluster create uses: slots and epochs,
 * MEET until everybody knows everybody, REPLICATE, then waits until every node agrees. A node gives a MEET up whose
 * answer is late, as on a busy machine, so whoever is not known yet is met again. What has been done before, of a run
 * that was cut off, is not done again; nodes that are members already, from the last time, are only waited for.
 */
import { type Connection, parseInfo } from '../connection.js'
import { printEndpoint } from '../endpoint.js'
import { until } from '../pause.js'
import { ReplyError, textOf } from '../resp.js'
import { UserError } from '../user-error.js'
import type { PlannedNode } from './plan.js'
import { type Member, parseNodes } from './view.js'

const TIMEOUT_MS = 60_000
const ATTEMPTS = 3
/** Nodes give a handshake up after the node timeout, 5 s here. */
const MEET_EVERY_MS = 2000

/** @param connections  to the nodes of the plan, in its order */
export async function formCluster(plan: readonly PlannedNode[], connections: readonly Connection[]): Promise<void> {
  const ids = await Promise.all(connections.map((connection) => asked(connection, 'MYID')))
  const tables = await Promise.all(connections.map(membersOf))
  const strangers = tables.flat().filter(({ id, flags }) => !ids.includes(id) && !isHandshake(flags))
  if (strangers.length > 0)
    throw new UserError(`these nodes are members of a cluster already, but not of this one (they know ${[...new Set(strangers.map(({ address }) => address))].join(', ')})`)
  await assignSlots(plan, connections, tables)
  await introduce(connections, ids)
  await giveReplicas(plan, connections, ids)
  await agreement(plan, connections)
}

/** To nodes that know nobody: who knows others has what it is to have, or had it until its replica took over. */
async function assignSlots(
  plan: readonly PlannedNode[], connections: readonly Connection[], tables: readonly Member[][],
): Promise<void> {
  await Promise.all(plan.map(async ({ slots }, index) => {
    const [own, ...others] = tables[index]!
    if (others.length > 0) return
    if (slots !== null && own?.slots.length === 0) await connections[index]!.must('CLUSTER', 'ADDSLOTSRANGE', ...slots)
    if (own?.epoch === 0) await connections[index]!.must('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  }))
}

/** Everybody meets everybody: with the first one alone it would take rounds of gossip. */
async function introduce(connections: readonly Connection[], ids: readonly string[]): Promise<void> {
  let meetAtMs = 0
  let missing = ''
  await until(() => `the nodes do not get to know each other: ${missing}`, async () => {
    const known = await Promise.all(connections.map(async (connection) =>
      new Set((await membersOf(connection)).filter(({ flags }) => !isHandshake(flags)).map(({ id }) => id))))
    const pairs = connections.flatMap((one, index) => connections.slice(0, index).map((other, earlier) => ({
      one, other, areAcquainted: known[index]!.has(ids[earlier]!) && known[earlier]!.has(ids[index]!),
    }))).filter(({ areAcquainted }) => !areAcquainted)
    missing = pairs.map(({ one, other }) => `${other.endpoint.port} and ${one.endpoint.port}`).join(', ')
    if (pairs.length > 0 && performance.now() >= meetAtMs) {
      meetAtMs = performance.now() + MEET_EVERY_MS
      await Promise.all(pairs.map(({ one, other }) =>
        other.must('CLUSTER', 'MEET', one.endpoint.host, one.endpoint.port)))
    }
    return pairs.length === 0
  }, { timeoutMs: TIMEOUT_MS })
}

/** Again while a node refuses: it may not have heard yet that the other one is a primary. */
async function giveReplicas(
  plan: readonly PlannedNode[], connections: readonly Connection[], ids: readonly string[],
): Promise<void> {
  await Promise.all(plan.map(async ({ primary }, index) => {
    const own = (await membersOf(connections[index]!)).find(({ flags }) => flags.includes('myself'))
    // One that has slots has taken over from its primary, in an earlier life.
    if (primary === null || own?.primaryId !== null || own.slots.length > 0) return
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

const isHandshake = (flags: readonly string[]): boolean => flags.some((flag) => flag === 'handshake' || flag === 'noaddr')

const membersOf = async (connection: Connection): Promise<Member[]> => parseNodes(await asked(connection, 'NODES'))

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
