/**
 * The server as a program: how it is started, what it says, how it ends. Real processes; exit codes are those that
 * redis-server gives, since scripts and unit files rely on them.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { freePort, RespClient, RespError, startSlotwise, tempDir, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const program = join(import.meta.dirname, '../bin/slotwise-server')
const fixtures = join(import.meta.dirname, '../../../packages/config/test/fixtures')

interface Ran { status: number | null; stdout: string; stderr: string }

/** Runs it to its end. */
function run(
  args: readonly string[], options: { input?: string; env?: Record<string, string>; cwd?: string } = {},
): Ran {
  const { env = {}, ...more } = options
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args],
    { encoding: 'utf8', timeout: 60_000, env: { ...process.env, ...env }, ...more })
  return { status, stdout, stderr }
}

/** The log lines of an output, parsed; anything that is not JSON is a failure. */
const logLines = (output: string): Record<string, unknown>[] =>
  output.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
const messages = (output: string): unknown[] => logLines(output).map(({ msg }) => msg)

describe('the command line', () => {
  it('--version and --help answer and do not start', () => {
    expect(run(['--version'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Slotwise server v=\d+\.\d+\.\d+ redis=7\.0\.15 /) as string })
    expect(run(['-v']).status).toBe(0)
    for (const flag of ['--help', '-h']) expect(run([flag])).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') as string })
  })

  it('--check-config says whether the configuration is good', async () => {
    await using dir = tempDir()
    const file = join(dir.path, 'x.conf')
    writeFileSync(file, 'port 7000\nmaxmemory 1gb\ntls-port 6380\n')
    expect(run([file, '--check-config'])).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining("'tls-port' has no effect yet") as string })
    writeFileSync(file, 'port 7000\n\nmaxmemory lots\n')
    const { status, stderr } = run([file, '--check-config'])
    expect({ status, stderr }).toMatchObject({ status: 1 })
    expect(stderr).toContain("Reading the configuration file, at line 3\n>>> 'maxmemory lots'\n")
  })

  it('a configuration that is wrong ends it with 1 and the words of Redis', () => {
    const { status, stdout, stderr } = run(['--nonsense', '1'])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(/^\n\*\*\* FATAL CONFIG FILE ERROR \(Slotwise [^)]+\) \*\*\*\nReading the configuration file, at line 2\n>>> 'nonsense "1"'\nBad directive or wrong number of arguments\n/)
  })

  it('reads a file, standard input, the environment and flags, the later counting more', async () => {
    await using dir = tempDir()
    const [port, file] = [await freePort(), join(dir.path, 'x.conf')]
    writeFileSync(file, 'maxclients 11\ntimeout 12\nhz 13\nlfu-log-factor 14\nsave ""\n')
    const child = spawn(process.execPath, [program, file, '--port', String(port), '--bind', '127.0.0.1', '--lfu-log-factor', '44', '-'],
      { cwd: dir.path, env: { ...process.env, SLOTWISE_HZ: '33', SLOTWISE_LFU_LOG_FACTOR: '34' }, stdio: ['pipe', 'ignore', 'ignore'] })
    child.stdin.end('timeout 22\nhz 23\n')
    try {
      await using client = await waitFor(() => RespClient.connect({ port }))
      const found = await client.command('CONFIG', 'GET', 'maxclients', 'timeout', 'hz', 'lfu-log-factor', 'save', 'dir') as string[]
      const pairs = Object.fromEntries(found.flatMap((name, at) => at % 2 === 0 ? [[name, found[at + 1]]] : []))
      expect(pairs).toEqual({ maxclients: '11', timeout: '22', hz: '33', 'lfu-log-factor': '44', save: '', dir: dir.path })
      expect((await client.command('INFO', 'server') as string)).toContain(`config_file:${file}`)
    } finally {
      child.kill('SIGKILL')
    }
  })

  it.each(['redis-6.2.conf', 'redis-7.0.conf'])('starts from an unmodified %s, with one warning for each directive that has no effect', async (name) => {
    await using dir = tempDir()
    await using server = await startSlotwise(fromFile(join(fixtures, name), dir.path))
    const warnings = logLines(server.output).filter(({ level }) => level === 'warn').map(({ msg }) => String(msg))
    expect(new Set(warnings).size).toBe(warnings.length)
    await using client = await server.client()
    expect(await client.command('SET', 'k', 'v')).toBe('OK')
  })

  it('a relative dir, logfile, pidfile and unixsocket count from where Redis counts them', async () => {
    await using dir = tempDir()
    mkdirSync(join(dir.path, 'data'))
    const child = spawn(process.execPath, [program, '--port', '0', '--dir', 'data', '--logfile', 'x.log', '--pidfile', 'x.pid', '--unixsocket', 'x.sock', '--unixsocketperm', '700', '--appendonly', 'yes'],
      { cwd: dir.path, stdio: 'ignore' })
    try {
      const data = join(dir.path, 'data')
      await using client = await waitFor(() => RespClient.connect({ path: join(data, 'x.sock') }))
      expect(await client.command('PING')).toBe('PONG')
      expect(statSync(join(data, 'x.sock')).mode & 0o777).toBe(0o700)
      await waitFor(() => existsSync(join(data, 'x.pid')))
      expect(readFileSync(join(data, 'x.pid'), 'utf8')).toBe(`${child.pid}\n`)
      await waitFor(() => messages(readFileSync(join(data, 'x.log'), 'utf8')).includes('Ready to accept connections'))
      expect(existsSync(join(data, 'appendonlydir'))).toBe(true)
      child.kill('SIGTERM')
      await waitFor(() => child.exitCode !== null)
      expect(child.exitCode).toBe(0)
      expect([existsSync(join(data, 'x.pid')), existsSync(join(data, 'x.sock'))]).toEqual([false, false])
    } finally {
      child.kill('SIGKILL')
    }
  })
})

/** `startSlotwise` gives its own flags first; a file has to come before them. */
function fromFile(file: string, folder: string): { args: string[] } {
  const text = readFileSync(file, 'utf8').split('\n').filter((line) => !/^\s*(#|$|(port|bind|dir|pidfile|logfile|daemonize)\s)/.test(line))
  const copy = join(folder, 'all.conf')
  writeFileSync(copy, text.join('\n'))
  return { args: ['--include', copy] }
}

describe('a start that fails', () => {
  it('for a port that is taken ends with 1 and names it', async () => {
    const taken = createServer()
    const port = await new Promise<number>((resolve) => taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port)))
    const { status, stdout } = run(['--port', String(port), '--bind', '127.0.0.1'])
    taken.close()
    expect(status).toBe(1)
    expect(messages(stdout)).toEqual(expect.arrayContaining([
      `Warning: Could not create server TCP listening socket 127.0.0.1:${port}: bind: Address already in use`,
      `Failed listening on port ${port} (TCP), aborting.`,
    ]))
  })

  it('for a unix socket that cannot be made ends with 1', () => {
    const { status, stdout } = run(['--port', '0', '--unixsocket', '/nonexistent/x.sock'])
    expect(status).toBe(1)
    expect(stdout).toContain('Failed opening Unix socket: bind: ')
  })

  it('for nothing to listen on ends with 1', () => {
    const { status, stdout } = run(['--port', '0'])
    expect(status).toBe(1)
    expect(messages(stdout).at(-1)).toBe('Configured to not listen anywhere, exiting.')
  })

  it('for a rename-command that names no command ends with 1', () => {
    const { status, stdout, stderr } = run(['--port', '0', '--unixsocket', '/tmp/never.sock', '--rename-command', 'nope', 'x'])
    expect(status).toBe(1)
    expect(stdout + stderr).toContain('No such command in rename-command')
  })
})

describe('the end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s stops it cleanly: everything is on disk, exit code 0', async (signal) => {
    await using server = await startSlotwise({ args: ['--appendonly', 'yes', '--appendfsync', 'no'] })
    await using client = await server.client()
    await client.command('SET', 'k', 'v')
    // It answers before it says so, and what it says of its start would come after the signal.
    await waitFor(() => messages(server.output).includes('Ready to accept connections'), { what: 'the end of the start' })
    server.signal(signal)
    expect(await server.exited).toEqual({ code: 0, signal: null })
    const said = messages(server.output).filter((line) => !String(line).includes('fsync is taking too long'))
    expect(said.slice(-2)).toEqual([`Received ${signal} scheduling shutdown...`, 'Slotwise is now ready to exit, bye bye...'])
    await using again = await startSlotwise({ dir: server.dir, args: ['--appendonly', 'yes'] })
    await using reader = await again.client()
    expect(await reader.command('GET', 'k')).toBe('v')
  })

  it('two signals at once do no harm', async () => {
    await using server = await startSlotwise({ args: ['--appendonly', 'yes'] })
    await using client = await server.client()
    await client.pipeline(Array.from({ length: 1000 }, (_, index) => ['SET', `k${index}`, 'v']))
    server.signal('SIGTERM')
    server.signal('SIGTERM')
    const { code, signal } = await server.exited
    expect(signal).toBeNull()
    expect([0, 1]).toContain(code)
    await using again = await startSlotwise({ dir: server.dir, args: ['--appendonly', 'yes'] })
    await using reader = await again.client()
    expect(await reader.command('DBSIZE')).toBe(1000)
  })

  it.each([['SHUTDOWN'], ['SHUTDOWN', 'NOSAVE'], ['SHUTDOWN', 'NOW', 'FORCE']])('%s %s %s ends it with 0 and without a reply', async (...command) => {
    await using server = await startSlotwise({ args: ['--appendonly', 'yes'] })
    await using client = await server.client()
    await client.command('SET', 'k', 'v')
    await expect(client.command(...command)).rejects.toThrow('the server closed the connection')
    expect(await server.exited).toEqual({ code: 0, signal: null })
    expect(messages(server.output)).toContain('User requested shutdown...')
    await using again = await startSlotwise({ dir: server.dir, args: ['--appendonly', 'yes'] })
    await using reader = await again.client()
    expect(await reader.command('GET', 'k')).toBe('v')
  })

  it.each<[string, (child: ChildProcess, client: RespClient) => void]>([
    ['a signal', (child) => void (child.kill('SIGHUP'), child.kill('SIGTERM'))],
    ['a SHUTDOWN', (_, client) => client.send('SHUTDOWN\r\n')],
  ])('%s that comes as soon as it can be connected to is heard as one that comes later', async (_, end) => {
    const ends: unknown[] = []
    for (let round = 0; round < 8; round++) {
      await using dir = tempDir()
      const port = await freePort()
      const child = spawn(process.execPath, [program, '--port', String(port), '--bind', '127.0.0.1', '--dir', dir.path], { stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
      const deadline = setTimeout(() => child.kill('SIGKILL'), 10_000)
      end(child, await waitFor(() => RespClient.connect({ port }), { intervalMs: 1, what: 'the socket' }))
      ends.push(await ended)
      clearTimeout(deadline)
    }
    expect(ends).toEqual(ends.map(() => ({ code: 0, signal: null })))
  })

  it('SIGHUP does not end it', async () => {
    await using server = await startSlotwise()
    server.signal('SIGHUP')
    await using client = await server.client()
    expect(await client.command('PING')).toBe('PONG')
    expect(await server.stop()).toEqual({ code: 0, signal: null })
  })

  it('connected clients are closed, and what they were told stays', async () => {
    await using server = await startSlotwise({ args: ['--appendonly', 'yes'] })
    const clients = await Promise.all(Array.from({ length: 50 }, () => server.client()))
    await Promise.all(clients.map((client, index) => client.command('SET', `k${index}`, 'v')))
    expect(await server.stop()).toEqual({ code: 0, signal: null })
    await Promise.all(clients.map((client) => client.closed))
  })
})

describe('in the background', () => {
  it('daemonize returns when it serves, with a pid file and a log file', async () => {
    await using dir = tempDir()
    const port = await freePort()
    const file = (name: string): string => join(dir.path, name)
    const { status, stdout, stderr } = run(['--daemonize', 'yes', '--port', String(port), '--bind', '127.0.0.1', '--dir', dir.path, '--pidfile', file('pid'), '--logfile', file('log'), '--appendonly', 'yes'])
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
    // No waiting: it answers as soon as the foreground process has ended.
    await using client = await RespClient.connect({ port })
    expect(await client.command('SET', 'k', 'v')).toBe('OK')
    const pid = Number(readFileSync(file('pid'), 'utf8'))
    expect((await client.command('INFO', 'server') as string)).toContain(`process_id:${pid}`)
    process.kill(pid, 'SIGTERM')
    await client.closed
    await waitFor(() => !existsSync(file('pid')))
    await waitFor(() => messages(readFileSync(file('log'), 'utf8')).includes('Slotwise is now ready to exit, bye bye...'))
  })

  it('daemonize tells why it could not start', async () => {
    await using dir = tempDir()
    const { status, stderr } = run(['--daemonize', 'yes', '--port', '0', '--dir', dir.path])
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'Configured to not listen anywhere, exiting.\n' })
  })

  it('daemonize reads standard input once', async () => {
    await using dir = tempDir()
    const port = await freePort()
    const { status } = run(['--daemonize', 'yes', '--pidfile', join(dir.path, 'pid'), '-'], { cwd: dir.path, input: `port ${port}\nbind 127.0.0.1\nmaxclients 77\n` })
    expect(status).toBe(0)
    await using client = await RespClient.connect({ port })
    expect(await client.command('CONFIG', 'GET', 'maxclients')).toEqual(['maxclients', '77'])
    process.kill(Number(readFileSync(join(dir.path, 'pid'), 'utf8')), 'SIGKILL')
  })
})

describe('the log', () => {
  it('is one JSON object a line away from a terminal, by loglevel', async () => {
    await using server = await startSlotwise({ args: ['--loglevel', 'warning'] })
    await server.stop()
    expect(server.output).toBe('')
    await using verbose = await startSlotwise({ args: ['--loglevel', 'verbose'] })
    await using client = await verbose.client()
    client.send('*1\r\n$-9\r\n')
    await client.closed
    await waitFor(() => messages(verbose.output).some((line) => String(line).startsWith('Protocol error')))
    expect(logLines(verbose.output)[0]).toMatchObject({ level: 'info', pid: verbose.pid, version: expect.any(String) as string })
  })

  it('is made for people on a terminal', async () => {
    await using dir = tempDir()
    const port = await freePort()
    const command = `node ${program} --port ${port} --bind 127.0.0.1 --dir ${dir.path}`
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => output += chunk.toString())
    try {
      await waitFor(() => output.includes('Ready to accept connections'))
      expect(output).not.toContain('"level"')
    } finally {
      await using client = await RespClient.connect({ port })
      client.send('SHUTDOWN\r\n')
      await client.closed
    }
  })

  it('goes on in a new file when the old one was rotated away', async () => {
    await using dir = tempDir()
    const log = join(dir.path, 'log')
    await using server = await startSlotwise({ dir: dir.path, args: ['--logfile', log] })
    await waitFor(() => messages(readFileSync(log, 'utf8')).includes('Ready to accept connections'))
    writeFileSync(log, '')
    await server.stop()
    expect(messages(readFileSync(log, 'utf8'))).toContain('Slotwise is now ready to exit, bye bye...')
    expect(server.output).toBe('')
  })
})

describe('directives at work', () => {
  it('requirepass, rename-command, databases, maxmemory, save', async () => {
    await using server = await startSlotwise({
      password: 'secret',
      args: ['--requirepass', 'secret', '--rename-command', 'FLUSHALL', '', '--rename-command', 'CONFIG', 'hidden', '--databases', '4', '--maxmemory', '10mb', '--maxmemory-policy', 'noeviction'],
    })
    await using stranger = await RespClient.connect({ port: server.port })
    expect(await stranger.command('GET', 'k')).toEqual(new RespError('NOAUTH Authentication required.'))
    expect(await stranger.command('AUTH', 'wrong')).toEqual(new RespError('WRONGPASS invalid username-password pair or user is disabled.'))
    await using client = await server.client()
    expect(await client.command('FLUSHALL')).toEqual(new RespError("ERR unknown command 'FLUSHALL', with args beginning with: "))
    expect(await client.command('HIDDEN', 'GET', 'databases')).toEqual(['databases', '4'])
    expect(await client.command('SELECT', 4)).toEqual(new RespError('ERR DB index is out of range'))
    const refused = await waitFor(async () => {
      const reply = await client.command('APPEND', 'k', 'x'.repeat(500_000))
      return reply instanceof RespError ? reply : null
    })
    expect(refused.message).toBe("OOM command not allowed when used memory > 'maxmemory'.")
    expect(await client.command('STRLEN', 'k')).toBeGreaterThan(5_000_000)
  })

  it('CONFIG REWRITE writes the file it was started with', async () => {
    await using dir = tempDir()
    const [file, port] = [join(dir.path, 'x.conf'), await freePort()]
    writeFileSync(file, `# mine\nport ${port}\nbind 127.0.0.1\ntimeout 5\n`)
    chmodSync(file, 0o640)
    const child = spawn(process.execPath, [program, file], { cwd: dir.path, stdio: 'ignore' })
    try {
      await using client = await waitFor(() => RespClient.connect({ port }))
      await client.command('CONFIG', 'SET', 'timeout', 9, 'maxclients', 123)
      expect(await client.command('CONFIG', 'REWRITE')).toBe('OK')
      const text = readFileSync(file, 'utf8')
      expect(text).toContain('# mine\n')
      expect(text).toContain('timeout 9\n')
      expect(text).toContain('maxclients 123\n')
    } finally {
      child.kill('SIGKILL')
    }
  })
})
