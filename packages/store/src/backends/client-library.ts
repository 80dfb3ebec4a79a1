/**
 * The client library for other servers: node-redis 6 (@redis/client), an optional peer dependency that is loaded when
 * somebody opens a URL. Chosen over ioredis since it speaks RESP3 (types of replies, invalidations of tracked keys on
 * the same connection), depends on nothing and has no install script. Only what is used of it is typed here, so that
 * its types are not part of ours.
 */
import { OpenError } from '@slotwise/engine'

export interface SendOptions {
  typeMapping?: Readonly<Record<number, unknown>>
  /** Commands of one chain stay together, also when the connection is made anew. */
  chainId?: symbol
}

type Arguments = readonly (string | Buffer)[]

export interface RedisClient {
  readonly isOpen: boolean
  readonly isReady: boolean
  connect(): Promise<unknown>
  sendCommand(args: Arguments, options?: SendOptions): Promise<unknown>
  duplicate(overrides?: object): RedisClient
  close(): Promise<void>
  destroy(): void
  on(event: string, listener: (...args: never[]) => void): unknown
}

export interface RedisClusterNode { readonly address: string }

export interface RedisShard {
  readonly master: RedisClusterNode
  readonly replicas?: readonly RedisClusterNode[]
}

export interface RedisCluster {
  readonly masters: readonly RedisClusterNode[]
  readonly replicas: readonly RedisClusterNode[]
  /** By slot; without replicas unless asked for. */
  readonly slots: readonly (RedisShard | undefined)[]
  readonly isOpen: boolean
  connect(): Promise<unknown>
  sendCommand(
    key: string | Buffer | undefined, isReadOnly: boolean, args: Arguments, options?: SendOptions,
  ): Promise<unknown>
  nodeClient(node: RedisClusterNode): Promise<RedisClient>
  getNodeClientForKey(key: string | Buffer, isReadOnly?: boolean): Promise<RedisClient>
  close(): Promise<void>
  destroy(): void
  on(event: string, listener: (...args: never[]) => void): unknown
}

type ErrorClass = new (...args: never[]) => Error

export interface RedisModule {
  createClient(options: object): RedisClient
  createCluster(options: object): RedisCluster
  readonly RESP_TYPES: Readonly<Record<string, number>>
  readonly ErrorReply: ErrorClass
  readonly TimeoutError: ErrorClass
}

/** @throws {OpenError} if the package is not there */
export async function clientLibrary(): Promise<RedisModule> {
  try {
    return await import('@redis/client') as unknown as RedisModule
  } catch (cause) {
    throw new OpenError(`other servers need the package @redis/client, 6.3 or newer: npm install @redis/client (${(cause as Error).message})`, { cause })
  }
}

/** Bulk strings as bytes, maps and sets as what they are. */
export function typeMappingOf({ RESP_TYPES }: RedisModule): Readonly<Record<number, unknown>> {
  return {
    [RESP_TYPES.BLOB_STRING!]: Buffer, [RESP_TYPES.MAP!]: Map, [RESP_TYPES.SET!]: Set,
  }
}
