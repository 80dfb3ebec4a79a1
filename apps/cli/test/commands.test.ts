/** The other commands, as processes: import, monitor, bench, and what is said when it goes wrong. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describePeer, RespClient, type ServerProcess, startRedis, startSlotwise, tempDir, waitFor } from '@slotwise/testing'
import { slotwise } from './run-cli.js'

const NOBODY = '127.0.0.1:1'

async function fill(server: ServerProcess): Promise<void> {
  await using client = await server.client()
  const commands = Array.from({ length: 2000 }, (_, index) => ['SET', `key:${index}`, `value ${index}`])
  await client.pipeline([...commands, ['SET', 'soon', 'gone', 'PX', '600000'], ['ZADD', 'board', '1.5', 'ada'], ['SELECT', '3'], ['SET', 'other', 'db']])
}

async function expectFilled(server: ServerProcess): Promise<void> {
  await using client = await server.client()
  expect(await client.pipeline([['DBSIZE'], ['GET', 'key:1999'], ['ZSCORE', 'board', 'ada'], ['ROLE'], ['SELECT', '3'], ['GET', 'other'], ['SELECT', '0']]))
    .toEqual([2002, 'value 1999', '1.5', expect.arrayContaining(['master']), 'OK', 'db', 'OK'])
  expect(await client.command('PTTL', 'soon')).toSatisfy((ttlMs: number) => ttlMs > 500_000 && ttlMs <= 600_000)
}

const to = ({ port }: ServerProcess): string[] => ['--to', `127.0.0.1:${port}`]
const url = ({ port }: ServerProcess, password = ''): string => `redis://${password === '' ? '' : `:${password}@`}127.0.0.1:${port}`

describePeer('redis-server', 'slotwise import', () => {
  it('copies a redis-server with a password by replication, and makes the target a primary', async () => {
    await using source = await startRedis({ args: ['--requirepass', 'secret', '--repl-diskless-sync-delay', '0'], password: 'secret' })
    await using target = await startSlotwise()
    await fill(source)
    const run = slotwise(['import', url(source, 'secret'), ...to(target)])
    expect([await run.exited, run.err]).toEqual([0, ''])
    expect(run.out).toContain('Imported 2003 keys')
    await expectFilled(target)
    await using client = await target.client()
    expect(await client.command('CONFIG', 'GET', 'masterauth')).toEqual(['masterauth', ''])
  })

  it('stays a replica with --follow, and has every write when Ctrl-C promotes it', async () => {
    await using source = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
    await using target = await startSlotwise()
    await fill(source)
    await using run = slotwise(['import', url(source), ...to(target), '--follow'])
    await run.printed(/following/)
    await using writer = await source.client()
    await writer.pipeline(Array.from({ length: 500 }, (_, index) => ['SET', `late:${index}`, 'x']))
    run.signal('SIGINT')
    expect(await run.exited).toBe(0)
    await using client = await target.client()
    expect(await client.pipeline([['DBSIZE'], ['GET', 'late:499']])).toEqual([2502, 'x'])
  })

  it('copies key by key where replication is refused', async () => {
    await using source = await startRedis({ args: ['--rename-command', 'PSYNC', '', '--rename-command', 'SYNC', ''] })
    await using target = await startSlotwise()
    await fill(source)
    const run = slotwise(['import', url(source), ...to(target)])
    expect(await run.exited).toBe(0)
    expect(run.err).toContain('copying key by key')
    expect(run.out).toMatch(/^copying keys: \d+ % of about 2003$/m)
    await expectFilled(target)
  })

  it('refuses a target that has keys, unless it may remove them', async () => {
    await using source = await startRedis()
    await using target = await startSlotwise()
    await fill(source)
    await using client = await target.client()
    await client.command('SET', 'mine', '1')
    const refused = slotwise(['import', url(source), ...to(target)])
    expect(await refused.exited).toBe(1)
    expect(refused.err).toContain('--replace')
    expect(await client.command('GET', 'mine')).toBe('1')
    const run = slotwise(['import', url(source), ...to(target), '--replace', '--method', 'scan'])
    expect(await run.exited).toBe(0)
    expect(await client.command('EXISTS', 'mine')).toBe(0)
    await expectFilled(target)
  })
})

describe('slotwise', () => {
  it('monitor prints commands as they run, until Ctrl-C', async () => {
    await using server = await startSlotwise()
    await using run = slotwise(['monitor', server.port])
    await waitFor(() => run.err.includes('Ctrl-C'), { what: 'monitor' })
    await using client = await server.client()
    await client.command('SET', 'k', 'v')
    await run.printed(/"SET" "k" "v"/)
    run.signal('SIGINT')
    expect(await run.exited).toBe(0)
  })

  it('monitor ends when nobody reads what it prints', async () => {
    await using server = await startSlotwise()
    await using run = slotwise(['monitor', server.port])
    await waitFor(() => run.err.includes('Ctrl-C'), { what: 'monitor' })
    run.closeOutput()
    await using client = await server.client()
    await waitFor(async () => {
      await client.command('PING')
      return run.hasEnded
    }, { what: 'the end of monitor' })
    expect([await run.exited, run.err]).toEqual([0, expect.not.stringContaining('EPIPE')])
  })

  it('bench tells rates of SET and GET', async () => {
    await using server = await startSlotwise()
    const run = slotwise(['bench', server.port, '--requests', 5000, '--clients', 5, '--pipeline', 8, '--keys', 10])
    expect([await run.exited, run.err]).toEqual([0, ''])
    expect(run.out.match(/^(SET|GET) +[\d,]+ a second {3}p50 \d+\.\d\d ms {3}p99 \d+\.\d\d ms$/gm)).toHaveLength(2)
  })

  it('server, backup, restore and check-aof are the programs of slotwise-server', async () => {
    await using dir = tempDir()
    await using source = await startSlotwise({ args: ['--appendonly', 'yes'] })
    await using client: RespClient = await source.client()
    await client.command('SET', 'k', 'kept')
    const backup = slotwise(['backup', '--from-dir', source.dir, '--to', join(dir.path, 'backups')])
    expect([await backup.exited, backup.out]).toEqual([0, expect.stringContaining('1 commands')])
    const restored = join(dir.path, 'restored')
    expect(await slotwise(['restore', '--from', join(dir.path, 'backups'), '--to', restored]).exited).toBe(0)
    expect(await slotwise(['check-aof', join(restored, 'appendonlydir', 'appendonly.aof.manifest')]).exited).toBe(0)
    const help = slotwise(['server', '--help'])
    expect([await help.exited, help.out]).toEqual([0, expect.stringContaining('Usage: slotwise-server')])
  })

  it.each([
    [[], 2, /Usage: slotwise/],
    [['nonsense'], 2, /unknown command 'nonsense'/],
    [['cluster', 'up', '--nodes', 'six'], 2, /expected a whole number/],
    [['cluster', 'up', '--nodes', '2', '--replicas', '2'], 2, /too few/],
    [['cluster', 'up', '--detach'], 2, /needs --dir/],
    [['cluster', 'down', '--dir', '.'], 1, /no cluster/],
    [['cluster', 'status', '--port', '1'], 1, /cannot reach 127\.0\.0\.1:1/],
    [['monitor', NOBODY], 1, /cannot reach 127\.0\.0\.1:1: /],
    [['monitor', 'http://host'], 2, /'http:\/\/' is not supported/],
    [['bench', NOBODY], 1, /cannot reach/],
    [['import', 'redis://127.0.0.1:1'], 1, /cannot reach/],
    [['server', '--no-such-directive', '1'], 1, /no-such-directive/],
    [['backup', '--nonsense'], 2, /nonsense/],
  ])('%j ends with %d and one line that helps', async (args, exitCode, pattern) => {
    const run = slotwise(args)
    expect(await run.exited).toBe(exitCode)
    expect(run.err).toMatch(pattern)
    expect(run.err).not.toMatch(/^ {4}at /m)
  })

  it('every command has --help', async () => {
    const commands = ['', 'cluster', 'cluster up', 'cluster status', 'cluster down', 'monitor', 'bench', 'import', 'server', 'backup', 'restore']
    const runs = commands.map((words) => slotwise([...words.split(' ').filter((word) => word !== ''), '--help']))
    for (const [index, run] of runs.entries()) expect([commands[index], await run.exited, run.out]).toEqual([commands[index], 0, expect.stringContaining('Usage:')])
  })
})
