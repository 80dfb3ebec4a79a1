/**
 * One run of one reader, in a process of its own: reads a binlog file from its beginning to the ROTATE at its end,
 * touches every field of every row, and prints what it cost. Arguments: reader, port, file, rows expected. The clock
 * runs from the first event on.
 */
const [reader = '', port = '', file = '', expected = ''] = process.argv.slice(2)

interface Cost { seconds: number; cpuUs: number; rssBytes: number; rows: number; sum: number }

let startMs = 0
let startCpu = process.cpuUsage()
let rows = 0
/** Depends on every field, so that no reader may be lazy. */
let sum = 0

function begin(): void {
  if (startMs !== 0) return
  startMs = performance.now()
  startCpu = process.cpuUsage()
}

function end(): never {
  const { user, system } = process.cpuUsage(startCpu)
  const seconds = (performance.now() - startMs) / 1000
  const cost: Cost = { seconds, cpuUs: user + system, rssBytes: process.memoryUsage().rss, rows, sum }
  if (rows !== Number(expected)) throw new Error(`${reader} read ${rows} rows of ${expected}`)
  console.log(JSON.stringify(cost))
  process.exit(0)
}

function touch(value: unknown): void {
  if (typeof value === 'string') sum += value.length
  else if (typeof value === 'number') sum += value & 1
  else if (value !== null && value !== undefined) sum++
}

const connection = { host: '127.0.0.1', port: Number(port), user: 'repl', password: 'replpw' }
const load = (name: string): Promise<unknown> => import(name)

/** The parts of the two libraries that are used. */
interface OurConnection {
  packets: { next(): boolean; buf: Buffer; start: number; end: number }
  query(sql: string): Promise<unknown>
  send(payload: Buffer): void
  more(): Promise<void>
}
type Visit = (before: unknown[] | null, after: unknown[] | null) => void
interface OurEvent { name: string; file: string; each(visit: Visit): void }
interface Ours {
  SourceConnection: { connect(options: object): Promise<OurConnection> }
  EventDecoder: new (options: object) => { decode(bytes: Buffer, start: number, end: number): OurEvent }
  commands: {
    dump(file: string, position: number, options: object): Buffer
    setupStatements(options: object): string[]
  }
}
interface Theirs { on(name: string, listener: (event: ZongjiEvent) => void): void; start(options: object): void }
interface ZongjiEvent {
  getEventName(): string
  binlogName?: string
  rows?: Record<string, unknown>[]
  message?: string
}

async function ours(): Promise<void> {
  const { SourceConnection, EventDecoder, commands } = await load('@slotwise/binlog') as Ours
  const source = await SourceConnection.connect(connection)
  for (const sql of commands.setupStatements({ flavour: 'mariadb', heartbeatMs: 10_000, uuid: '', semiSync: false, connectState: null })) await source.query(sql)
  source.send(commands.dump(file, 4, { serverId: 901 }))
  const decoder = new EventDecoder({ flavour: 'mariadb' })
  const touchRow = (row: unknown[]): void => {
    for (const value of row) touch(value)
  }
  for (;;) {
    await source.more()
    begin()
    while (source.packets.next()) {
      const event = decoder.decode(source.packets.buf, source.packets.start + 1, source.packets.end)
      if (event.name === 'rotate' && event.file !== file) end()
      if (event.name !== 'rows') continue
      event.each((before, after) => {
        rows++
        if (before !== null) touchRow(before)
        if (after !== null) touchRow(after)
      })
    }
  }
}

async function zongji(): Promise<void> {
  const { default: ZongJi } = await load('@vlasky/zongji') as { default: new (options: object) => Theirs }
  const source = new ZongJi(connection)
  const touchRow = (row: Record<string, unknown>): void => {
    for (const name in row) touch(row[name])
  }
  source.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  source.on('binlog', (event) => {
    begin()
    const name = event.getEventName()
    if (name === 'rotate' && event.binlogName !== file) end()
    for (const row of event.rows ?? []) {
      rows++
      if (name !== 'updaterows') touchRow(row)
      else {
        touchRow(row.before as Record<string, unknown>)
        touchRow(row.after as Record<string, unknown>)
      }
    }
  })
  source.start({ serverId: 902, filename: file, position: 4, includeEvents: ['rotate', 'tablemap', 'writerows', 'updaterows', 'deleterows'] })
}

await (reader === 'zongji' ? zongji() : ours())
