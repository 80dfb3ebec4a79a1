/**
 * Against a real redis-server 7.0: the recorded cases are what it answers, our defaults are its defaults, and what it
 * refuses at start we refuse with the same words.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, directives, loadConfig, type ServerConfig } from '@slotwise/config'
import { describePeer, freePort, peer, startRedis, tempDir } from '@slotwise/testing'
import { describe, expect, test } from 'vitest'

interface RecordedCase { set: string[]; reply: string; get: Record<string, string> }
/** What Redis does not have. */
const isOwn = (name: string): boolean =>
  /^(slotwise-|http-|repl-ack$|repl-semi-sync|aof-archive-dir$|binlog-|mysql-source$|standby$)/.test(name)
const repository = join(import.meta.dirname, '../../..')
const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name)

function pairs(reply: unknown): Record<string, string> {
  const flat = reply as string[]
  return Object.fromEntries(flat.flatMap((name, i) => i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : []))
}

describePeer('redis-server', 'CONFIG of redis-server', () => {
  test('it answers the recorded cases as recorded', async () => {
    const path = join(repository, 'native/tables/directive-cases.json')
    const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: RecordedCase[] }
    await using server = await startRedis({ args: ['--enable-debug-command', 'no', '--save', '3600 1 300 100 60 10000'] })
    await using client = await server.client()
    for (const { set, reply, get } of cases) {
      const answer = await client.wire('CONFIG', 'SET', ...set)
      expect([set, answer.replaceAll(/^[+-]|\r\n$/g, '')]).toEqual([set, reply])
      for (const [name, value] of Object.entries(get))
        expect([set, await client.command('CONFIG', 'GET', name)]).toEqual([set, [name, value]])
    }
  })

  test('our table has its directives and its defaults, but for the differences that say why', async () => {
    await using server = await startRedis()
    await using client = await server.client()
    const real = pairs(await client.command('CONFIG', 'GET', '*'))
    const ours: Record<string, string> = {}
    for (const spec of directives.filter((each) => each.hidden !== true)) {
      ours[spec.name] = spec.redisDefault ?? spec.default
      if (spec.alias !== undefined) ours[spec.alias] = ours[spec.name]!
    }
    const given = ['port', 'bind', 'dir', 'save', 'enable-debug-command']
    const own = Object.keys(ours).filter((name) => isOwn(name) || name === 'proto-max-multibulk-len')
    for (const name of given) expect(ours).toHaveProperty(name)
    for (const name of [...given, ...own]) {
      Reflect.deleteProperty(real, name)
      Reflect.deleteProperty(ours, name)
    }
    expect(ours).toEqual(real)
    for (const { name } of directives.filter((spec) => spec.hidden === true && !isOwn(spec.name) && spec.name !== 'proto-inline-max-size'))
      expect(pairs(await client.command('CONFIG', 'GET', name))).toHaveProperty(name)
  })

  const refused: string[][] = [
    ['--port'], ['--port', '1', '2'], ['--port', '1', '--loglevel'], ['--prot', '1'], ['--port=1'], ['-x'],
    ['--shutdown-on-sigint'], ['--shutdown-on-sigint', 'now force', '--shutdown-on-sigterm'],
    ['--port', '--loglevel', 'verbose'], ['--logfile', '--my--log--file', '--loglevel', '--bla'],
    ['--replicaof', '127.0.0.1', 'abc'], ['--replicaof', '--127.0.0.1', '--abc'], ['--rename-command', 'get'],
    ['--dir', '/nonexistent'], ['--dir', ''], ['--dir', '/dev/null'], ['--user'], ['--logfile', '/nonexistent/x'],
    ['--maxmemory', '1x'], ['--databases', '0'], ['--save', '1'], ['--client-output-buffer-limit', 'normal', '1', '2'],
    ['--io-threads', '999'], ['--appendfilename', 'a/b'], ['--appendfilename', ''], ['--unixsocketperm', '999'],
    ['--unixsocketperm', '1000'], ['--port 1 2'], ['--port "1'], ['--include'], ['--list-max-ziplist-entries', '1', '2'],
    ['--bind', ...Array<string>(17).fill('127.0.0.1')], ['--maxmemory-policy', 'x'], ['--daemonize', 'maybe'],
    ['--cluster-enabled', 'yes', '--replicaof', 'a', '1'], ['--requirepass'], ['loglevel', 'debug'], ['--port', '1', '-x'],
    ['--requirepass', 'é"\\\n', 'x'], ['--oom-score-adj-values', '1', '2'], ['--latency-tracking-info-percentiles', 'x'],
  ]
  test.each(refused.map((args) => [args]))('it refuses %j with our words', async (args) => {
    await using temp = tempDir()
    const server = peer('redis-server')
    if (!server.usable) throw new Error(server.reason)
    const { stdout, stderr } = spawnSync(server.path, args, { cwd: temp.path, encoding: 'utf8', timeout: 60_000 })
    let report = 'nothing was refused'
    try {
      loadConfig({ args, cwd: temp.path })
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      report = error.report(`Redis ${server.version}`).replace(/\(in the command line\)\n$/, '')
    }
    if (report.includes("can't open config file")) expect(stdout).toContain(/Fatal error.*/.exec(report)?.[0])
    else expect(report).toBe(stderr)
  })

  test('it starts with the files our fixtures hold, and reads the same from them', async () => {
    await using temp = tempDir()
    const file = fixture('redis-7.0.conf')
    const port = await freePort()
    // The file names port and bind too: what follows it must take both back.
    const after = ['--port', String(port), '--dir', temp.path, '--bind', '127.0.0.1', '--maxmemory', '1gb', '--save', '5 5']
    const args = [file, ...after]
    await using redis = await startRedis({ port, dir: temp.path, args: ['--include', file, ...after] })
    await using client = await redis.client()
    const config = loadConfig({ args })
    for (const [name, value] of config.entries()) {
      if (['save', 'client-output-buffer-limit'].includes(name)) continue
      expect(pairs(await client.command('CONFIG', 'GET', name))).toEqual({ [name]: value })
    }
  })
})

describe('configuration files of Redis', () => {
  const load = (file: string): ServerConfig => loadConfig({ args: [file] })

  test.each(['redis-6.2.conf', 'redis-7.0.conf'])('%s holds every directive and starts', (name) => {
    const config = load(fixture(name))
    expect(config.entries().length).toBeGreaterThan(140)
    expect(config.warnings.filter((line) => !line.includes('is ignored: ')).length).toBeLessThan(4)
  })

  test('the 7.0 fixture misses no directive', () => {
    const named = new Set(load(fixture('redis-7.0.conf')).entries().map(([name]) => name as string))
    const missing = directives.map((spec) => spec.name as string).filter((name) => !named.has(name))
    expect(missing.filter((name) => !isOwn(name))).toEqual(['proto-inline-max-size', 'proto-max-multibulk-len', 'replicaof'])
  })

  const debian = '/etc/redis/redis.conf'
  const readable = ((): boolean => {
    try {
      accessSync(debian, constants.R_OK)
      accessSync('/var/lib/redis', constants.X_OK)
      accessSync('/var/log/redis', constants.W_OK)
      return true
    } catch {
      return false
    }
  })()
  test.skipIf(!readable)(`${debian} starts`, () => {
    const config = load(debian)
    expect(config.bool('daemonize')).toBe(true)
    expect(config.get('dir')).toBe('/var/lib/redis')
    expect(config.words('bind')).toEqual(['127.0.0.1', '-::1'])
    expect(config.warnings).toEqual([])
  })
})
