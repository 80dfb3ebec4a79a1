/** A server that follows a real MariaDB by itself: what MYSQLSOURCE does, restarts, roles; and one that does not. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeMariadb, freePort, purgeBinlog, startMariadb, startSlotwise, tempDir, waitFor, type MariadbProcess, RespClient, type RespReply, type ServerProcess } from '@slotwise/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const program = join(import.meta.dirname, '../../../apps/server/bin/slotwise-server')

async function status(client: RespClient): Promise<Map<string, RespReply>> {
  const list = await client.command('MYSQLSOURCE', 'STATUS') as RespReply[]
  return new Map(Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i] as string, list[2 * i + 1]!]))
}
const inState = (client: RespClient, state: string): Promise<unknown> => waitFor(async () => {
  const fields = await status(client)
  if (fields.get('state') !== state) throw new Error(JSON.stringify([...fields]))
  return true
}, { timeoutMs: 60_000, what: `the state ${state}` })
const holds = (client: RespClient, key: string, row: string[]): Promise<unknown> => waitFor(async () => {
  const found = await client.command('HGETALL', key)
  if (JSON.stringify(found) !== JSON.stringify(row)) throw new Error(JSON.stringify([found, ...await status(client)]))
  return true
}, { timeoutMs: 60_000, what: `${key} as the source has it` })

/** Which modules a server has loaded in all of its threads, from its start to its end. */
async function modulesOf(args: readonly string[]): Promise<string[]> {
  await using told = tempDir()
  await using server = await startSlotwise({ args, env: { NODE_V8_COVERAGE: told.path } })
  await server.stop()
  const files = readdirSync(told.path).map((name) => JSON.parse(readFileSync(join(told.path, name), 'utf8')) as { result: { url: string }[] })
  return files.flatMap(({ result }) => result.map(({ url }) => url))
}
const readsMysql = (url: string): boolean => /packages\/binlog\/dist\/(index|source|events|apply|mapping|wire)|node_modules\/.*(fzstd|yaml)/.test(url)

describe('a server without a MySQL source', () => {
  it('loads nothing that reads MySQL', async () => {
    const modules = await modulesOf([])
    expect(modules.filter((url) => url.includes('packages/binlog/dist/log/')).length).toBeGreaterThan(0)
    expect(modules.filter(readsMysql)).toEqual([])
    // The same question finds it where it is.
    await using dir = tempDir()
    const file = join(dir.path, 'm.yaml')
    writeFileSync(file, `source: { urls: ['mysql://u@127.0.0.1:${await freePort()}'] }\ntables: [{ table: w.t, key: "t:\${id}" }]`)
    expect((await modulesOf(['--mysql-source', file])).filter(readsMysql).length).toBeGreaterThan(10)
  })

  const thereIsNone = { message: expect.stringMatching(/^ERR There is no MySQL source/) as string }
  it('says that there is none', async () => {
    await using server = await startSlotwise()
    await using client = await server.client()
    for (const action of ['STATUS', 'START', 'SKIP']) expect(await client.command('MYSQLSOURCE', action)).toMatchObject(thereIsNone)
  })

  it('says so to who asks before the server says that it is up, too', async () => {
    for (let start = 0; start < 5; start++) {
      const port = await freePort()
      const starting = startSlotwise({ port })
      const answer = await waitFor(async () => {
        await using client = await RespClient.connect({ port, timeoutMs: 60_000 })
        return await client.command('MYSQLSOURCE', 'STATUS')
      }, { intervalMs: 1 })
      await using _ = await starting
      expect(answer).toMatchObject(thereIsNone)
    }
  })

  it.each([
    ['tables: [{ table: w.t, key: "t:${id}" }]', /no source/], ['source: { urls: [] }\ntables: [{ table: w.t, key: "t:${id}" }]', /at least one/],
    ['source: { urls: [u] }\ntables: []', /without tables/], ['source: { urls: ["mysql://u:secret@:x"] }\ntables: [{ table: w.t, key: "t:${id}" }]', /no URL/],
    ['source: { urls: ["mysql://u@h"], passwordFile: absent }\ntables: [{ table: w.t, key: "t:${id}" }]', /ENOENT/], [null, /ENOENT/],
  ])('does not start with %j', async (text, message) => {
    await using dir = tempDir()
    const file = join(dir.path, 'm.yaml')
    if (text !== null) writeFileSync(file, text)
    const { status: code, stdout, stderr } = spawnSync(process.execPath, [program, '--port', '0', '--unixsocket', join(dir.path, 's'), '--dir', dir.path, '--mysql-source', file], { encoding: 'utf8', timeout: 60_000 })
    expect(code).toBe(1)
    expect(stdout + stderr).toMatch(message)
    expect(stdout + stderr).not.toContain('secret')
  })
})

describeMariadb('a server with a MySQL source', () => {
  let source: MariadbProcess
  beforeAll(async () => {
    source = await startMariadb()
    source.sql('CREATE DATABASE w')
  })
  afterAll(async () => { await source[Symbol.asyncDispose]() })

  /** A server with a file that names one table. */
  const serve = (dir: string, table: string, args: readonly string[] = [], serverId = 4100): Promise<ServerProcess> => {
    const file = join(dir, 'm.yaml')
    writeFileSync(join(dir, 'password'), 'replpw\n')
    writeFileSync(file, `source: { urls: ['mysql://repl@127.0.0.1:${source.port}'], passwordFile: password, serverId: ${serverId} }
tables: [{ table: w.${table}, key: "${table}:\${id}" }]`)
    return startSlotwise({ dir, args: ['--appendonly', 'yes', '--mysql-source', 'm.yaml', ...args] })
  }

  it('begins with the rows that are there, follows, goes on after its end, and stays stopped when told so', async () => {
    source.sql('CREATE TABLE w.a (id INT PRIMARY KEY, v INT); INSERT INTO w.a VALUES (1,1)')
    await using dir = tempDir()
    let server = await serve(dir.path, 'a')
    {
      await using client = await server.client()
      await holds(client, 'a:1', ['id', '1', 'v', '1'])
      await inState(client, 'following')
      source.sql('UPDATE w.a SET v = 2; INSERT INTO w.a VALUES (2,2)')
      await holds(client, 'a:2', ['id', '2', 'v', '2'])
      // What it says of itself follows the data.
      await waitFor(async () => (await status(client)).get('gtids') === source.sql('SELECT @@gtid_binlog_pos').trim(), { what: 'the position' })
      const fields = await status(client)
      expect([fields.get('state'), fields.get('rows'), fields.get('snapshot-rows'), fields.get('tables'), fields.get('last-error')]).toEqual(['following', 3, 1, ['w.a'], ''])
      expect(Math.abs(Number(fields.get('last-transaction-time')) - Date.now() / 1000)).toBeLessThan(100)
    }
    await server.sigkill()
    source.sql('UPDATE w.a SET v = v + 1')
    server = await serve(dir.path, 'a')
    {
      await using client = await server.client()
      await holds(client, 'a:1', ['id', '1', 'v', '3'])
      // From the position in the data, not from a snapshot.
      expect((await status(client)).get('snapshot-rows')).toBe(0)
      expect(await client.command('MYSQLSOURCE', 'STOP')).toBe('OK')
      expect((await status(client)).get('state')).toBe('stopped')
    }
    await server.stop()
    source.sql('UPDATE w.a SET v = 100')
    await using again = await serve(dir.path, 'a')
    await using client = await again.client()
    expect((await status(client)).get('state')).toBe('stopped')
    expect(await client.command('HGET', 'a:1', 'v')).toBe('3')
    expect(await client.command('MYSQLSOURCE', 'START')).toBe('OK')
    await holds(client, 'a:1', ['id', '1', 'v', '100'])
  })

  it('pauses, stops at what it cannot apply, and goes on behind what is skipped', async () => {
    source.sql('CREATE TABLE w.b (id INT PRIMARY KEY)')
    await using dir = tempDir()
    await using server = await serve(dir.path, 'b', [], 4101)
    await using client = await server.client()
    await inState(client, 'following')
    source.sql('INSERT INTO w.b VALUES (1)')
    await holds(client, 'b:1', ['id', '1'])
    await waitFor(async () => (await status(client)).get('gtids') === source.sql('SELECT @@gtid_binlog_pos').trim(), { what: 'the position' })
    expect(await client.command('MYSQLSOURCE', 'PAUSE')).toBe('OK')
    const before = (await status(client)).get('transactions')
    source.sql('INSERT INTO w.b VALUES (2)')
    expect((await status(client)).get('state')).toBe('paused')
    expect(await client.command('MYSQLSOURCE', 'SKIP')).toMatchObject({ message: expect.stringContaining('STOP first') as string })
    expect([(await status(client)).get('transactions'), await client.command('EXISTS', 'b:2')]).toEqual([before, 0])
    expect(await client.command('MYSQLSOURCE', 'RESUME')).toBe('OK')
    await holds(client, 'b:2', ['id', '2'])
    source.sql('INSERT INTO w.b VALUES (3); TRUNCATE w.b; SET SESSION binlog_format=STATEMENT; INSERT INTO w.b VALUES (4); SET SESSION binlog_format=ROW; INSERT INTO w.b VALUES (5)')
    await inState(client, 'failed')
    expect((await status(client)).get('last-error')).toMatch(/onTruncate: stop/)
    expect(await client.command('EXISTS', 'b:3', 'b:4', 'b:5')).toBe(1)
    expect(await client.command('MYSQLSOURCE', 'SKIP')).toBe(1)
    await client.command('MYSQLSOURCE', 'START')
    await inState(client, 'failed')
    expect((await status(client)).get('last-error')).toMatch(/logged as a statement/)
    expect(await client.command('MYSQLSOURCE', 'SKIP', '1')).toBe(1)
    await client.command('MYSQLSOURCE', 'START')
    await holds(client, 'b:5', ['id', '5'])
    expect(await client.command('EXISTS', 'b:1', 'b:3', 'b:4')).toBe(2)
    // There is nothing to pass.
    await client.command('MYSQLSOURCE', 'STOP')
    expect(await client.command('MYSQLSOURCE', 'SKIP', '5')).toBe(0)
  })

  it('takes a new snapshot when it is told to, without the rows that are gone', async () => {
    source.sql('CREATE TABLE w.d (id INT PRIMARY KEY, v INT); INSERT INTO w.d VALUES (1,1),(2,2)')
    await using dir = tempDir()
    await using server = await serve(dir.path, 'd', [], 4103)
    await using client = await server.client()
    await holds(client, 'd:2', ['id', '2', 'v', '2'])
    await inState(client, 'following')
    await client.command('MYSQLSOURCE', 'STOP')
    source.sql('DELETE FROM w.d WHERE id = 1; UPDATE w.d SET v = 3')
    await purgeBinlog(source)
    await client.pipeline([['HSET', 'd:9', 'id', '9'], ['SET', 'other', '1']])
    await client.command('MYSQLSOURCE', 'START')
    await inState(client, 'failed')
    expect(await client.command('EXISTS', 'd:1', 'd:2', 'd:9')).toBe(3)
    expect(await client.command('MYSQLSOURCE', 'SNAPSHOT')).toBe('OK')
    await inState(client, 'following')
    await holds(client, 'd:2', ['id', '2', 'v', '3'])
    expect(await client.command('EXISTS', 'd:1', 'd:9')).toBe(0)
    source.sql('INSERT INTO w.d VALUES (3,3)')
    await holds(client, 'd:3', ['id', '3', 'v', '3'])
    expect(await client.command('GET', 'other')).toBe('1')
  })

  it('follows as a primary only: who is promoted goes on where its copy is', async () => {
    source.sql('CREATE TABLE w.c (id INT PRIMARY KEY)')
    await using first = tempDir()
    await using second = tempDir()
    await using primary = await serve(first.path, 'c', ['--repl-diskless-sync-delay', '0'], 4102)
    await using there = await primary.client()
    await inState(there, 'following')
    source.sql('INSERT INTO w.c VALUES (1)')
    await holds(there, 'c:1', ['id', '1'])
    await using replica = await serve(second.path, 'c', ['--replicaof', '127.0.0.1', String(primary.port)], 4102)
    await using here = await replica.client()
    await waitFor(async () => await here.command('EXISTS', 'c:1') === 1, { timeoutMs: 60_000, what: 'the copy' })
    expect((await status(here)).get('state')).toBe('replica')
    expect(await here.command('MYSQLSOURCE', 'STOP')).toMatchObject({ message: expect.stringContaining('read only replica') as string })
    await primary.sigkill()
    source.sql('INSERT INTO w.c VALUES (2)')
    expect(await here.command('REPLICAOF', 'NO', 'ONE')).toBe('OK')
    await holds(here, 'c:2', ['id', '2'])
    expect((await status(here)).get('snapshot-rows')).toBe(0)
  })
})
