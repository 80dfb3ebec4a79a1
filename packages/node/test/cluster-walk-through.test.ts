/**
 * Six nodes on one machine, step by step as docs/cluster.md and every introduction to Redis Cluster have it: six
 * configuration files, six daemons, redis-cli for everything else, as on a terminal. One primary is killed, replaced,
 * its append-only file repaired, and it comes back as a replica.
 */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describePeer, RespClient, type RespReply, tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { onTerminal, portsInARow, redisCli, rowsOf, runProgram, type NodeRow } from './fixtures/cluster.js'

const server = join(import.meta.dirname, '..', '..', '..', 'apps', 'server', 'bin', 'slotwise-server')

/** The daemons of one walk, each started by its file; killed at the end whatever happened. */
class Walk implements AsyncDisposable {
  readonly #dir = tempDir()
  readonly ports: readonly number[]

  constructor(first: number) {
    this.ports = Array.from({ length: 6 }, (_, index) => first + index)
    for (const port of this.ports) {
      mkdirSync(this.dirOf(port))
      writeFileSync(this.#fileOf(port), [
        'bind 127.0.0.1', `port ${port}`, 'daemonize yes', `pidfile ${this.#dir.path}/redis_${port}.pid`, `dir ${this.dirOf(port)}`,
        'cluster-enabled yes', 'appendonly yes', `cluster-config-file nodes-${port}.conf`, '',
      ].join('\n'))
    }
  }

  dirOf(port: number): string { return join(this.#dir.path, String(port)) }
  #fileOf(port: number): string { return join(this.#dir.path, `${port}.conf`) }

  async start(port: number): Promise<void> {
    expect(await runProgram(process.execPath, [server, this.#fileOf(port)])).toEqual({ code: 0, output: '' })
  }

  pidOf(port: number): number { return Number(readFileSync(`${this.#dir.path}/redis_${port}.pid`, 'utf8')) }

  async kill(port: number): Promise<void> {
    const pid = this.pidOf(port)
    process.kill(pid, 'SIGKILL')
    await waitFor(() => !isAlive(pid), { what: `the end of the node at ${port}` })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const port of this.ports) {
      try {
        process.kill(this.pidOf(port), 'SIGKILL')
      } catch {
        // Not running, or never started.
      }
    }
    await this.#dir.remove()
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

const say = async (port: number, ...words: string[]): Promise<string> => (await onTerminal('-p', String(port), ...words)).output.trim()

/** The line typed at the prompt of `redis-cli -c`. */
const type = (port: number, line: string): string => spawnSync('redis-cli', ['-c', '-p', String(port)],
  { encoding: 'utf8', input: `${line}\n`, timeout: 60_000, env: { ...process.env, FAKETTY: '1' } }).stdout.trim()

const nodes = async (port: number): Promise<NodeRow[]> => rowsOf((await redisCli('-p', String(port), 'cluster', 'nodes')).output)

/** redis-check-aof --fix, answered with y. */
function fix(manifest: string): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('redis-check-aof', ['--fix', manifest], { encoding: 'utf8', input: 'y\n', timeout: 60_000 })
  return { code: status, output: stdout + stderr }
}

describePeer(['redis-cli', 'redis-check-aof'], 'six nodes on one machine', () => {
  it('become a cluster, lose a primary, and take it back as a replica', async () => {
    await using walk = new Walk(await portsInARow(6))
    const [first, second, third, fourth, fifth, sixth] = walk.ports as [number, number, number, number, number, number]
    await Promise.all(walk.ports.map((port) => walk.start(port)))

    expect(await say(first, 'keys', '*')).toBe('(empty array)')
    expect(await say(first, 'set', 'name', 'test')).toBe('(error) CLUSTERDOWN Hash slot not served')

    const created = await redisCli('--cluster', 'create', ...walk.ports.map((port) => `127.0.0.1:${port}`), '--cluster-replicas', '1', '--cluster-yes')
    expect(created.output).toContain('[OK] All nodes agree about slots configuration.')
    expect(created.output).toContain('[OK] All 16384 slots covered.')
    expect(created.code).toBe(0)
    await waitFor(async () => (await say(first, 'cluster', 'info')).includes('cluster_state:ok') &&
      (await say(second, 'cluster', 'info')).includes('cluster_state:ok'), { timeoutMs: 60_000, what: 'cluster_state:ok' })

    expect(await say(first, 'set', 'name', 'test')).toBe(`(error) MOVED 5798 127.0.0.1:${second}`)
    expect(type(first, 'set name test')).toBe(`-> Redirected to slot [5798] located at 127.0.0.1:${second}\nOK`)
    expect(type(first, 'get name')).toBe(`-> Redirected to slot [5798] located at 127.0.0.1:${second}\n"test"`)
    const info = await say(first, 'cluster', 'info')
    for (const line of ['cluster_slots_assigned:16384', 'cluster_slots_ok:16384', 'cluster_slots_fail:0', 'cluster_known_nodes:6', 'cluster_size:3'])
      expect(info).toContain(line)
    await waitFor(async () => (await nodes(first)).filter(({ flags }) => flags.includes('slave')).length === 3, { what: 'three replicas' })
    const before = await nodes(first)
    expect(before.filter(({ flags }) => flags.includes('master')).map(({ port, slots }) => [port, ...slots]).sort())
      .toEqual([[first, '0-5460'], [second, '5461-10922'], [third, '10923-16383']])
    const victim = before.find(({ port }) => port === second)!
    const heir = before.find(({ primary }) => primary === victim.id)!
    expect([fourth, fifth, sixth]).toContain(heir.port)
    {
      // WAIT is about what its own connection wrote.
      await using client = await RespClient.connect({ port: second })
      expect(await client.command('SET', 'name', 'test')).toBe('OK')
      await waitFor(async () => await client.command('WAIT', 1, 1000) === 1, { timeoutMs: 60_000, what: 'the write at the replica' })
    }

    await walk.kill(second)
    await waitFor(async () => {
      const rows = await nodes(first)
      const [dead, promoted] = [victim.id, heir.id].map((id) => rows.find((row) => row.id === id)!)
      return dead!.flags.join() === 'master,fail' && promoted!.flags.join() === 'master' && promoted!.slots.join() === '5461-10922'
    }, { timeoutMs: 120_000, what: 'fail, and the promoted replica' }).catch(async (error: unknown) => {
      throw new Error(`${(error as Error).message}:\n${await say(first, 'cluster', 'nodes')}\n${await say(heir.port, 'cluster', 'info')}`)
    })
    await waitFor(async () => (await say(first, 'cluster', 'info')).includes('cluster_state:ok'), { timeoutMs: 60_000, what: 'cluster_state:ok' })
    expect(type(first, 'get name')).toBe(`-> Redirected to slot [5798] located at 127.0.0.1:${heir.port}\n"test"`)
    expect(type(first, 'set name after')).toBe(`-> Redirected to slot [5798] located at 127.0.0.1:${heir.port}\nOK`)

    // The machine lost its power in the middle of a write.
    const folder = join(walk.dirOf(second), 'appendonlydir')
    const manifest = join(folder, 'appendonly.aof.manifest')
    const last = readdirSync(folder).filter((name) => name.endsWith('.incr.aof')).sort().at(-1)!
    appendFileSync(join(folder, last), '*3\r\n$3\r\nSET\r\n$4\r\nna')
    const fixed = fix(manifest)
    expect(fixed, fixed.output).toMatchObject({ code: 0 })
    expect(fixed.output).toContain('Successfully truncated AOF')

    await walk.start(second)
    const taken: RespReply[] = []
    await using client = await RespClient.connect({ port: second })
    await waitFor(async () => {
      taken.push(await client.command('SET', 'name', 'stale'))
      return (await nodes(first)).find(({ id }) => id === victim.id)?.flags.join() === 'slave'
    }, { timeoutMs: 120_000, what: 'the former primary back as a replica' })
    // What it knew when it died is not what is true: nobody could write to it meanwhile.
    expect(taken).not.toContain('OK')
    await waitFor(async () => (await say(second, 'info', 'replication')).includes('master_link_status:up'), { what: 'the link to the new primary' })
    expect(await say(second, 'get', 'name')).toBe(`(error) MOVED 5798 127.0.0.1:${heir.port}`)
    await client.command('READONLY')
    await waitFor(async () => await client.command('GET', 'name') === 'after', { what: 'what was written meanwhile' })
    // A file that is exchanged while it is looked at is no whole one.
    await waitFor(async () => /aof_rewrite_in_progress:0\s+aof_rewrite_scheduled:0/.test(await say(second, 'info', 'persistence')), { timeoutMs: 60_000, what: 'the end of the rewrite' })
    const whole = fix(manifest)
    expect(whole, whole.output).toMatchObject({ code: 0 })
    expect(whole.output).toContain('All AOF files and manifest are valid')
    const agreed = async (): Promise<boolean> => (await redisCli('--cluster', 'check', `127.0.0.1:${third}`)).code === 0
    await waitFor(agreed, { timeoutMs: 60_000, what: 'one view at all nodes' })
  }, 360_000)
})
