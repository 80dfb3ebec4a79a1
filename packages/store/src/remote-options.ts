/** Options of open() for data that other processes have, checked once. */
import { describe } from '@slotwise/engine'
import type { NearCacheOptions } from './backends/near-cache.js'
import type { ReadFrom } from './backends/reading.js'
import type { Codec } from './codecs/codec.js'
import type { CodecName } from './codecs/index.js'
import { wholeNumber } from './commands/sender.js'

/** What all connections to servers have in common. */
export interface ConnectionOptions<V = unknown> {
  /** How values are kept. All who share values must agree. @default 'msgpack' */
  codec?: CodecName | Codec<V>
  /**
   * Keep values that `get` has read here until the server says that they changed: hits cost no round trip.
   * `maxStalenessMs` bounds how old one may be. @default false
   */
  nearCache?: boolean | NearCacheOptions
  /** How long opening may take, for each server. @default 5_000 */
  connectTimeoutMs?: number
  /** How long a command may wait for a connection that is being made anew; then it was not sent. @default 5_000 */
  commandTimeoutMs?: number
  /** Aborting rejects with `signal.reason`; what was opened is closed again. */
  signal?: AbortSignal
}

/** A server, or a cluster: that is found out. */
export interface UrlOptions<V = unknown> extends ConnectionOptions<V> {
  /**
   * `redis://user:password@host:port/db`, `rediss://` with TLS, `unix:///path`; of a cluster one or more of its nodes,
   * of which one must answer.
   */
  url: string | readonly string[]
  /**
   * Who answers what only reads, of a cluster or of a primary with replicas. 'replica': any replica; 'nearest': who
   * answers fastest, the primary included. One that cannot answer is passed over. @default 'primary'
   */
  read?: ReadFrom
  /**
   * With `read`: a replica that cannot prove that its data is at most so old is passed over. Replicas of Redis cannot.
   * @default 0: replicas may lag
   */
  maxLagMs?: number
}

export interface ShardOptions {
  url: string
  /**
   * Decides its place on the ring instead of the place in the list; with names servers may be listed in any order and
   * replaced by others of the same name. All shards have one, or none.
   */
  name?: string
  /** How many times the share of a server of weight 1. @default 1 */
  weight?: number
}

/** Independent servers; the client decides which one has a key. */
export interface ShardsOptions<V = unknown> extends ConnectionOptions<V> {
  shards: readonly (string | ShardOptions)[]
  /** Only what stands between the first braces of a key decides its place: related keys share one. @default false */
  hashTags?: boolean
}

const COMMON = ['codec', 'nearCache', 'connectTimeoutMs', 'commandTimeoutMs', 'signal']
const URL_KNOWN = new Set([...COMMON, 'url', 'read', 'maxLagMs'])
const CACHE_KNOWN = new Set(['maxEntries', 'maxStalenessMs'])
const SHARDS_KNOWN = new Set([...COMMON, 'shards', 'hashTags'])
const SHARD_KNOWN = new Set(['url', 'name', 'weight'])
const PROTOCOLS = new Set(['redis:', 'rediss:', 'unix:'])

/** @throws {TypeError | RangeError} as checkOptions */
export function checkUrlOptions(options: UrlOptions<never>): void {
  onlyKnown(options, URL_KNOWN, 'open({ url })')
  checkConnection(options)
  const urls = urlsOf(options)
  if (urls.length === 0) throw new TypeError('expected at least one url')
  for (const url of urls) checkUrl(url)
  checkReads(options)
}

/** @internal @throws {TypeError | RangeError} */
export function checkReads(
  { read = 'primary', maxLagMs = 0, nearCache = false }: Pick<UrlOptions<never>, 'read' | 'maxLagMs' | 'nearCache'>,
): void {
  if (!['primary', 'replica', 'nearest'].includes(read)) throw new TypeError(`expected read to be 'primary', 'replica' or 'nearest', found '${read}'`)
  wholeNumber('maxLagMs', maxLagMs, 0)
  if (read !== 'primary' && nearCache !== false) throw new TypeError('expected nearCache or read from replicas, found both')
}

/** @throws {TypeError | RangeError} as checkOptions */
export function checkShardsOptions(options: ShardsOptions<never>): void {
  onlyKnown(options, SHARDS_KNOWN, 'open({ shards })')
  checkConnection(options)
  if (!Array.isArray(options.shards) || options.shards.length === 0) throw new TypeError('expected shards to be a list of at least one server')
  const names = new Set<string>()
  const shards = shardsOf(options)
  for (const { url, name, weight } of shards) {
    checkUrl(url)
    wholeNumber('weight', weight, 1)
    if (weight > 1000) throw new RangeError(`expected weight to be at most 1000, found ${weight}`)
    if (name === undefined) continue
    if (typeof name !== 'string' || name === '') throw new TypeError(`expected the name of a shard to be a string that is not empty, found ${describe(name)}`)
    names.add(name)
  }
  if (names.size !== 0 && names.size !== shards.length) throw new TypeError('expected every shard to have a name of its own, or none to have one')
}

export const urlsOf = ({ url }: UrlOptions<never>): readonly string[] => typeof url === 'object' ? url : [url]

export function shardsOf(
  { shards }: ShardsOptions<never>,
): { url: string; name: string | undefined; weight: number }[] {
  return shards.map((shard: unknown) => {
    if (typeof shard === 'string') return { url: shard, name: undefined, weight: 1 }
    if (typeof shard !== 'object' || shard === null) throw new TypeError(`expected a shard to be a url or options, found ${describe(shard)}`)
    onlyKnown(shard, SHARD_KNOWN, 'a shard')
    const { url, name, weight = 1 } = shard as ShardOptions
    return { url, name, weight }
  })
}

/** Without user and password: for messages. */
export function placeOf(url: string): string {
  if (url.startsWith('unix:')) return url.replace(/^unix:\/\/([^/]*@)?/, '').replace(/\?.*$/, '')
  const { hostname, port } = new URL(url)
  return `${hostname}:${port === '' ? '6379' : port}`
}

function onlyKnown(options: object, known: ReadonlySet<string>, what: string): void {
  for (const name of Object.keys(options)) if (!known.has(name)) throw new TypeError(`${what} has no option '${name}'`)
}

function checkConnection(options: ConnectionOptions<never>): void {
  wholeNumber('connectTimeoutMs', options.connectTimeoutMs ?? 1, 1)
  wholeNumber('commandTimeoutMs', options.commandTimeoutMs ?? 1, 1)
  const cache = nearCacheOf(options)
  if (cache === undefined) return
  if (typeof cache !== 'object' || (cache as unknown) === null) throw new TypeError(`expected nearCache to be true or options, found ${describe(cache)}`)
  onlyKnown(cache, CACHE_KNOWN, 'nearCache')
  wholeNumber('nearCache.maxEntries', cache.maxEntries ?? 1, 1)
  wholeNumber('nearCache.maxStalenessMs', cache.maxStalenessMs ?? 1, 1)
}

export function nearCacheOf({ nearCache = false }: ConnectionOptions<never>): NearCacheOptions | undefined {
  return nearCache === false ? undefined : nearCache === true ? {} : nearCache
}

/** The url is not repeated: it may hold a password. */
function checkUrl(url: unknown): void {
  if (typeof url !== 'string') throw new TypeError(`expected a url, found ${describe(url)}`)
  let protocol: string
  try {
    ({ protocol } = new URL(url))
  } catch {
    throw new TypeError('expected a url like redis://host:6379, found one that cannot be read')
  }
  if (!PROTOCOLS.has(protocol)) throw new TypeError(`expected a url that begins with redis:, rediss: or unix:, found ${protocol}`)
  if (protocol !== 'unix:' && new URL(url).hostname === '') throw new TypeError('expected a url with a host')
}
