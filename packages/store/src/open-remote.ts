/** Opening what other processes have: connected, or a rejection; never half open. */
import { AsyncStore } from './async-store.js'
import type { Backend } from './backends/backend.js'
import { clientLibrary, type RedisClient, type RedisModule } from './backends/client-library.js'
import { ClusterBackend } from './backends/cluster-backend.js'
import { ConnectionError } from './backends/errors.js'
import { storeErrorOf } from './backends/replies.js'
import { within } from './backends/within.js'
import { ReplicatedBackend } from './backends/replicated-backend.js'
import { RingBackend } from './backends/ring-backend.js'
import { ServerBackend } from './backends/server-backend.js'
import { codecOf } from './codecs/index.js'
import {
  checkShardsOptions, checkUrlOptions, type ConnectionOptions, nearCacheOf, placeOf, shardsOf, type ShardsOptions,
  type UrlOptions, urlsOf,
} from './remote-options.js'

/** How soon a connection that was lost is made anew: at once, then after twice as long each time. */
const RETRY_DELAY_MS = 20
const RETRY_DELAY_MS_MAX = 1000
/** A cluster's map is asked for anew when a node has not come back for so long. */
const TOPOLOGY_AFTER_MS = 300

export async function openUrl<V>(options: UrlOptions<V>): Promise<AsyncStore<V>> {
  checkUrlOptions(options as UrlOptions<never>)
  const codec = codecOf<V>(options.codec ?? 'msgpack')
  return new AsyncStore<V>(await connectBackend(options as UrlOptions<never>), codec)
}

export async function openShards<V>(options: ShardsOptions<V>): Promise<AsyncStore<V>> {
  checkShardsOptions(options as ShardsOptions<never>)
  const codec = codecOf<V>(options.codec ?? 'msgpack')
  const shards = shardsOf(options as ShardsOptions<never>)
  const library = await clientLibrary()
  const opened = await Promise.allSettled(shards.map(async ({ url }) => {
    const client = await connect(library, url, options as ShardsOptions<never>)
    return new ServerBackend(library, client, placeOf(url), nearCacheOf(options as ShardsOptions<never>))
  }))
  const failed = opened.find((result) => result.status === 'rejected')
  if (failed !== undefined) {
    for (const result of opened) if (result.status === 'fulfilled') await result.value.close()
    throw failed.reason
  }
  const servers = opened.map((result) => (result as PromiseFulfilledResult<ServerBackend>).value)
  return new AsyncStore<V>(new RingBackend(shards, servers, options.hashTags ?? false), codec)
}

/** @internal A server or a cluster, as its first node that answers says. */
export async function connectBackend(options: UrlOptions<never>): Promise<Backend> {
  const urls = urlsOf(options)
  const library = await clientLibrary()
  const { client, url } = await firstOf(library, urls, options)
  try {
    const { mode, role } = await hello(client)
    if (mode !== 'cluster') {
      if (urls.length > 1) throw new ConnectionError(`${placeOf(url)} is no node of a cluster: several urls are for clusters, open({ shards }) for independent servers`)
      const server = new ServerBackend(library, client, placeOf(url), nearCacheOf(options))
      const { read = 'primary', maxLagMs = 0 } = options
      if (read === 'primary') return server
      if (role !== 'master') throw new ConnectionError(`${placeOf(url)} is a replica: expected the url of the primary, which knows its replicas`)
      return await withReplicas(server, url, { read, maxLagMs }, options)
    }
  } catch (error) {
    client.destroy()
    throw whatFailed(library, error, url, options)
  }
  await client.close()
  return connectCluster(library, urls, url, options)
}

async function withReplicas(
  primary: ServerBackend, url: string, { read, maxLagMs }: Required<Pick<UrlOptions, 'read' | 'maxLagMs'>>,
  options: ConnectionOptions<never>,
): Promise<ReplicatedBackend> {
  const connect = (host: string, port: number): Promise<ServerBackend> => {
    const there = new URL(url)
    there.hostname = host.includes(':') ? `[${host}]` : host
    there.port = String(port)
    return connectServer(there.href, options)
  }
  const backend = new ReplicatedBackend({ primary, address: placeOf(url), from: read, maxLagMs, connect })
  await backend.look()
  return backend
}

/**
 * @internal One server, whatever cluster it is in.
 * @param how.readonly  a replica of a cluster answers reads itself on this connection
 */
export async function connectServer(
  url: string, options: ConnectionOptions<never> = {}, how: { readonly?: boolean } = {},
): Promise<ServerBackend> {
  const library = await clientLibrary()
  return new ServerBackend(library, await connect(library, url, options, how), placeOf(url), nearCacheOf(options))
}

async function connectCluster(
  library: RedisModule, urls: readonly string[], answered: string, options: UrlOptions<never>,
): Promise<Backend> {
  const nearCache = nearCacheOf(options)
  const { username, password, protocol, pathname } = new URL(answered)
  if (pathname.length > 1 && pathname !== '/0') throw new TypeError('a cluster has database 0 only')
  const cluster = library.createCluster({
    rootNodes: [answered, ...urls.filter((url) => url !== answered)].map((url) => ({ url })),
    // A node that is away must not hold up those who need others.
    minimizeConnections: true,
    useReplicas: (options.read ?? 'primary') !== 'primary',
    defaults: {
      ...clientOptions(options),
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      socket: { ...socketOptions(options, { started: true }), ...(protocol === 'rediss:' && { tls: true }) },
    },
    commandOptions: { timeout: options.commandTimeoutMs ?? 5000 },
    topologyRefreshOnReconnectionAttemptStrategy: TOPOLOGY_AFTER_MS,
  })
  cluster.on('error', ignore)
  try {
    await connected(cluster.connect(), options, placeOf(answered))
  } catch (error) {
    if (cluster.isOpen) cluster.destroy()
    throw whatFailed(library, error, answered, options)
  }
  return new ClusterBackend(library, cluster, `cluster of ${placeOf(answered)}`, options.commandTimeoutMs ?? 5000, {
    from: options.read ?? 'primary', maxLagMs: options.maxLagMs ?? 0, ...(nearCache !== undefined && { nearCache }),
  })
}

/** The first url that answers. @throws {ConnectionError} that tells of each */
async function firstOf(
  library: RedisModule, urls: readonly string[], options: ConnectionOptions<never>,
): Promise<{ client: RedisClient; url: string }> {
  const failures: Error[] = []
  for (const url of urls) {
    try {
      return { client: await connect(library, url, options), url }
    } catch (error) {
      options.signal?.throwIfAborted()
      failures.push(error as Error)
    }
  }
  if (failures.length === 1) throw failures[0]!
  throw new ConnectionError(`no server answers: ${failures.map(({ message }) => message).join('; ')}`, { cause: failures[0] })
}

/** Retries begin when the first connection has been made. */
async function connect(
  library: RedisModule, url: string, options: ConnectionOptions<never>, how: { readonly?: boolean } = {},
): Promise<RedisClient> {
  const state = { started: false }
  const client = library.createClient({
    url, ...how, ...clientOptions(options), socket: socketOptions(options, state),
  })
  client.on('error', ignore) // commands tell it
  try {
    await connected(client.connect(), options, placeOf(url))
    state.started = true
    return client
  } catch (error) {
    if (client.isOpen) client.destroy()
    throw whatFailed(library, error, url, options)
  }
}

function clientOptions(options: ConnectionOptions<never>): object {
  return { RESP: 3, maintNotifications: 'disabled', commandOptions: { timeout: options.commandTimeoutMs ?? 5000 } }
}

function socketOptions(options: ConnectionOptions<never>, state: { started: boolean }): object {
  return {
    connectTimeout: options.connectTimeoutMs ?? 5000,
    reconnectStrategy: (retries: number, cause: Error): number | Error =>
      state.started ? Math.min(RETRY_DELAY_MS * 2 ** Math.min(retries, 10), RETRY_DELAY_MS_MAX) : cause,
  }
}

/** It tells everybody who may connect. */
async function hello(client: RedisClient): Promise<{ mode: string; role: string }> {
  const reply = await client.sendCommand(['HELLO'], { typeMapping: {} }) as Record<string, unknown>
  return { mode: String(reply.mode), role: String(reply.role) }
}

const connected = (work: Promise<unknown>, options: ConnectionOptions<never>, where: string): Promise<unknown> =>
  within(work, { timeoutMs: options.connectTimeoutMs ?? 5000, where, signal: options.signal })

function whatFailed(library: RedisModule, error: unknown, url: string, { signal }: ConnectionOptions<never>): Error {
  if (signal?.aborted === true) return signal.reason as Error
  return error instanceof ConnectionError ? error : storeErrorOf(library, error, placeOf(url))
}

const ignore = (): void => undefined
