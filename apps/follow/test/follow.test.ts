/** slotwise-follow as an operator meets it: what it prints, what it exits with, and what is in the store then. */
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeMariadb, freePort, startMariadb, startSlotwise, tempDir, waitFor, type MariadbProcess, type TempDir } from '@slotwise/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const program = join(import.meta.dirname, '..', 'bin', 'slotwise-follow')

interface Ran { code: number | null; out: string; err: string }

function run(args: readonly string[], env: Record<string, string> = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', program, ...args], { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 90_000 })
  return { code: status, out: stdout, err: stderr }
}

describe('slotwise-follow', () => {
  let dir: TempDir
  const file = (name: string, text: string): string => {
    const path = join(dir.path, name)
    writeFileSync(path, text)
    return path
  }
  beforeAll(() => { dir = tempDir() })
  afterAll(() => dir.remove())

  it('says how it is used', () => {
    const { code, out } = run(['--help'])
    expect(code).toBe(0)
    expect(out).toMatch(/Usage: slotwise-follow --mapping FILE[\s\S]*Exit codes: 0 ended as asked/)
  })

  it('exits with 2 where the arguments make no sense, without showing passwords', () => {
    const mapping = file('m.yaml', 'tables: [{ table: w.t, key: "t:${id}" }]')
    const good = ['--mapping', mapping, '--source', 'mysql://u:secret@127.0.0.1:1', '--into', join(dir.path, 'store')]
    const cases: [string[], RegExp][] = [
      [[], /--mapping is needed/], [['--mapping', mapping], /--source is needed/], [good.slice(0, 4), /--into is needed/], [[...good, '--nonsense'], /nonsense/],
      [['--mapping', join(dir.path, 'absent'), ...good.slice(2)], /ENOENT/], [['--mapping', file('bad.yaml', 'tables: [{ table: t, key: "x" }]'), ...good.slice(2)], /no column/],
      [[...good, '--start', 'sometime'], /snapshot, now, oldest/], [[...good, '--server-id', '0'], /whole number/], [[...good, '--name', 'a b'], /letters/],
      [[...good.slice(0, 2), '--source', 'postgres://u:secret@h', ...good.slice(4)], /unknown/], [[...good.slice(0, 2), '--source', 'mysql://u:secret@:x', ...good.slice(4)], /no URL/],
      [[...good.slice(0, 5), 'http://u:secret@h'], /redis:/], [[...good.slice(0, 5), 'redis://h:99999'], /host:port/],
    ]
    for (const [args, message] of cases) {
      const { code, err } = run(args)
      expect(err, args.join(' ')).toMatch(message)
      expect(err).not.toContain('secret')
      expect(code, args.join(' ')).toBe(2)
    }
  })

  it('exits with 1 where nobody answers', async () => {
    const mapping = file('m.yaml', 'tables: [{ table: w.t, key: "t:${id}" }]')
    const port = await freePort()
    expect(run(['--mapping', mapping, '--source', `mysql://u@127.0.0.1:${port}`, '--dry-run'])).toMatchObject({ code: 1, err: expect.stringContaining('ECONNREFUSED') as string })
  })

  describeMariadb('with a real MariaDB', () => {
    let source: MariadbProcess
    const url = (): string => `mysql://repl@127.0.0.1:${source.port}`
    const env = { SLOTWISE_SOURCE_PASSWORD: 'replpw' }
    const mapping = (): string => file('t.yaml', 'tables: [{ table: w.t, key: "t:{${id}}", mask: { card: last4 }, where: { kind: [1, 2] } }]')

    beforeAll(async () => {
      source = await startMariadb()
      source.sql(`CREATE DATABASE w; USE w; CREATE TABLE t (id INT PRIMARY KEY, kind INT, card VARCHAR(20), note TEXT);
        INSERT INTO t VALUES (1, 1, '4111111111111111', 'two words'), (2, 9, NULL, NULL), (3, 2, NULL, REPEAT('x', 200))`)
    })
    afterAll(() => source[Symbol.asyncDispose]())

    it('--dry-run prints what rows would become, and changes nothing', () => {
      const { code, out } = run(['--mapping', mapping(), '--source', url(), '--dry-run'], env)
      expect(out).toMatch(/^mariadb 10\.\S+, server id:1001, binlog_format ROW, binlog_row_image FULL, binlog_row_metadata FULL\nw\.t: about \d+ rows\n/)
      expect(out).toContain('  DEL t:{1}\n  HSET t:{1} id 1 kind 1 card ************1111 note "two words"\n  (a row that the mapping leaves out)\n  DEL t:{3}\n')
      expect(code).toBe(0)
    })

    it('exits with 3 where the mapping does not fit, and says everything that is wrong', () => {
      const bad = file('bad.yaml', 'tables: [{ table: w.t, key: "t:${nope}" }, { table: w.absent, key: "a:${id}" }]')
      const wrong = /there is no column nope[\s\S]*w\.absent does not exist/
      expect(run(['--mapping', bad, '--source', url(), '--dry-run'], env)).toMatchObject({ code: 3, out: expect.stringMatching(wrong) as string })
      expect(run(['--mapping', bad, '--source', url(), '--into', join(dir.path, 'none')], env)).toMatchObject({ code: 3, err: expect.stringMatching(wrong) as string })
    })

    it('copies and follows into a directory up to the end of the log, and goes on there', () => {
      const into = join(dir.path, 'store')
      const args = ['--mapping', mapping(), '--source', url(), '--into', into, '--until-end']
      const first = run(args, env)
      expect(first.err).toMatch(/snapshot: w\.t: 3 rows, all\nconnected to source 1/)
      expect(first.code).toBe(0)
      source.sql('INSERT INTO w.t VALUES (10, 1, NULL, NULL); DELETE FROM w.t WHERE id = 1')
      const second = run(args, env)
      expect(second).toMatchObject({ code: 0, err: expect.not.stringContaining('snapshot') as string })
      expect(second.err).toMatch(/2 transactions, 2 rows/)
    })

    it('ends with 0 when it is told to, and with 4 when another one takes its place', async () => {
      await using server = await startSlotwise()
      const start = (name: string): { ended: Promise<number | null>; kill(): void; err(): string } => {
        const child = spawn(process.execPath, ['--no-warnings', program, '--mapping', mapping(), '--source', url(), '--into', `redis://127.0.0.1:${server.port}`, '--name', name, '--server-id', '77'],
          { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
        let text = ''
        child.stderr.on('data', (chunk: Buffer) => { text += chunk.toString() })
        return { ended: new Promise((resolve) => child.once('close', resolve)), kill: () => void child.kill('SIGTERM'), err: () => text }
      }
      const first = start('a')
      await waitFor(() => first.err().includes('connected'), { what: 'the first follower connected' })
      await using client = await server.client()
      // A row that has come says that the source serves it: of two that ask at once, the first that is heard is told.
      source.sql('INSERT INTO w.t VALUES (77, 1, NULL, NULL)')
      await waitFor(async () => await client.command('HGET', 't:{77}', 'kind') === '1', { what: 'a row of the first follower' })
      const second = start('b')
      expect(await first.ended, first.err()).toBe(4)
      await waitFor(async () => await client.command('HGET', 't:{3}', 'kind') === '2', { what: 'rows in the server' })
      second.kill()
      expect(await second.ended, second.err()).toBe(0)
    })
  })
})
