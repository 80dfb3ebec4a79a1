/**
 * slotwise-backup beside a server that is written to: whatever it restores is a state that the data was in, at the
 * position or the second that was asked for, for this server and for redis-server; and what is damaged, missing or in
 * the way is refused and leaves nothing behind.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { peer, type RespClient, type ServerProcess, startRedis, startSlotwise, type TempDir, tempDir, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const program = join(import.meta.dirname, '../bin/slotwise-backup')
const accounts = 100
const sumOfAll = accounts * 1000

interface Outcome { status: number | null; out: string; err: string }
function backup(...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 120_000 })
  return { status, out: stdout, err: stderr }
}
/** Without keeping this process from writing meanwhile. */
async function backupBeside(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [program, ...args])
  let [out, err] = ['', '']
  child.stdout.on('data', (text) => out += String(text))
  child.stderr.on('data', (text) => err += String(text))
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { status, out, err }
}
function done(outcome: Outcome): string {
  expect(outcome, outcome.err).toMatchObject({ status: 0 })
  return outcome.out
}

/** One transfer of the load: its number, and between which moments it took place. */
interface Transfer { number: number; sentMs: number; doneMs: number }

/** Moves money between accounts, one MULTI after the other; each also counts itself. */
class Bank {
  readonly history: Transfer[] = []
  #stopped = false
  #running: Promise<void> = Promise.resolve()
  constructor(readonly client: RespClient) {}
  async open(): Promise<void> {
    await this.client.pipeline(Array.from({ length: accounts }, (_, index) => ['SET', `account:${index}`, 1000]))
  }
  async transfer(): Promise<void> {
    const number = this.history.length + 1
    const [from, to, amount] = [number * 7 % accounts, (number * 13 + 1) % accounts, number % 17]
    const sentMs = Date.now()
    const replies = await this.client.pipeline([
      ['MULTI'], ['DECRBY', `account:${from}`, amount], ['INCRBY', `account:${to}`, amount], ['SET', 'transfers', number], ['EXEC']])
    if (!Array.isArray(replies[4])) throw new Error(`transfer ${number}: ${JSON.stringify(replies[4])}`)
    this.history.push({ number, sentMs, doneMs: Date.now() })
  }
  start(): void {
    this.#stopped = false
    this.#running = (async () => {
      while (!this.#stopped) await this.transfer()
    })()
  }
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }
}

interface State { transfers: number; sum: number; digest: string }
async function stateOf(server: ServerProcess): Promise<State> {
  await using client = await server.client()
  const values = (await client.pipeline(Array.from({ length: accounts }, (_, index) => ['GET', `account:${index}`]))).map(Number)
  const digest = await client.command('DEBUG', 'DIGEST') as string
  const transfers = Number(await client.command('GET', 'transfers'))
  return { transfers, sum: values.reduce((a, b) => a + b, 0), digest }
}

/** What a directory holds for redis-server, then for us (which may not see that redis-server was there). */
async function served(dir: string): Promise<State> {
  const args = ['--appendonly', 'yes', '--enable-debug-command', 'yes']
  let theirs: State | undefined
  if (peer('redis-server').usable) {
    await using redis = await startRedis({ dir, args })
    theirs = await stateOf(redis)
    await redis.stop()
  }
  await using ours = await startSlotwise({ dir, args })
  const state = await stateOf(ours)
  if (theirs !== undefined) expect(state).toEqual(theirs)
  await ours.stop()
  return state
}

async function rewrite(client: RespClient, times: number): Promise<void> {
  await client.command('BGREWRITEAOF')
  await waitFor(async () => (await client.command('INFO', 'persistence') as string).includes(`aof_rewrites:${times}\r\n`), { timeoutMs: 90_000, what: 'the rewrite' })
}

const segmentsIn = (dir: string): string[] => readdirSync(join(dir, 'appendonlydir')).filter((name) => name.endsWith('.incr.aof')).sort()
function positionOf(dir: string): { seq: number; byte: number } {
  const name = segmentsIn(dir).at(-1)!
  return { seq: Number(/\.(\d+)\.incr/.exec(name)![1]), byte: statSync(join(dir, 'appendonlydir', name)).size }
}
let counter = 0
const fresh = (dir: TempDir): string => join(dir.path, `restored-${++counter}`)

describe.each(['no', 'yes'])('a server under load (aof-timestamp-enabled %s)', (timestamps) => {
  it('is copied and restored whole, to positions and to seconds, over rewrites', async () => {
    await using dir = tempDir()
    const [data, backups, archive] = ['data', 'backups', 'archive'].map((name) => join(dir.path, name)) as [string, string, string]
    mkdirSync(data)
    await using server = await startSlotwise({
      dir: data,
      args: [
        '--appendonly', 'yes', '--aof-archive-dir', archive, '--aof-timestamp-enabled', timestamps, '--enable-debug-command', 'yes',
        '--auto-aof-rewrite-percentage', '0',
      ],
    })
    await using client = await server.client()
    await using admin = await server.client()
    const bank = new Bank(client)
    await bank.open()
    const openedMs = Date.now()
    const restoreTo = (...target: string[]): string => {
      const to = fresh(dir)
      done(backup('restore', '--from', backups, '--archive', archive, '--to', to, '--quiet', ...target))
      return to
    }

    // Copies while transfers go on, one in each segment and one during a rewrite.
    const takenAt: number[] = []
    for (let round = 1; round <= 3; round++) {
      bank.start()
      await sleep(700) // load over several seconds is what is restored below
      const before = bank.history.length
      const made = backupBeside('create', '--from-dir', data, '--to', backups)
      if (round === 2) await rewrite(admin, round)
      done(await made)
      takenAt.push(before)
      await sleep(700)
      if (round !== 2) await rewrite(admin, round)
      await bank.stop()
    }
    const names = readdirSync(backups)
    expect(names).toHaveLength(3)
    expect(done(backup('verify', '--from', backups, '--archive', archive, '--quiet'))).toMatch(/all as written/)
    for (const [index, name] of names.sort().entries()) {
      // A copy is itself a data directory; here it is restored without what the archive has behind it.
      const to = fresh(dir)
      done(backup('restore', '--from', backups, '--backup', name, '--archive', join(dir.path, 'nowhere'), '--to', to, '--quiet'))
      const state = await served(to)
      expect(state.sum).toBe(sumOfAll)
      expect(state.transfers).toBeGreaterThanOrEqual(takenAt[index]!)
    }

    // Positions: where a segment ended between two transfers, a byte before, and the end of an archived one.
    const marks: { position: { seq: number; byte: number }; transfers: number }[] = []
    for (let round = 0; round < 2; round++) {
      for (let count = 0; count < 20; count++) await bank.transfer()
      marks.push({ position: positionOf(data), transfers: bank.history.length })
      await bank.transfer()
      if (round === 0) await rewrite(admin, 4)
    }
    done(backup('create', '--from-dir', data, '--to', backups, '--quiet'))
    for (const { position: { seq, byte }, transfers } of marks) {
      expect(await served(restoreTo('--position', `${seq}:${byte}`))).toMatchObject({ transfers, sum: sumOfAll })
      expect(await served(restoreTo('--position', `appendonly.aof.${seq}.incr.aof:${byte - 1}`))).toMatchObject({ transfers: transfers - 1, sum: sumOfAll })
    }
    expect(await served(restoreTo())).toEqual(await stateOf(server))

    // Seconds. Without annotations a block may be left out, of a tenth of a second and of what a slow disk adds.
    const slackMs = timestamps === 'yes' ? 10 : 2000
    const first = Math.floor(openedMs / 1000) + 1
    const last = Math.floor(bank.history.at(-1)!.doneMs / 1000) - 1
    expect(last - first).toBeGreaterThanOrEqual(2)
    for (const seconds of [first, Math.floor((first + last) / 2), last]) {
      const time = seconds % 2 === 0 ? String(seconds) : new Date(seconds * 1000).toISOString()
      const { transfers, sum } = await served(restoreTo('--time', time))
      expect(sum).toBe(sumOfAll)
      const endMs = (seconds + 1) * 1000
      expect(transfers).toBeLessThanOrEqual(bank.history.filter(({ sentMs }) => sentMs < endMs + 10).length)
      expect(transfers).toBeGreaterThanOrEqual(bank.history.filter(({ doneMs }) => doneMs < endMs - slackMs).length)
    }
    await server.stop()

    // A directory that nobody uses, and one that goes on: its archive begins a new history.
    done(backup('create', '--from-dir', data, '--to', backups, '--quiet'))
    const again = restoreTo()
    await using second = await startSlotwise({ dir: again, args: ['--appendonly', 'yes', '--aof-archive-dir', archive] })
    expect((await stateOf(second)).transfers).toBe(bank.history.length)
    expect(readdirSync(archive)).toHaveLength(2)
  }, 360_000)
})

describe('what is in the way', () => {
  async function small(dir: TempDir): Promise<{ data: string; backups: string; archive: string; segment: string }> {
    const [data, backups, archive] = ['data', 'backups', 'archive'].map((name) => join(dir.path, name)) as [string, string, string]
    mkdirSync(data)
    await using server = await startSlotwise({ dir: data, args: ['--appendonly', 'yes', '--aof-archive-dir', archive] })
    await using client = await server.client()
    for (let index = 0; index < 200; index++) await client.command('SET', `key:${index}`, 'v'.repeat(50))
    done(backup('create', '--from-dir', data, '--to', backups, '--quiet'))
    await rewrite(client, 1)
    await client.command('SET', 'later', 1)
    await server.stop()
    const [name] = readdirSync(backups) as [string]
    return { data, backups, archive, segment: join(backups, name, 'appendonlydir', 'appendonly.aof.1.incr.aof') }
  }
  function flip(path: string, at: number): void {
    const bytes = readFileSync(path)
    bytes[at]! ^= 4
    writeFileSync(path, bytes)
  }
  const refuses = (outcome: Outcome, why: RegExp, status = 1): void => {
    expect(outcome.err).toMatch(why)
    expect(outcome.status).toBe(status)
  }

  it('is damage in a copy, in the archive and at the source: refused with file and byte', async () => {
    await using dir = tempDir()
    const { data, backups, archive, segment } = await small(dir)
    const to = fresh(dir)
    flip(segment, 5000)
    refuses(backup('verify', '--from', backups, '--archive', archive), /appendonly\.aof\.1\.incr\.aof.*\d+/)
    refuses(backup('restore', '--from', backups, '--archive', join(dir.path, 'none'), '--to', to), /appendonly\.aof\.1\.incr\.aof/)
    expect(readdirSync(dir.path).filter((name) => name.includes('restored'))).toEqual([])
    flip(segment, 5000)
    const [id] = readdirSync(archive) as [string]
    const archived = join(archive, id, 'appendonly.aof.1.incr.aof')
    flip(archived, 4000)
    refuses(backup('verify', '--from', backups, '--archive', archive), /appendonly\.aof\.1\.incr\.aof is damaged: the bytes from \d+ to \d+/)
    refuses(backup('restore', '--from', backups, '--archive', archive, '--to', to), /appendonly\.aof\.1\.incr\.aof/)
    flip(archived, 4000)
    done(backup('restore', '--from', backups, '--archive', archive, '--to', to))
    truncateSync(archived, 4000)
    refuses(backup('list', '--from', backups, '--archive', archive), /has 4000 bytes, but \d+ were archived/)
    const before = readdirSync(backups)
    flip(join(data, 'appendonlydir', 'appendonly.aof.1.base.rdb'), 300)
    refuses(backup('create', '--from-dir', data, '--to', backups), /appendonly\.aof\.1\.base\.rdb is damaged, byte \d+/)
    expect(readdirSync(backups)).toEqual(before)
  })

  it('is not the server: it is asked where its files are', async () => {
    await using dir = tempDir()
    const backups = join(dir.path, 'backups')
    const args = ['--appendonly', 'yes', '--appenddirname', 'log ü', '--appendfilename', 'file']
    await using server = await startSlotwise({ args: [...args, '--requirepass', 'secret'], password: 'secret' })
    await using client = await server.client()
    await client.command('SET', 'a', 1)
    const from = ['create', '--from', `127.0.0.1:${server.port}`, '--to', backups, '--quiet']
    refuses(await backupBeside(...from), /asked for its directory: NOAUTH/)
    process.env.REDISCLI_AUTH = 'secret'
    try {
      done(await backupBeside(...from))
    } finally {
      delete process.env.REDISCLI_AUTH
    }
    const to = fresh(dir)
    done(backup('restore', '--from', backups, '--to', to, '--quiet'))
    await using again = await startSlotwise({ dir: to, args })
    await using restored = await again.client()
    expect(await restored.command('GET', 'a')).toBe('1')
    await using memory = await startSlotwise()
    const fromMemory = ['create', '--from', `127.0.0.1:${memory.port}`, '--to', backups]
    refuses(await backupBeside(...fromMemory), /keeps no append-only file/)
    await memory.stop()
    refuses(await backupBeside(...fromMemory), /ECONNREFUSED/)
    refuses(await backupBeside('create', '--from', 'nonsense', '--to', backups), /'nonsense' is no HOST:PORT/)
  })

  it.skipIf(!peer('redis-server').usable)('is a log that says no times: redis-server without annotations', async () => {
    await using dir = tempDir()
    for (const timestamps of ['no', 'yes']) {
      const backups = join(dir.path, timestamps)
      await using redis = await startRedis({ args: ['--appendonly', 'yes', '--aof-timestamp-enabled', timestamps] })
      await using client = await redis.client()
      const second = (): number => Math.floor(Date.now() / 1000)
      await client.command('SET', 'transfers', 1)
      const first = second()
      await waitFor(() => second() > first)
      await client.command('SET', 'transfers', 2)
      const later = second()
      await waitFor(() => second() > later)
      done(await backupBeside('create', '--from', `127.0.0.1:${redis.port}`, '--to', backups, '--quiet'))
      const to = fresh(dir)
      const restored = backup('restore', '--from', backups, '--to', to, '--time', String(first))
      if (timestamps === 'no') {
        refuses(restored, /Nothing says when what begins at byte \d+ of .*\.1\.incr\.aof was written/)
        const all = fresh(dir)
        done(backup('restore', '--from', backups, '--to', all, '--quiet'))
        expect(await served(all)).toMatchObject({ transfers: 2 })
      } else {
        done(restored)
        expect(await served(to)).toMatchObject({ transfers: 1 })
      }
    }
  })

  it('is a segment that was never archived: later times are refused', async () => {
    await using dir = tempDir()
    const { backups, archive } = await small(dir)
    const later = String(Math.floor(Date.now() / 1000) + 5)
    refuses(backup('restore', '--from', backups, '--archive', archive, '--to', fresh(dir), '--time', later), /segment 2 is not in the archive/)
    // Before its first write this server had no data, and that is known.
    const to = fresh(dir)
    done(backup('restore', '--from', backups, '--archive', archive, '--to', to, '--time', '1000'))
    expect(await served(to)).toMatchObject({ sum: 0, digest: '0'.repeat(40) })
  })

  it('is a full disk, a file where a folder should be, a directory with data, another process', async () => {
    await using dir = tempDir()
    const { data, backups, archive } = await small(dir)
    writeFileSync(join(dir.path, 'file'), '')
    refuses(backup('create', '--from-dir', data, '--to', join(dir.path, 'file')), /ENOTDIR|not a directory|EEXIST/)
    refuses(backup('create', '--from-dir', join(dir.path, 'nowhere'), '--to', backups), /There is no append-only file in .*nowhere/)
    const to = fresh(dir)
    mkdirSync(to)
    appendFileSync(join(to, 'precious'), 'x')
    refuses(backup('restore', '--from', backups, '--archive', archive, '--to', to), /is not empty: nothing is overwritten/)
    expect(readdirSync(to)).toEqual(['precious'])
    rmSync(join(to, 'precious'))
    done(backup('restore', '--from', backups, '--archive', archive, '--to', to))
    const partial = join(dir.path, '.next.partial')
    mkdirSync(partial)
    refuses(backup('restore', '--from', backups, '--archive', archive, '--to', join(dir.path, 'next')), /\.next\.partial is there/)
    const mount = join(dir.path, 'mount')
    mkdirSync(mount)
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', mount]).status !== 0) return
    try {
      refuses(backup('create', '--from-dir', data, '--to', mount), /No space left on device|ENOSPC/)
      expect(readdirSync(mount)).toEqual([])
      // Hard links do not reach it.
      refuses({ ...serverFails(data, mount) }, /same file system/)
    } finally {
      spawnSync('umount', ['-l', mount])
    }
  })

  it('is the end of the program itself: what it leaves does not look whole', async () => {
    await using dir = tempDir()
    const [data, backups] = [join(dir.path, 'data'), join(dir.path, 'backups')]
    mkdirSync(data)
    await using server = await startSlotwise({ dir: data, args: ['--appendonly', 'yes'] })
    await using client = await server.client()
    for (let index = 0; index < 100; index++)
      await client.pipeline(Array.from({ length: 100 }, (_, key) => ['SET', `key:${index}:${key}`, 'v'.repeat(4000)]))
    const folders = (): string[] => existsSync(backups) ? readdirSync(backups) : []
    let unfinished = 0
    for (let round = 0; round < 6; round++) {
      const before = folders()
      const child = spawn(process.execPath, [program, 'create', '--from-dir', data, '--to', backups], { stdio: 'ignore' })
      const ended = new Promise((resolve) => child.on('close', resolve))
      const begun = (): boolean => folders().some((name) => !before.includes(name))
      await waitFor(() => begun() || child.exitCode !== null, { intervalMs: 1 })
      await sleep(round * 7) // any moment will do
      child.kill('SIGKILL')
      await ended
      unfinished += folders().filter((name) => !before.includes(name) && name.endsWith('.partial')).length
    }
    expect(unfinished).toBeGreaterThan(0)
    expect(done(backup('list', '--from', backups))).toMatch(/\.partial {2}unfinished, can be removed/)
    done(backup('create', '--from-dir', data, '--to', backups, '--quiet'))
    done(backup('verify', '--from', backups, '--quiet'))
    const to = fresh(dir)
    done(backup('restore', '--from', backups, '--to', to, '--quiet'))
    expect((await served(to)).digest).not.toBe('0'.repeat(40))
  })

  it('are arguments that make no sense: exit code 2', async () => {
    await using dir = tempDir()
    for (const [args, why] of [
      [[], /create, list, verify or restore/], [['steal'], /Unknown command 'steal'/], [['create', '--to', 'x'], /create needs either --from-dir or --from/],
      [['list', '--from', dir.path, '--time', '1'], /list takes no --time/], [['list', '--nonsense'], /nonsense/],
      [['restore', '--from', dir.path, '--to', 'x', '--time', '2026-11-29 14:00'], /is no time/],
      [['restore', '--from', dir.path, '--to', 'x', '--time', '2026-11-29T14:00:00'], /with its zone/],
      [['restore', '--from', dir.path, '--to', 'x', '--position', '77'], /is no position/],
      [['restore', '--from', dir.path, '--to', 'x', '--position', '1:2', '--time', '5'], /Either --position or --time/],
    ] as const)
      refuses(backup(...args), why, 2)
    expect(done(backup('--help'))).toContain('Usage: slotwise-backup create')
    expect(existsSync('x')).toBe(false)
  })
})

function serverFails(data: string, archive: string): Outcome {
  const server = join(import.meta.dirname, '../bin/slotwise-server')
  const { status, stdout, stderr } = spawnSync(process.execPath,
    [server, '--port', '0', '--unixsocket', `${data}.sock`, '--dir', data, '--appendonly', 'yes', '--aof-archive-dir', archive],
    { encoding: 'utf8', timeout: 60_000 })
  return { status, out: stdout, err: stdout + stderr }
}
