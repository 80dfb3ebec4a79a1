/** SQLite as Node brings it (node:sqlite, Node 22.5 and later): prepared statements, write-ahead log, no fsync. */
import type { EmbeddedPeer } from '../../apps/benchmark/src/scenario.js'

interface Statement {
  get(...values: unknown[]): Record<string, unknown> | undefined
  run(...values: unknown[]): unknown
}

interface Sqlite {
  DatabaseSync: new (path: string) => {
    exec(sql: string): void
    prepare(sql: string): Statement
    close(): void
  }
}

export const peer: EmbeddedPeer = {
  kind: 'embedded',
  name: 'node:sqlite',
  codecs: ['text', 'binary'],
  install: 'needs Node 22.5 or later',
  async open({ load, dir, codec }) {
    const { DatabaseSync } = await load('node:sqlite') as Sqlite
    const database = new DatabaseSync(`${dir}/store.sqlite`)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF')
    database.exec(`CREATE TABLE store (k TEXT PRIMARY KEY, v ${codec === 'text' ? 'TEXT' : 'BLOB'}) WITHOUT ROWID`)
    const select = database.prepare('SELECT v FROM store WHERE k = ?')
    const upsert = database.prepare('INSERT INTO store VALUES (?, ?) ON CONFLICT DO UPDATE SET v = excluded.v')
    // One transaction for as many sets as the caller waits for together.
    let isOpen = false
    return {
      get: (key) => select.get(key)?.v,
      set: (key, value) => {
        if (!isOpen) database.exec('BEGIN')
        isOpen = true
        return upsert.run(key, value)
      },
      settle: () => {
        if (isOpen) database.exec('COMMIT')
        isOpen = false
        return Promise.resolve()
      },
      close: () => { database.close() },
    }
  },
}
