/**
 * The follower that is measured: applies rows of table b.t to a server, or to a store of its own process, until it has
 * done as many transactions as it was told, and prints what that took. The clock runs from the first batch on, lags
 * count from a later row: until then the program is being compiled.
 */
interface Config {
  sourcePort: number
  nodePort: number
  /** Of a store of this process; '': the node. */
  dir: string
  gtids: string
  rows: number
  transactions: number
  serverId: number
  /** Rows whose lag does not count. */
  warmupRows: number
}
type Command = readonly (string | Uint8Array)[]
interface Collector { command(name: string, ...args: (string | Uint8Array)[]): unknown }
interface Target {
  multi: (build: (batch: Collector) => void) => unknown
  transaction?: (commands: readonly Command[]) => Promise<void>
  close(): void | Promise<void>
}
interface Store extends Target { dbSize(): number }
interface Binlog {
  RespTarget: { connect(options: object): Promise<Target> }
  Mapping: new (options: object) => unknown
  follow: (options: object) => Promise<void>
}
interface Library { open(options: object): Promise<Store> }

const { sourcePort, nodePort, dir, gtids, rows, transactions, serverId, warmupRows } = JSON.parse(process.argv[2] ?? '') as Config
const load = (name: string): Promise<unknown> => import(name)
const { RespTarget, Mapping, follow } = await load('@slotwise/binlog') as Binlog
const store = dir === '' ? null : await (await load('slotwise') as Library).open({ dir, codec: 'text' })
const target = store ?? await RespTarget.connect({ host: '127.0.0.1', port: nodePort })
const lags = new Float64Array(rows)
let count = 0
let startMs = 0
let startCpu = process.cpuUsage()

/** When the rows of a transaction were made at the source: the field after `at`. */
function timeOf(command: Command, times: number[]): void {
  if (command[0] !== 'HSET') return
  if (startMs === 0) {
    startMs = performance.now()
    startCpu = process.cpuUsage()
  }
  const field = command.indexOf('at')
  if (field > 0) times.push(Date.parse(`${String(command[field + 1]).replace(' ', 'T')}Z`))
}
function applied(times: readonly number[]): void {
  const nowMs = Date.now()
  for (const time of times) lags[count++ % rows] = nowMs - time
}
const { transaction } = target
if (transaction !== undefined) {
  target.transaction = async (commands) => {
    const times: number[] = []
    for (const command of commands) timeOf(command, times)
    await transaction.call(target, commands)
    applied(times)
  }
} else {
  const multi = target.multi.bind(target)
  target.multi = (build) => {
    const times: number[] = []
    const result = multi((batch) => build({
      command(...words) {
        timeOf(words, times)
        return batch.command(...words)
      },
    }))
    applied(times)
    return result
  }
}

const controller = new AbortController()
let seen = 0
let endMs = 0
let cpuUs = 0
try {
  await follow({
    sources: [{ host: '127.0.0.1', port: sourcePort, user: 'repl', password: 'replpw' }], serverId, into: target, signal: controller.signal,
    start: { flavour: 'mariadb', server: '', file: '', position: 4, gtids }, mapping: new Mapping({ tables: [{ table: 'b.t', key: 't:${id}', onTruncate: 'ignore' }] }),
    onStatus: ({ type }: { type: string }) => { if (type === 'connected') console.log('ready') },
    onProgress(progress: { rows: number; transactions: number }) {
      seen = progress.rows
      if (progress.transactions < transactions) return
      endMs = performance.now()
      const { user, system } = process.cpuUsage(startCpu)
      cpuUs = user + system
      controller.abort()
    },
  })
} catch (error) {
  if (seen < rows) throw error
}
const keys = store?.dbSize() ?? 0
await target.close()
const warmupMs = lags.subarray(0, warmupRows).reduce((longest, lag) => Math.max(longest, lag), 0)
const sorted = lags.subarray(warmupRows, Math.min(count, rows)).sort()
const quantile = (q: number): number => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0) * 1000
console.log(JSON.stringify({
  seconds: (endMs - startMs) / 1000, cpuUsPerOp: cpuUs / rows, rows: seen, keys,
  rssBytes: process.resourceUsage().maxRSS * 1024,
  p50Us: quantile(0.5), p99Us: quantile(0.99), maxMs: (sorted.at(-1) ?? 0), warmupMs,
}))
