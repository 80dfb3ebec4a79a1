/** `slotwise cluster status`: asks the nodes; on a terminal again each second, else once. */
import { resolve } from 'node:path'
import { Connection, parseInfo } from '../connection.js'
import { type Endpoint, parseEndpoint, printEndpoint } from '../endpoint.js'
import { pause } from '../pause.js'
import { textOf } from '../resp.js'
import type { Terminal } from '../terminal.js'
import { UserError } from '../user-error.js'
import { readClusterFile } from './cluster-file.js'
import { type Answer, type Member, parseNodes, renderStatus } from './view.js'

const EVERY_MS = 1000

export interface StatusOptions {
  readonly dir?: string
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly once?: boolean
}

/** @returns the exit code: 0 if the cluster serves all slots, else 1 */
export async function clusterStatus(options: StatusOptions, terminal: Terminal): Promise<number> {
  const seeds = seedsOf(options)
  const watch = terminal.columns() > 0 && options.once !== true
  if (!watch) {
    const { text, ok } = await look(seeds)
    terminal.out(text)
    return ok ? 0 : 1
  }
  const interrupt = terminal.interrupted().then(() => 'interrupted')
  for (;;) {
    const seen = await look(seeds).catch((error: unknown) => {
      if (error instanceof UserError) return { text: error.message, ok: false }
      throw error
    })
    terminal.redraw(`${seen.text.split('\n').map((line) => line.slice(0, terminal.columns())).join('\n')}\n\nCtrl-C ends`)
    if (await Promise.race([pause(EVERY_MS), interrupt]) === 'interrupted') return seen.ok ? 0 : 1
  }
}

/** Any node will do; those of a folder are tried in turn, since one may have failed. */
function seedsOf({ dir, host, port, user, password }: StatusOptions): Endpoint[] {
  const identity = { ...user !== undefined && { user }, ...password !== undefined && { password } }
  if (dir === undefined) return [{ host: host ?? '127.0.0.1', port: port ?? 7000, ...identity }]
  const made = readClusterFile(resolve(dir))
  if (made === null) throw new UserError(`${dir} holds no cluster (no cluster.json)`)
  return Array.from({ length: made.nodes }, (_, index) => ({ host: made.host, port: made.port + index, ...identity }))
}

async function look(seeds: readonly Endpoint[]): Promise<{ text: string; ok: boolean }> {
  const connection = await firstOf(seeds)
  try {
    const members = parseNodes(await connection.text('CLUSTER', 'NODES'))
    const info = parseInfo(await connection.text('CLUSTER', 'INFO'))
    const { user, password } = connection.endpoint
    const identity = { ...user !== undefined && { user }, ...password !== undefined && { password } }
    const asked = members.map(async (member) => [member.address, await ask(member, identity)] as const)
    const answers = new Map(await Promise.all(asked))
    return { text: renderStatus(info, members, answers), ok: info.get('cluster_state') === 'ok' }
  } finally {
    connection.close()
  }
}

async function firstOf(seeds: readonly Endpoint[]): Promise<Connection> {
  let first: unknown
  for (const seed of seeds) {
    try {
      return await Connection.open(seed)
    } catch (error) {
      first ??= error
    }
  }
  if (seeds.length <= 1) throw first
  throw new UserError(`none of ${printEndpoint(seeds[0]!)} to ${seeds.at(-1)!.port} can be reached`)
}

async function ask({ address, flags }: Member, identity: Partial<Endpoint>): Promise<Answer> {
  if (flags.includes('noaddr') || address === '') return null
  try {
    const connection = await Connection.open({ ...parseEndpoint(address.replace(/^([^[].*:.*):(\d+)$/, '[$1]:$2')), ...identity })
    try {
      return new Map((await connection.pipeline(['memory', 'clients', 'stats', 'replication', 'keyspace'].map((name) => ['INFO', name])))
        .flatMap((reply) => [...parseInfo(textOf(reply))]))
    } finally {
      connection.close()
    }
  } catch (error) {
    if (error instanceof UserError) return null
    throw error
  }
}
