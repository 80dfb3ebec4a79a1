/**
 * join(): this process as a member of a cluster, ready or rejected. What could go wrong is found out in an order in
 * which nothing has changed yet: options, seeds, the directory's lock, whose cluster it is; only then anybody is met.
 */
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError } from '@slotwise/config'
import { Node, NodeError } from '@slotwise/node'
import {
  type Codec, codecOf, ConnectionError, connectServer, ListenError, LockedError, type Logger, LogError, NotOpenError,
  open, OpenError, type ServerBackend, StoreClosedError,
} from 'slotwise'
import { Assembly, keyCountOf, rowsOf } from './assembly.js'
import { Connections } from './connections.js'
import { busPortOf, checkJoinOptions, type JoinOptions, nodeOptions, ownHostOf } from './join-options.js'
import { MemberBackend, type MemberReads } from './member-backend.js'
import { Member } from './member.js'
import type { NodeRow } from './nodes-table.js'
import { checkSameCluster, findSeed } from './seeds.js'
import { SlotCopies } from './slot-copies.js'

const SEED_TIMEOUT_MS = 3000
const RETRY_MS = 100
/** A member that is there answers at once; who is not is looked for again. */
const CONNECT_TIMEOUT_MS = 1000
/** A command that could not be written at once, since the connection has just broken, goes another way. */
const WRITE_TIMEOUT_MS = 500

/**
 * Makes this process a member of a cluster and resolves when the cluster is up and the member has its role. A directory
 * that was a member before comes back as what it was.
 * @throws {JoinError} SEEDS, VERSION, OTHERCLUSTER: nothing has changed; TIMEOUT: the message says what was missing;
 *   REFUSED: a member did not give the slots
 * @throws {LockedError} if another process, or another member of this one, has the directory
 * @throws {ListenError} if a port is taken; {OpenError} if the directory cannot be used
 * @throws {TypeError | RangeError} for bad options
 *
 *     await using node = await join({ dir: './data', port: 7000, seeds: ['10.0.0.1:7000'], replicas: 1 })
 *     await node.set('user:1', { name: 'Ada' })
 *     await node.get('user:1')   // in the process, or one hop away
 */
export function join(options: JoinOptions<string> & { codec: 'text' }): Promise<Member<string>>
export function join(options: JoinOptions<Uint8Array> & { codec: 'binary' }): Promise<Member<Uint8Array>>
export function join<V = unknown>(options: JoinOptions<V>): Promise<Member<V>>
export async function join<V>(given: JoinOptions<V>): Promise<Member<V>> {
  const options = given as JoinOptions<never>
  checkJoinOptions(options)
  const codec = codecOf<V>(given.codec ?? 'msgpack')
  const { signal: outer, joinTimeoutMs = 60_000, seeds = [], password, logger = processWarnings } = options
  outer?.throwIfAborted()
  const signals = [AbortSignal.timeout(joinTimeoutMs), ...(outer === undefined ? [] : [outer])]
  const signal = AbortSignal.any(signals)

  const connect = (host: string, port: number): Promise<ServerBackend> =>
    connectServer(urlOf(host, port, password), { connectTimeoutMs: SEED_TIMEOUT_MS })
  // Who goes meanwhile is not waited for.
  const connectNow = (host: string, port: number): Promise<ServerBackend> => {
    const limits = { connectTimeoutMs: SEED_TIMEOUT_MS, commandTimeoutMs: WRITE_TIMEOUT_MS }
    return connectServer(urlOf(host, port, password), limits)
  }
  const { nearCache = false, commandTimeoutMs = 5000, handOverTimeoutMs = 5000 } = options
  const remembers = knowsOthers(joinPath(options.dir, String(options.directives?.['cluster-config-file'] ?? 'nodes.conf')))
  const seed = seeds.length === 0 ? null : await findSeed(seeds, connect, { version: version(), signal, remembers })
  const dir = madeDir(options.dir)
  await refuseOpen(dir)
  const opened: (() => Promise<unknown>)[] = []
  const log = (message: string): void => logger.info?.(message)
  try {
    const node = await startNode(options, dir, logger)
    opened.unshift(() => node.stop())
    const local = await open<V>({ dir, attachOnly: true, logger: silent, codec: (given.codec ?? 'msgpack') as Codec<V> })
    opened.unshift(() => local.close())
    const self = await patiently(() => connect(ownHostOf(options), node.port), signal)
    opened.unshift(() => self.close())
    if (seed !== null) checkSameCluster(await rowsOf(self), await keyCountOf(self), seed.rows, dir)
    await new Assembly({
      self, seed, connect, signal, log, members: seeds.length === 0 ? options.members ?? 1 : null,
      replicas: options.replicas ?? 0, slots: options.slots ?? 'share', onProgress: options.onProgress ?? (() => undefined),
    }).run()
    const writeTimeoutMs = Math.min(WRITE_TIMEOUT_MS, commandTimeoutMs)
    const limits = { connectTimeoutMs: CONNECT_TIMEOUT_MS, commandTimeoutMs: writeTimeoutMs, nearCache }
    const connectionsTo = (how: { readonly: boolean }): Connections =>
      new Connections((host, port) => connectServer(urlOf(host, port, password), limits, how))
    const connections = connectionsTo({ readonly: false })
    const reads = await readsOf(options, dir, () => rowsOf(self), connectionsTo)
    if (reads !== null) opened.unshift(() => reads.local.close())
    const primaries = async (): Promise<(string | null)[]> => (await rowsOf(self))
      .filter(({ isReplica, slots }) => !isReplica && slots.length > 0)
      .map(({ isMyself, host, port }) => isMyself ? null : `${host}:${port}`)
    const end = async (): Promise<void> => {
      self.destroy(new StoreClosedError())
      await node.stop().catch(asStoreError)
    }
    const backend = new MemberBackend({
      local: local.async.backend, connections, primaries, commandTimeoutMs, end, ...reads !== null && { reads },
    })
    return new Member<V>({
      node, self, codec, backend, local, handOverTimeoutMs, departure: { self, connect: connectNow, log },
    })
  } catch (error) {
    for (const close of opened) await close().catch(() => undefined)
    if (outer?.aborted === true) throw outer.reason
    throw error
  }
}

/** A busy machine may need longer than a connection may take. @throws what came last when the signal says so */
async function patiently<T>(connect: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await connect()
    } catch (error) {
      if (!(error instanceof ConnectionError) || signal.aborted) throw error
      await sleep(RETRY_MS)
    }
  }
}

/** A second session of the engine, which copies of others' slots answer; null: primaries answer all reads. */
async function readsOf(
  { read = 'primary', maxLagMs = 0 }: JoinOptions<never>, dir: string, rows: () => Promise<NodeRow[]>,
  connectionsTo: (how: { readonly: boolean }) => Connections,
): Promise<MemberReads | null> {
  if (read === 'primary') return null
  const { async: { backend: local } } = await open({ dir, attachOnly: true, logger: silent, maxStalenessMs: maxLagMs })
  await local.run({ args: ['READONLY'] })
  const copies = new SlotCopies(rows)
  return {
    from: read, maxLagMs, local, connections: connectionsTo({ readonly: true }), copiesOf: (slot) => copies.of(slot),
  }
}

async function startNode(options: JoinOptions<never>, dir: string, logger: Logger): Promise<Node> {
  try {
    return await Node.start(nodeOptions(options, dir), { line: ({ level, message }) => logger[level]?.(message) })
  } catch (error) {
    if (error instanceof ConfigError) throw new OpenError(error.message, { cause: error })
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw new ListenError(`the port of the bus, ${busPortOf(options)}, is taken`, { cause: error })
    return asStoreError(error)
  }
}

/** Opening the directory again in this process would attach to what has it. @throws {LockedError} */
async function refuseOpen(dir: string): Promise<void> {
  try {
    const store = await open({ dir, attachOnly: true })
    await store.close()
  } catch (error) {
    if (error instanceof NotOpenError) return
    throw error
  }
  throw new LockedError(`the directory '${dir}' is open in this process already: locked by pid ${process.pid}`)
}

/** Which error of the store a NodeError stands for. */
function asStoreError(error: unknown): never {
  if (!(error instanceof NodeError)) throw error
  switch (error.code) {
    case 'LOCKED': throw new LockedError(error.message)
    case 'LISTEN': case 'EADDRINUSE': throw new ListenError(error.message, { cause: error })
    case 'LOG': throw new LogError(error.message, { cause: error })
    default: throw new OpenError(error.message, { cause: error })
  }
}

/** Whether a node was a member of a cluster with others when it wrote its nodes.conf. */
function knowsOthers(path: string): boolean {
  if (!existsSync(path)) return false
  return readFileSync(path, 'utf8').split('\n').some((line) => / (connected|disconnected)/.test(line) && !line.includes('myself'))
}

function madeDir(dir: string): string {
  try {
    mkdirSync(dir, { recursive: true })
    return realpathSync(dir)
  } catch (cause) {
    throw new OpenError(`the folder '${dir}' cannot be made: ${(cause as Error).message}`, { cause })
  }
}

function urlOf(host: string, port: number, password: string | undefined): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}${name}:${port}`
}

function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

/** The node tells already. */
const silent: Logger = { warn: () => undefined, error: () => undefined }

const processWarnings: Logger = {
  warn: (message) => process.emitWarning(message, 'SlotwiseWarning'),
  error: (message) => process.emitWarning(message, 'SlotwiseError'),
}
