/** The gateway in the server: directives, tokens in a file, what is acknowledged, replicas, the end. */
import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spawn, spawnSync } from 'node:child_process'
import { freePort, RespClient, startSlotwise, tempDir, waitFor, type ServerProcess } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const TOKEN = 'token-of-the-server-tests'
const program = join(import.meta.dirname, '../../../apps/server/bin/slotwise-server')

interface Told { status: number; body: unknown; headers: Headers }
interface Served { server: ServerProcess; base: string; ask: (path: string, init?: RequestInit) => Promise<Told> }

async function serve(args: readonly string[] = [], dir?: string): Promise<Served> {
  const httpPort = await freePort()
  const server = await startSlotwise({ args: ['--http-port', String(httpPort), ...args], ...dir === undefined ? {} : { dir } })
  const base = `http://127.0.0.1:${httpPort}`
  const ask: Served['ask'] = async (path, init = {}) => {
    const headers = { authorization: `Bearer ${TOKEN}`, ...init.headers as Record<string, string> }
    const response = await fetch(base + path, { ...init, headers })
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) as unknown : text, headers: response.headers }
  }
  // The TCP port is answered a little earlier.
  await waitFor(async () => (await ask('/livez')).status === 200, { what: 'the gateway' })
  return { server, base, ask }
}

describe('a server with http-port', () => {
  it('serves the same data to both kinds of clients, and ends cleanly', async () => {
    const { server, ask } = await serve(['--http-token', TOKEN])
    await using _ = server
    await using client = await server.client()
    expect((await ask('/set/foo/bar')).body).toEqual({ result: 'OK' })
    expect(await client.command('GET', 'foo')).toBe('bar')
    await client.command('SET', 'foo', 'from a socket')
    expect((await ask('/get/foo')).body).toEqual({ result: 'from a socket' })
    expect((await ask('/readyz')).body).toBe('ok\n')
    expect((await ask('/get/foo', { headers: { authorization: 'Bearer no-token-of-anybody' } })).status).toBe(401)
    await waitFor(() => /"httpPort":\d+/.test(server.output), { what: 'the port in the log' })
    expect(await server.stop()).toEqual({ code: 0, signal: null })
  })

  it('answers HTTP while a slow command of a socket runs', async () => {
    const { server, ask } = await serve(['--http-token', TOKEN, '--enable-debug-command', 'yes'])
    await using _ = server
    await using client = await server.client()
    let isOver = false
    const sleeping = client.command('DEBUG', 'SLEEP', '3').then(() => { isOver = true })
    expect((await ask('/ping')).body).toEqual({ result: 'PONG' })
    expect(isOver).toBe(false)
    await sleeping
  })

  it('takes tokens from a file, and follows it', async () => {
    await using dir = tempDir()
    const file = join(dir.path, 'tokens')
    const own = `sha256:${createHash('sha256').update(TOKEN).digest('hex')} prefix=shop:\n`
    // As a whole: who looks in the midst of a write would find a file without tokens.
    const write = (text: string): void => {
      writeFileSync(`${file}.new`, text)
      renameSync(`${file}.new`, file)
    }
    write(own)
    const { server, ask } = await serve(['--http-token-file', file])
    await using _ = server
    expect((await ask('/set/shop:1/x')).status).toBe(200)
    expect((await ask('/set/other/x')).body).toEqual({ error: expect.stringMatching(/^NOPERM/) })
    write(`${own}another-token-of-the-file readonly\n`)
    const other = { headers: { authorization: 'Bearer another-token-of-the-file' } }
    await waitFor(async () => (await ask('/get/shop:1', other)).status === 200, { what: 'the new token' })
    write('short\n')
    await waitFor(() => server.output.includes('The token file is not used'))
    expect((await ask('/get/shop:1')).status).toBe(200)
    write('# nobody\n')
    await waitFor(async () => (await ask('/get/shop:1')).status === 401, { what: 'the end of the token' })
  })

  it.each([['--http-token', 'short'], ['--http-token-file', '/nowhere/tokens'], ['--http-bind', '192.0.2.1']])('does not start with %s %s', async (...args) => {
    const [port, httpPort] = [await freePort(), await freePort()]
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--port', String(port), '--save', '', '--http-port', String(httpPort), ...args], { encoding: 'utf8', timeout: 60_000 })
    expect(status).toBe(1)
    expect(stdout + stderr).toMatch(/The HTTP gateway cannot start: /)
    expect(stdout + stderr).not.toContain(TOKEN)
  })

  it('CONFIG REWRITE keeps its lines', async () => {
    await using dir = tempDir()
    const [port, httpPort] = [await freePort(), await freePort()]
    const file = join(dir.path, 'redis.conf')
    writeFileSync(file, `http-port ${httpPort}\nhttp-token ${TOKEN}\n`)
    // The helper's flags come behind a file, which must be first.
    const child = spawn(process.execPath, [program, file, '--port', String(port), '--dir', dir.path, '--save', ''], { stdio: 'ignore' })
    try {
      const ask = async (path: string): Promise<unknown> => (await fetch(`http://127.0.0.1:${httpPort}${path}?_token=${TOKEN}`)).json()
      await waitFor(async () => (await ask('/ping') as { result: string }).result === 'PONG', { timeoutMs: 60_000 })
      await using client = await RespClient.connect({ port })
      expect(await client.command('CONFIG', 'REWRITE')).toBe('OK')
      expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^http-port ${httpPort}\nhttp-token ${TOKEN}\n`))
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('what was answered', () => {
  it.each(['everysec', 'always'])('survives kill -9 (appendfsync %s)', async (policy) => {
    await using dir = tempDir()
    const args = ['--http-token', TOKEN, '--appendonly', 'yes', '--appendfsync', policy]
    const first = await serve(args, dir.path)
    let acknowledged = 0
    let stopped = false
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; !stopped; i++) {
        const told = await first.ask(`/set/w${writer}:${i}/v`).catch(() => null)
        if (told?.status !== 200) return i
        acknowledged++
      }
      return 0
    })
    await waitFor(() => acknowledged > 500, { timeoutMs: 90_000, what: 'answers' })
    await first.server.sigkill()
    stopped = true
    const counts = await Promise.all(writers)
    const second = await serve(args, dir.path)
    await using _ = second.server
    for (const [writer, count] of counts.entries()) {
      const keys = Array.from({ length: count }, (_, i) => `w${writer}:${i}`)
      const { body } = await second.ask('/', { method: 'POST', body: JSON.stringify(['EXISTS', ...keys, 'none']) })
      expect([writer, body]).toEqual([writer, { result: count }])
    }
  })

  it('on the primary is waited for by a replica that is shown the token', async () => {
    const primary = await serve(['--http-token', TOKEN, '--repl-diskless-sync-delay', '0'])
    await using _ = primary.server
    const replica = await serve(['--http-token', TOKEN, '--replicaof', `127.0.0.1 ${primary.server.port}`])
    await using __ = replica.server
    await using admin = await replica.server.client()
    await waitFor(async () => (await admin.command('INFO', 'replication') as string).includes('master_link_status:up'))
    const headers = { 'upstash-sync-token': '' }
    await waitFor(async () => (await primary.ask('/set/a/0', { headers })).headers.get('upstash-sync-token') !== null)
    for (let i = 1; i <= 50; i++) {
      const token = (await primary.ask(`/set/a/${i}`, { headers })).headers.get('upstash-sync-token')!
      // It is waited for a second, and what has not come by then is refused, not answered with something older.
      const told = await waitFor(async () => {
        const answer = await replica.ask('/get/a', { headers: { 'upstash-sync-token': token } })
        return answer.status === 503 ? null : answer
      }, { what: 'the write at the replica' })
      expect(told.body).toEqual({ result: String(i) })
    }
    expect((await replica.ask('/set/a/x')).body).toEqual({ error: expect.stringMatching(/^READONLY/) })
    // Of another history, or none at all: served, not waited for.
    for (const token of [`${'0'.repeat(40)}:5`, 'garbage', `${'0'.repeat(40)}:${'9'.repeat(16)}`]) {
      expect((await replica.ask('/get/a', { headers: { 'upstash-sync-token': token } })).status).toBe(200)
    }
    const [history] = (await primary.ask('/set/a/last', { headers })).headers.get('upstash-sync-token')!.split(':')
    const never = await replica.ask('/get/a', { headers: { 'upstash-sync-token': `${history}:9000000000` } })
    expect(never).toMatchObject({ status: 503, body: { error: expect.stringMatching(/^TIMEOUT/) } })
  })
})
