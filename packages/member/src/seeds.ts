/**
 * Seeds: nodes that are asked before anything is done. They must answer, be nodes of a cluster, of a kind that can be
 * joined, and of the cluster that the directory belongs to, if it belongs to one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ReplyError } from '@slotwise/engine'
import { type Backend, ConnectionError } from 'slotwise'
import { JoinError } from './errors.js'
import { fieldOf, type NodeRow, nodeRows } from './nodes-table.js'

export interface Seed {
  readonly host: string
  readonly port: number
  /** What it says of its cluster. */
  readonly rows: readonly NodeRow[]
}

/** @throws {TypeError} unless it is host:port */
export function parseSeed(seed: unknown): { host: string; port: number } {
  const [, host, port] = typeof seed === 'string' ? /^\[?([^\s[\]]+?)\]?:(\d{1,5})$/.exec(seed) ?? [] : []
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw new TypeError(`expected a seed like 'host:port', found ${typeof seed === 'string' ? `'${seed}'` : typeof seed}`)
  return { host, port: Number(port) }
}

/** Connects to one node. */
export type Connect = (host: string, port: number) => Promise<Backend>

interface Failure { readonly why: string; readonly kind: 'silent' | 'version' | 'other' }

const RETRY_MS = 100
/** Of a seed that has just been started itself. */
const NOT_YET = new Set(['LOADING', 'MASTERDOWN'])

/**
 * The first seed that can be joined. Members are often started together: while none answers they are asked again.
 * @param options.remembers  the node knows others itself: it does without seeds that do not answer
 * @returns null: without
 * @throws {JoinError} that tells of each: at once if one answered and cannot be joined, else when the time is up
 */
export async function findSeed(
  seeds: readonly string[], connect: Connect,
  { version, signal, remembers }: { version: string; signal: AbortSignal; remembers: boolean },
): Promise<Seed | null> {
  for (;;) {
    const found = await askAll(seeds, connect, version)
    if (!Array.isArray(found)) return found
    const refused = found.find(({ kind }) => kind !== 'silent')
    if (refused === undefined && remembers) return null
    if (refused === undefined && !signal.aborted) {
      await sleep(RETRY_MS)
      continue
    }
    // Whoever gives up is told so; when the time is up, what was wrong.
    if (signal.aborted && !isTimeout(signal.reason)) signal.throwIfAborted()
    throw new JoinError(refused?.kind === 'version' ? 'VERSION' : 'SEEDS', `no seed can be joined: ${found.map(({ why }) => why).join('; ')}`)
  }
}

const isTimeout = (reason: unknown): boolean => (reason as Error | null)?.name === 'TimeoutError'

async function askAll(seeds: readonly string[], connect: Connect, version: string): Promise<Seed | Failure[]> {
  const failures: Failure[] = []
  for (const text of seeds) {
    const { host, port } = parseSeed(text)
    let server: Backend | undefined
    try {
      server = await connect(host, port)
      const info = String(await server.run({ args: ['INFO', 'server'] }))
      const refusal = refusalOf(info, version)
      if (refusal === null) return { host, port, rows: nodeRows(String(await server.run({ args: ['CLUSTER', 'NODES'] }))) }
      failures.push({ why: `${text} ${refusal}`, kind: refusal.includes('cluster') ? 'other' : 'version' })
    } catch (error) {
      const { message } = error as Error
      const isForNow = error instanceof ConnectionError || (error instanceof ReplyError && NOT_YET.has(error.code))
      const kind = isForNow ? 'silent' : 'other'
      failures.push({ why: message.includes(String(port)) ? message : `${text}: ${message}`, kind })
    } finally {
      await server?.close()
    }
  }
  return failures
}

/**
 * Why a node cannot be joined; null if it can.
 * @param info  its INFO server
 * @param version  ours
 */
export function refusalOf(info: string, version: string): string | null {
  if (fieldOf(info, 'redis_mode') !== 'cluster') return 'is no node of a cluster (cluster-enabled no)'
  const redis = fieldOf(info, 'redis_version') ?? '?'
  if (Number(redis.split('.')[0]) < 7) return `is Redis ${redis}: expected 7.0 or newer`
  const theirs = fieldOf(info, 'slotwise_version')
  const major = (text: string): string => text.split('.')[0]!
  if (theirs !== undefined && major(theirs) !== major(version)) return `is Slotwise ${theirs}: expected ${major(version)}, as this is ${version}`
  return null
}

/**
 * May a node that knows `own` meet one that knows `theirs`? A node that is alone and has nothing may; one of the same
 * cluster comes back. Anything else would make one cluster of two, in which slots have two owners, and one would lose.
 * @throws {JoinError} OTHERCLUSTER
 */
export function checkSameCluster(
  own: readonly NodeRow[], keyCount: number, theirs: readonly NodeRow[], dir: string,
): void {
  const self = own.find(({ isMyself }) => isMyself)
  const known = new Set(theirs.map(({ id }) => id))
  if (self !== undefined && known.has(self.id)) return
  const others = own.filter(({ isMyself }) => !isMyself)
  if (others.some(({ id }) => known.has(id))) return
  const refuse = (what: string): never => {
    throw new JoinError('OTHERCLUSTER', `the directory '${dir}' ${what}: join with seeds of its own cluster, or with an empty directory`)
  }
  if (others.length > 0) refuse('belongs to another cluster than the seeds')
  if (self !== undefined && self.slots.length > 0) refuse('owns slots of a cluster of its own')
  if (keyCount > 0) refuse('has data, which would be mixed into the cluster')
}
