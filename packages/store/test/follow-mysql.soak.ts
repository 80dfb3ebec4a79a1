/**
 * A MariaDB, or with SLOTWISE_SOAK_SOURCE=mysql a MySQL, works at random on twenty tables, with DDL between, while its
 * follower is killed again and again. After each kill the store is brought to the source's end and holds every row of
 * every table, and nothing else; and its log says that each transaction was applied once: every one inserts a row into
 * one more table. `npm run soak:mysql` runs it for five minutes. SLOTWISE_SOAK_SEED repeats one. Transactions are
 * small, and some too large for memory.
 */
import { describeMariadb, describeMysql, startMariadb, startMysql, tempDir, waitFor, type MariadbProcess } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { open, type Store } from 'slotwise'
import { run } from './child.js'

const minutes = Number(process.env.SLOTWISE_SOAK_MINUTES ?? 5)
const kills = Number(process.env.SLOTWISE_FOLLOW_KILLS ?? Math.ceil(minutes * 10))
const seed = Number(process.env.SLOTWISE_SOAK_SEED ?? Date.now() % 1e9)
const isMysql = process.env.SLOTWISE_SOAK_SOURCE === 'mysql'
const TABLES = 20
/** Rows to be inserted come from a table of numbers, which both have. */
const NUMBERS_LOG2 = 15

type Source = Pick<MariadbProcess, 'port' | 'sql' | typeof Symbol.asyncDispose>
/** The log is kept whole, to be read at the end. */
const directives = { 'auto-aof-rewrite-percentage': 0 }

/** mulberry32 */
function generator(state: number): (below: number) => number {
  return (below) => {
    state = state + 0x6d2b79f5 | 0
    let t = Math.imul(state ^ state >>> 15, state | 1)
    t ^= t + Math.imul(t ^ t >>> 7, t | 61)
    return Math.floor(((t ^ t >>> 14) >>> 0) / 2 ** 32 * below)
  }
}

const script = (dir: string, port: number, untilEnd: boolean): string => `
  import { open } from 'slotwise'
  import { follow, Mapping } from '@slotwise/binlog'
  const store = await open({ dir: ${JSON.stringify(dir)}, codec: 'text', directives: ${JSON.stringify(directives)} })
  const tables = Array.from({ length: ${TABLES} }, (_, i) => ({ table: 'w.t' + i, key: 't' + i + ':{\${id}}', onTruncate: 'delete', onDrop: 'delete', onRename: 'delete' }))
  tables.push({ table: 'w.audit', key: 'audit:{\${id}}' })
  await follow({
    sources: [{ host: '127.0.0.1', port: ${port}, user: 'repl', password: 'replpw' }], serverId: 4001, start: 'oldest', into: store, mapping: new Mapping({ tables }),
    reconnectDelayMs: 20, maxTransactionBytes: 100_000, untilEnd: ${untilEnd}, onStatus: ({ type }) => process.stdout.write(type + '\\n'), onProgress: ({ transactions }) => process.stdout.write(transactions + '\\n'),
  })
  await store.close()`

const describeSource = isMysql ? describeMysql : describeMariadb
describeSource('a follower that is killed while its source works at random', () => {
  it('has every row at the end', async () => {
    console.log(`seed ${seed}, ${minutes} minutes, ${kills} kills`)
    const random = generator(seed)
    await using source: Source = await (isMysql ? startMysql() : startMariadb())
    console.log(source.sql('SELECT VERSION()').trim())
    await using dir = tempDir()
    const create = (table: string): string => `CREATE TABLE w.${table} (id INT PRIMARY KEY, a VARCHAR(60), n BIGINT, d DECIMAL(12,3))`
    source.sql(`CREATE DATABASE w; CREATE TABLE w.numbers (seq INT PRIMARY KEY); INSERT INTO w.numbers VALUES (1);
      ${Array.from({ length: NUMBERS_LOG2 }, (_, i) => `INSERT INTO w.numbers SELECT seq + ${2 ** i} FROM w.numbers`).join('; ')}; CREATE TABLE w.audit (id INT PRIMARY KEY AUTO_INCREMENT); ${Array.from({ length: TABLES }, (_, i) => create(`t${i}`)).join('; ')}`)
    const numbers = (from: number, to: number): string => `FROM w.numbers WHERE seq BETWEEN ${from} AND ${to}`
    const statement = (): string => {
      const table = `w.t${random(TABLES)}`
      const id = 1 + random(500)
      switch (random(10)) {
        case 0: case 1: case 2: return `REPLACE INTO ${table} (id, a, n, d) VALUES (${id}, '${'é{}%:'.slice(random(5))}${random(1000)}', ${random(1e9)}, ${random(1e6)} / 7)`
        case 3: case 4: return `UPDATE ${table} SET n = COALESCE(n, 0) + 1, a = NULLIF(a, 'x') WHERE id BETWEEN ${id} AND ${id + random(100)}`
        case 5: return `UPDATE IGNORE ${table} SET id = id + 1000 * (1 + id % 3) WHERE id < ${random(30)}`
        case 6: return `DELETE FROM ${table} WHERE id BETWEEN ${id} AND ${id + random(40)}`
        default: return `INSERT IGNORE INTO ${table} (id, n) SELECT seq, ${random(1e6)} ${numbers(id, id + random(60))}`
      }
    }
    let columns = 0
    const ddl = (): string => {
      const table = `t${random(TABLES)}`
      switch (random(8)) {
        case 0: return `TRUNCATE w.${table}`
        case 1: return `DROP TABLE w.${table}; ${create(table)}`
        case 2: return isMysql ? `DROP TABLE IF EXISTS w.${table}; ${create(table)}` : `CREATE OR REPLACE ${create(table).slice('CREATE '.length)}`
        case 3: return `RENAME TABLE w.${table} TO w.away; ${create(table)}; DROP TABLE w.away`
        case 4: return `CREATE TABLE w.n LIKE w.${table}; INSERT INTO w.n SELECT * FROM w.${table}; RENAME TABLE w.${table} TO w.o, w.n TO w.${table}; DROP TABLE w.o`
        case 5: return `ALTER TABLE w.${table} ADD COLUMN x${columns++} INT FIRST`
        default: return `ALTER TABLE w.${table} MODIFY a VARCHAR(${70 + random(100)})`
      }
    }
    const work = (): string => {
      if (random(12) === 0) return ddl()
      if (random(60) === 0) return `INSERT IGNORE INTO w.t${random(TABLES)} (id, a) SELECT seq, CONCAT('large-', seq) ${numbers(10_000, 12_000 + random(6000))}; DELETE FROM w.t${random(TABLES)} WHERE id >= 10000`
      return `BEGIN; ${Array.from({ length: 1 + random(6) }, statement).join('; ')}; INSERT INTO w.audit VALUES (); ${random(15) === 0 ? 'ROLLBACK' : 'COMMIT'}`
    }
    const endMs = performance.now() + minutes * 60_000
    const audit = new Audit()
    for (let kill = 0; kill < kills; kill++) {
      const follower = run(script(dir.path, source.port, false))
      // Not while a table is between its DROP and its CREATE, when the mapping does not fit.
      await waitFor(() => follower.output().includes('connected'), { timeoutMs: 60_000, what: `follower ${kill} connected` })
      const lines = 2 + random(20)
      const untilMs = endMs - (endMs - performance.now()) * (kills - kill - 1) / (kills - kill)
      const isDone = (): boolean => follower.process.exitCode !== null || follower.output().split('\n').length > lines
      const beganMs = performance.now()
      do {
        source.sql(`USE w;\n${Array.from({ length: 40 }, work).join(';\n')}`)
        // What it prints comes in.
        await new Promise((resolve) => setTimeout(resolve, 5))
        expect(performance.now() - beganMs, `progress of follower ${kill}: ${follower.output().slice(-200)}`).toBeLessThan(300_000)
      } while (performance.now() < untilMs || !isDone())
      follower.process.kill('SIGKILL')
      expect(await follower.ended, `follower ${kill}, seed ${seed}`).toMatchObject({ signal: 'SIGKILL', errors: '' })
      expect(await run(script(dir.path, source.port, true)).ended, `seed ${seed}`).toMatchObject({ code: 0, errors: '' })
      await using store = await open({ dir: dir.path, codec: 'text', directives })
      compare(store, source)
      audit.read(store)
      audit.compare(source)
    }
    console.log(`${kills} kills, ${kills} comparisons, ${audit.transactions} transactions, each applied once`)
  })
})

/** What the log of the store says of rows of which each is written by one transaction and never again. */
class Audit {
  readonly #times = new Map<string, number>()
  #position = '0'
  #sequence = 0

  get transactions(): number { return this.#times.size }

  read(store: Store<string>): void {
    for (;;) {
      const batch = store.command('BINLOG READ', 'FROM', this.#position, 'COUNT', 1000) as unknown as Map<string, unknown>
      const events = batch.get('events') as [string, string, number, [number, string[]][]][]
      this.#position = batch.get('position') as string
      if (events.length === 0) return
      for (const [name = '', key = '', value = ''] of events.flatMap(([, , , commands]) => commands.map(([, words]) => words))) {
        if (name.toUpperCase() === 'HSET' && key.startsWith('audit:')) this.#times.set(key, (this.#times.get(key) ?? 0) + 1)
        if (name.toUpperCase() === 'SET' && key === '__binlog:{default}:position') this.#reached(value)
      }
    }
  }

  compare(source: Source): void {
    const wanted = source.sql('SELECT id FROM w.audit').trimEnd().split('\n').filter(Boolean)
    expect([...this.#times].filter(([, times]) => times !== 1), `applied more than once, seed ${seed}`).toEqual([])
    expect([...this.#times.keys()].sort(), `transactions, seed ${seed}`).toEqual(wanted.map((id) => `audit:{${id}}`).sort())
  }

  /** Positions never go back. */
  #reached(position: string): void {
    const { gtids } = JSON.parse(position) as { gtids: string }
    // `0-1001-57`, or of a MySQL that has no other GTIDs `uuid:1-57`.
    const sequence = Number(/(\d+)$/.exec(gtids)?.[1] ?? 0)
    expect(sequence, `a position after ${this.#sequence}, seed ${seed}`).toBeGreaterThanOrEqual(this.#sequence)
    this.#sequence = sequence
  }
}

function compare(store: Store<string>, source: Source): void {
  // Its position, and the rows of the audit, which are compared by themselves.
  let keys = 1 + Number(source.sql('SELECT COUNT(*) FROM w.audit'))
  for (let i = 0; i < TABLES; i++) {
    const rows = source.sql(`SELECT id, a, n, d FROM w.t${i}`).trimEnd().split('\n').filter(Boolean).map((line) => line.split('\t'))
    keys += rows.length
    for (const row of rows) {
      const key = `t${i}:{${row[0]}}`
      const found = ['id', 'a', 'n', 'd'].map((name) => store.command('HGET', key, name) ?? 'NULL')
      expect(found, `${key}, seed ${seed}`).toEqual(row)
    }
  }
  expect(store.dbSize(), `keys, seed ${seed}`).toBe(keys)
}
