/**
 * The follower that is measured: applies rows of table b.t to a server until it has done as many transactions as it was
 * told, and prints what that took. The clock runs from the first batch on.
 */
interface Config {
  sourcePort: number
  nodePort: number
  gtids: string
  rows: number
  transactions: number
  serverId: number
}
interface Collector { command(name: string, ...args: (string | Uint8Array)[]): unknown }
interface Target {
  multi: (build: (batch: Collector) => void) => Promise<void>
  close(): void
}
interface Binlog {
  RespTarget: { connect(options: object): Promise<Target> }
  Mapping: new (options: object) => unknown
  follow: (options: object) => Promise<void>
}

const { sourcePort, nodePort, gtids, rows, transactions, serverId } = JSON.parse(process.argv[2] ?? '') as Config
const load = (name: string): Promise<unknown> => import(name)
const { RespTarget, Mapping, follow } = await load('@slotwise/binlog') as Binlog
const target = await RespTarget.connect({ host: '127.0.0.1', port: nodePort })
const lags = new Float64Array(rows)
let count = 0
let startMs = 0
let startCpu = process.cpuUsage()

/** When the rows of a transaction were made at the source: the field after `at`. */
const multi = target.multi.bind(target)
target.multi = async (build) => {
  const times: number[] = []
  await multi((batch) => build({
    command(name, ...args) {
      if (name === 'HSET') {
        if (startMs === 0) {
          startMs = performance.now()
          startCpu = process.cpuUsage()
        }
        const field = args.indexOf('at')
        if (field > 0) times.push(Date.parse(`${String(args[field + 1]).replace(' ', 'T')}Z`))
      }
      return batch.command(name, ...args)
    },
  }))
  const nowMs = Date.now()
  for (const time of times) lags[count++ % rows] = nowMs - time
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
target.close()
const sorted = lags.subarray(0, Math.min(count, rows)).sort()
const quantile = (q: number): number => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0) * 1000
console.log(JSON.stringify({
  seconds: (endMs - startMs) / 1000, cpuUsPerOp: cpuUs / rows, rows: seen,
  rssBytes: process.resourceUsage().maxRSS * 1024,
  p50Us: quantile(0.5), p99Us: quantile(0.99), maxMs: (sorted.at(-1) ?? 0),
}))
