/**
 * The control thread: a worker_thread that holds a node's engine open and runs its control plane, so that an
 * application which blocks its own event loop neither stalls the node nor loses its seat in a cluster.
 * Data never passes here: clients are served by the engine's own threads.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import {
  type ControlPort, type ControlRequest, directoryHolder, Engine, LockedError, type LogLevel,
} from '@slotwise/engine'
import type { GatewayThread, GatewayThreadOptions } from '@slotwise/http'
import type { ClusterDriver } from './cluster/cluster-driver.js'
import type { FromControl, ToControl } from './control-messages.js'
import { encodeReply } from './cluster/resp-writer.js'
import type { FollowDriver } from './follow/follow-driver.js'
import { isMysqlRequest, NO_SOURCE } from './mysql/mysql-requests.js'
import type { MysqlSource, readMysqlSettings } from './mysql/mysql-source.js'
import type { NodeOptions } from './node-options.js'

const parent = parentPort!
const [begin] = await once(parent, 'message') as [Extract<ToControl, { type: 'start' }>]
const options: NodeOptions = begin.options
const tell = (message: FromControl): void => parent.postMessage(message)

/** How late a standby notices that its directory is free. Looking costs three system calls. */
const standbyPollMs = 20
let standbyEnded = false
let driver: ClusterDriver | undefined
let parts: Awaited<ReturnType<typeof loadParts>> | undefined
let follow: FollowDriver | undefined
let mysql: MysqlSource | undefined
let control: ControlPort | undefined
/** What clients asked before there was anybody to answer. */
const early: ControlRequest[] = []
let gateway: GatewayThread | undefined

function fail(error: unknown): void {
  const { code = 'ERR', message } = error as NodeJS.ErrnoException
  tell({ type: 'failed', code, message })
  parent.close()
}

const open = (): Promise<Engine> => Engine.open({
  ...options,
  willListen: true,
  onLog: (level, message) => tell({ type: 'log', level, message }),
  onLogLevel: (level) => tell({ type: 'logLevel', level }),
  onShutdown: (exitCode) => tell({ type: 'shutdown', exitCode }),
  onControlRequest: request,
  onPublished: (channel, message, sharded) => driver?.published(channel, message, sharded),
})

function request(asked: ControlRequest): void {
  const isMysql = isMysqlRequest(asked)
  if (!isMysql && parts?.follow.isFollowRequest(asked) === false) driver?.request(asked)
  else if (follow === undefined || control === undefined) early.push(asked)
  else if (!isMysql) follow.request(asked)
  else if (mysql !== undefined) mysql.request(asked)
  else control.answer(asked.id, encodeReply(NO_SOURCE, asked.protocol))
}

/** Keeps of the archive what the configuration says, and follows what the store remembers. */
function startFollowing(engine: Engine, port: number, source: MysqlStart | null): void {
  const { bytes, seconds } = options.binlogRetention
  if (options.persistent && (bytes > 0 || seconds > 0)) engine.command(['BINLOG', 'RETAIN', String(bytes), String(seconds)])
  const onLog = (level: LogLevel, message: string): void => tell({ type: 'log', level, message })
  follow = new parts!.follow.FollowDriver(engine, control!, onLog)
  follow.start()
  if (source !== null) {
    const clusterPort = options.cluster ? port : null
    mysql = new source.MysqlSource({
      engine, control: control!, file: options.mysqlSource, settings: source.settings, clusterPort, onLog,
    })
    mysql.start()
  }
  for (const asked of early.splice(0)) request(asked)
}

interface MysqlStart { MysqlSource: typeof MysqlSource; settings: Awaited<ReturnType<typeof readMysqlSettings>> }

/** What is wrong in its file is said before anything is loaded. */
async function loadMysqlSource(): Promise<MysqlStart | null> {
  if (options.mysqlSource === '') return null
  try {
    const loaded = await import('./mysql/mysql-source.js') // not without a source
    return { MysqlSource: loaded.MysqlSource, settings: await loaded.readMysqlSettings(options.mysqlSource) }
  } catch (error) {
    throw Object.assign(new Error(`mysql-source ${options.mysqlSource}: ${(error as Error).message}`), { code: 'OPEN' })
  }
}

/** Joins the cluster that the node remembers; its slots are served from then on. */
async function startCluster(port: number): Promise<void> {
  if (port === 0) throw new Error('a node of a cluster needs a TCP port')
  await driver!.start(port)
}

/** The gateway comes last: who asks it is answered. */
async function startGateway(http: GatewayThreadOptions): Promise<void> {
  try {
    const { GatewayThread: thread } = await import('@slotwise/http') // not without a gateway
    gateway = await thread.start(http, ({ level, message }) => tell({ type: 'log', level, message }))
  } catch (error) {
    const { code = 'OPEN', message } = error as NodeJS.ErrnoException
    const refused = code.startsWith('E') // the system's word for it
    throw Object.assign(new Error(`The HTTP gateway cannot start: ${message}`), { code: refused ? 'LISTEN' : 'OPEN' })
  }
}

/** Nothing is bound, loaded or written meanwhile. */
async function untilFree(dir: string): Promise<void> {
  let told = ''
  for (let pid = directoryHolder(dir); pid !== null; pid = directoryHolder(dir)) {
    if (standbyEnded) throw Object.assign(new Error('it was standing by'), { code: 'STOPPED' })
    if (pid !== told) {
      const message = `Standing by: pid ${pid} has the data directory '${dir}', which is taken over when it ends`
      tell({ type: 'log', level: 'warn', message })
    }
    told = pid
    await sleep(standbyPollMs)
  }
  if (told !== '') tell({ type: 'log', level: 'warn', message: `Pid ${told} has let go of the data directory: taking over` })
}

/** A primary that has lost its data is replaced before anybody copies from it; nothing is bound meanwhile. */
async function untilReplaced(engine: Engine): Promise<void> {
  const lateMs = parts!.late?.lateStartMs(engine) ?? 0
  if (lateMs === 0) return
  const message = `This primary has come back without data: for ${lateMs} milliseconds it does not join, so that a replica takes over`
  tell({ type: 'log', level: 'warn', message })
  const endMs = performance.now() + lateMs
  while (performance.now() < endMs) {
    if (standbyEnded) throw Object.assign(new Error('it had not joined its cluster yet'), { code: 'STOPPED' })
    await sleep(standbyPollMs)
  }
}

async function openInTurn(dir: string): Promise<Engine> {
  for (;;) {
    await untilFree(dir)
    try {
      return await open()
    } catch (error) {
      if (!(error instanceof LockedError)) throw error // else another standby was faster
    }
  }
}

/** What only serves once the data is there is loaded meanwhile: a start waits for neither. */
const loadParts = async () => ({
  cluster: options.cluster ? await import('./cluster/cluster-driver.js') : null,
  late: options.cluster ? await import('./cluster/late-start.js') : null,
  follow: await import('./follow/follow-driver.js'),
})

async function start(): Promise<Engine> {
  const source = await loadMysqlSource()
  const opening = options.standbyDir === '' ? open() : openInTurn(options.standbyDir)
  const loading = loadParts()
  loading.catch(() => undefined) // it is said below, unless there is more to say
  const engine = await opening
  try {
    const ack = options.directives.find(([name]) => name === 'repl-ack')?.[1]
    if (ack === 'quorum' && !options.cluster) throw new Error('repl-ack quorum needs cluster-enabled yes: only a cluster elects primaries that keep it')
    parts = await loading
    if (parts.cluster !== null) {
      driver = new parts.cluster.ClusterDriver({
        engine,
        onLog: (level, message) => tell({ type: 'log', level, message }),
        onChange: (change) => tell({ type: 'clusterChange', change }),
        onFatal: (message) => {
          tell({ type: 'log', level: 'error', message })
          tell({ type: 'shutdown', exitCode: 1 })
        },
      })
    }
    await untilReplaced(engine)
    control = engine.control() // before there can be a client: what it asks waits in `early`
    const port = await engine.listen({ anyPort: options.anyPort })
    if (options.cluster) await startCluster(port)
    if (options.http !== null) await startGateway(options.http)
    startFollowing(engine, port, source)
    tell({ type: 'ready', port, httpPort: gateway?.port ?? 0 })
    return engine
  } catch (error) {
    await gateway?.stop()
    await driver?.stop()
    await engine.close()
    throw error
  }
}

async function stop(engine: Engine): Promise<void> {
  follow?.stop()
  await mysql?.stop()
  await gateway?.stop()
  await driver?.stop()
  await engine.close()
  tell({ type: 'stopped' })
  parent.close()
}

// A stop that comes while the data is still being loaded waits for the end of loading.
const started = start()
started.catch(fail)
parent.on('message', (message: ToControl) => {
  if (message.type === 'endStandby') standbyEnded = true
  if (message.type === 'stop') started.then(stop).catch(fail)
})
