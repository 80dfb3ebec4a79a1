/** Options of join(), checked once, and what the node makes of them. */
import { isIP } from 'node:net'
import { loadConfig } from '@slotwise/config'
import { type NodeOptions, nodeOptionsOf } from '@slotwise/node'
import { checkReads, type Codec, type CodecName, type Logger, type NearCacheOptions, type ReadFrom } from 'slotwise'
import type { JoinProgress } from './assembly.js'
import { parseSeed } from './seeds.js'

export interface JoinOptions<V = unknown> {
  /** Folder for the data and for what the node must remember of its cluster; made if need be; one process at a time. */
  dir: string
  /** TCP port for clients and other members. @default 6379 */
  port?: number
  /** TCP port on which the nodes talk. @default port + 10_000 */
  busPort?: number
  /** Address to listen on. @default '127.0.0.1' */
  host?: string
  /** The IP address by which others reach this member. @default host */
  announceHost?: string
  /** Members that are there already, 'host:port'. Without, this is the first, which forms the cluster. @default none */
  seeds?: readonly string[]
  /** Of the first one: form the cluster when so many are there, itself included. @default 1 */
  members?: number
  /** How many copies of each slot are wished besides the one at its primary. @default 0 */
  replicas?: number
  /**
   * What a member takes that comes to a cluster which is there and has its replicas: a fair share of the slots, so
   * many, or none. @default 'share'
   */
  slots?: 'share' | 'none' | number
  /** What clients and members give with AUTH; needed unless `host` is this machine only. The same at all members. */
  password?: string
  /** How values are kept. @default 'msgpack' */
  codec?: CodecName | Codec<V>
  /** How long a silent member is waited for before it counts as failed. @default 15_000 */
  nodeTimeoutMs?: number
  /** How long joining may take; moving keys counts. @default 60_000 */
  joinTimeoutMs?: number
  /**
   * How long a command may look for somebody who answers while slots move or a member has failed, and wait for the
   * reply. Longer than a fail-over takes (`nodeTimeoutMs` and some two seconds), and callers only notice that it took
   * time. @default 5_000
   */
  commandTimeoutMs?: number
  /** How long close() may take to give the role of a primary to its replica; 0: it does not try. @default 5_000 */
  handOverTimeoutMs?: number
  /** Keep values of other members' keys that `get` has read; see `open({ url, nearCache })`. @default false */
  nearCache?: boolean | NearCacheOptions
  /**
   * Who answers what only reads. 'replica' and 'nearest': this process where it has the slot or a copy of it; else any
   * replica, or who answers fastest, the primary included. Not together with `nearCache`. @default 'primary'
   */
  read?: ReadFrom
  /**
   * With `read`: a copy, this process's own too, that cannot prove that its data is at most so old is passed over.
   * Replicas of Redis cannot. @default 0: copies may lag
   */
  maxLagMs?: number
  /** When the log is synced by itself. @default 'everysec' */
  appendFsync?: 'always' | 'everysec' | 'no'
  /** Aborting rejects with `signal.reason`; the node is stopped again. */
  signal?: AbortSignal
  /** Called while joining: what it is at, and how many slots have come. */
  onProgress?: (progress: JoinProgress) => void
  /** @default warnings and errors become process warnings */
  logger?: Logger
  /** Any directives of redis.conf, by name. */
  directives?: Readonly<Record<string, string | number>>
}

const KNOWN = new Set([
  'dir', 'port', 'busPort', 'host', 'announceHost', 'seeds', 'members', 'replicas', 'slots', 'password', 'codec',
  'nearCache', 'read', 'maxLagMs', 'nodeTimeoutMs', 'joinTimeoutMs', 'commandTimeoutMs', 'handOverTimeoutMs', 'appendFsync', 'signal',
  'onProgress', 'logger', 'directives',
])
const LOOPBACK = /^(127\.|::1$|localhost$)/

/** @throws {TypeError | RangeError} */
export function checkJoinOptions(options: JoinOptions<never>): void {
  if (typeof options !== 'object' || (options as unknown) === null) throw new TypeError('expected options')
  for (const name of Object.keys(options)) if (!KNOWN.has(name)) throw new TypeError(`join() has no option '${name}'`)
  const { dir, host = '127.0.0.1', announceHost = host, seeds = [], slots = 'share', password } = options
  if (typeof dir !== 'string' || dir === '') throw new TypeError('expected dir: a member must remember its cluster')
  whole('port', options.port ?? 6379, 1, 65_535)
  whole('busPort', busPortOf(options), 1, 65_535)
  whole('members', options.members ?? 1, 1, 1000)
  whole('replicas', options.replicas ?? 0, 0, 100)
  if (typeof slots === 'number') whole('slots', slots, 1, 16_384)
  else if (!['share', 'none'].includes(slots)) throw new TypeError(`expected slots to be 'share', 'none' or a number, found '${slots}'`)
  for (const name of ['nodeTimeoutMs', 'joinTimeoutMs', 'commandTimeoutMs'] as const) whole(name, options[name] ?? 1, 1, 2 ** 31 - 1)
  whole('handOverTimeoutMs', options.handOverTimeoutMs ?? 0, 0, 2 ** 31 - 1)
  checkReads(options)
  if (!Array.isArray(seeds)) throw new TypeError('expected seeds to be a list')
  for (const seed of seeds) parseSeed(seed)
  if (seeds.length > 0 && options.members !== undefined) throw new TypeError('members is for the first member, which has no seeds')
  if (isIP(announceHost) === 0 || announceHost === '0.0.0.0' || announceHost === '::') {
    throw new TypeError(`expected announceHost (or host) to be an IP address that others can reach, found '${announceHost}'`)
  }
  if (password === undefined && !LOOPBACK.test(host) && options.directives?.['protected-mode'] !== 'no') {
    throw new TypeError(`expected a password: without one, only this machine is served on '${host}'`)
  }
}

export const busPortOf = ({ port = 6379, busPort = port + 10_000 }: JoinOptions<never>): number => busPort

/** Where this process reaches its own node. */
export const ownHostOf = ({ host = '127.0.0.1' }: JoinOptions<never>): string =>
  host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host

/**
 * @param dir  absolute, as the system names it
 * @throws {ConfigError} for a directive that cannot be
 */
export function nodeOptions(options: JoinOptions<never>, dir: string): NodeOptions {
  const { port = 6379, host = '127.0.0.1', announceHost = host, nodeTimeoutMs, password, appendFsync, directives = {} } = options
  const lines: [string, string][] = [
    ['port', String(port)], ['bind', host], ['dir', dir], ['save', ''], ['appendonly', 'yes'],
    ['cluster-enabled', 'yes'], ['cluster-port', String(busPortOf(options))], ['cluster-announce-ip', announceHost],
  ]
  if (nodeTimeoutMs !== undefined) lines.push(['cluster-node-timeout', String(nodeTimeoutMs)])
  if (appendFsync !== undefined) lines.push(['appendfsync', appendFsync])
  if (password !== undefined) lines.push(['requirepass', password], ['masterauth', password])
  for (const [name, value] of Object.entries(directives)) lines.push([name, String(value)])
  const config = loadConfig({ args: lines.flatMap(([name, value]) => [`--${name}`, value]) })
  return nodeOptionsOf(config, { names: [`dir:${dir}`] })
}

function whole(name: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(`expected ${name} to be a whole number from ${least} to ${most}, found ${value}`)
  }
}
