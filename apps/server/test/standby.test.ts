/**
 * A standby on the data directory of another process: it waits, takes over when that one ends however it ends, has
 * every write that was acknowledged, and one that comes back after it was passed over writes and acknowledges nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeCommand, freePort, RespClient, RespError, startSlotwise, tempDir, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const server = join(import.meta.dirname, '../bin/slotwise-server')
const standby = ['--appendonly', 'yes', '--standby', 'yes']

interface Load { sent: number; acknowledged: number; readonly ended: Promise<void> }

/** SETs key:0, key:1, ..., several under way, until the connection dies. */
function load(client: RespClient): Load {
  const state = { sent: 0, acknowledged: 0 }
  const run = async (): Promise<void> => {
    try {
      for (;;) {
        for (; state.sent - state.acknowledged < 16; state.sent++)
          client.send(encodeCommand(['SET', `key:${state.sent}`, String(state.sent)]))
        if (await client.read() instanceof RespError) return
        state.acknowledged++
      }
    } catch {
      // That is how it ends.
    }
  }
  return Object.assign(state, { ended: run() })
}

/** How many of the keys are there; they must be the first ones. */
async function countKeys(client: RespClient): Promise<number> {
  const size = Number(await client.command('DBSIZE'))
  const values = await client.pipeline(Array.from({ length: size }, (_, index) => ['GET', `key:${index}`]))
  expect(values.every((value, index) => value === String(index))).toBe(true)
  return size
}

const refuses = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1')
  socket.once('connect', () => resolve((socket.destroy(), false)))
  socket.once('error', () => resolve(true))
})

/** One that is not expected to serve yet. */
interface Waiting { process: ChildProcess; port: number; output: () => string }
async function waiting(dir: string, ...args: string[]): Promise<Waiting> {
  const port = await freePort()
  let output = ''
  const child = spawn(process.execPath, [server, '--port', String(port), '--dir', dir, ...standby, ...args])
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => output += String(text))
  await waitFor(() => output.includes('Standing by: pid'), { timeoutMs: 60_000 })
  return { process: child, port, output: () => output }
}

function segments(dir: string): number {
  const manifest = readFileSync(join(dir, 'appendonlydir', 'appendonly.aof.manifest'), 'utf8')
  return manifest.split('\n').filter((line) => line.endsWith('type i')).length
}

describe('a standby', () => {
  it.each(['always', 'everysec'])('takes over from an owner that is killed, with all it had acknowledged (appendfsync %s)', async (policy) => {
    await using dir = tempDir()
    const args = ['--appendfsync', policy]
    const tookMs: number[] = []
    let floor = 0
    const first = await startSlotwise({ dir: dir.path, args: [...standby, ...args] })
    let owner: { port: number; kill: () => unknown } = { port: first.port, kill: () => first.signal('SIGKILL') }
    for (let round = 0; round < 4; round++) {
      const next = await waiting(dir.path, ...args)
      await using client = await RespClient.connect({ port: owner.port })
      await client.command('FLUSHALL')
      const writing = load(client)
      await waitFor(() => writing.acknowledged > 500, { timeoutMs: 90_000, what: 'writes' })
      expect(await refuses(next.port)).toBe(true)
      const killedAt = performance.now()
      owner.kill()
      await waitFor(() => next.output().includes('Ready to accept connections'), { intervalMs: 2, timeoutMs: 60_000 })
      tookMs.push(performance.now() - killedAt)
      expect(next.output()).toMatch(/has let go of the data directory: taking over/)
      await writing.ended
      floor = writing.acknowledged
      await using after = await RespClient.connect({ port: next.port })
      expect(await countKeys(after)).toBeGreaterThanOrEqual(floor)
      owner = { port: next.port, kill: () => next.process.kill('SIGKILL') }
    }
    console.log(`take-over after kill -9, ${policy}: serving after ${tookMs.map((ms) => Math.round(ms)).join(', ')} ms`)
    expect(segments(dir.path)).toBe(5)
    owner.kill()
    // A plain start, also without knowing of standbys, finds all of it.
    await waitFor(() => refuses(owner.port))
    await using plain = await startSlotwise({ dir: dir.path, args: ['--appendonly', 'yes'] })
    await using client = await plain.client()
    expect(await countKeys(client)).toBeGreaterThanOrEqual(floor)
  }, 300_000)

  it('goes on in the same segment after an owner that stopped by itself', async () => {
    await using dir = tempDir()
    const owner = await startSlotwise({ dir: dir.path, args: standby })
    await using client = await owner.client()
    await client.command('SET', 'key:0', 0)
    const next = startSlotwise({ dir: dir.path, args: standby })
    await owner.stop()
    await using second = await next
    await using after = await second.client()
    expect(await countKeys(after)).toBe(1)
    expect(segments(dir.path)).toBe(1)
  })

  it('of several is one at a time; one that is told to end does, and leaves the owner alone', async () => {
    await using dir = tempDir()
    const pidFile = join(dir.path, 'owner.pid')
    const owner = await startSlotwise({ dir: dir.path, args: [...standby, '--pidfile', pidFile] })
    const [first, second] = [await waiting(dir.path), await waiting(dir.path, '--pidfile', pidFile)]
    const standbys = [first, second]
    try {
      const ended = new Promise((resolve) => second.process.once('exit', resolve))
      second.process.kill('SIGTERM')
      expect(await ended).toBe(0)
      expect(readFileSync(pidFile, 'utf8')).toBe(`${owner.pid}\n`)
      const third = await waiting(dir.path)
      standbys.push(third)
      await owner.sigkill()
      await waitFor(async () => await refuses(first.port) !== await refuses(third.port), { timeoutMs: 60_000 })
      const [serving, idle] = await refuses(first.port) ? [third, first] : [first, third]
      await waitFor(() => idle.output().includes(`Standing by: pid ${serving.process.pid}`), { what: 'the line in the log' })
      idle.process.kill('SIGTERM')
    } finally {
      for (const { process } of standbys) process.kill('SIGKILL')
    }
  })
})

describe('an owner that was passed over', () => {
  it.each(['always', 'everysec'])('acknowledges and writes nothing more when it comes back (appendfsync %s)', async (policy) => {
    await using dir = tempDir()
    const args = ['--appendonly', 'yes', '--appendfsync', policy]
    const owner = await startSlotwise({ dir: dir.path, args: [...args, '--standby', 'yes'] })
    await using client = await owner.client()
    const writing = load(client)
    await waitFor(() => writing.acknowledged > 500, { timeoutMs: 90_000, what: 'writes' })
    await owner.suspend()
    await sleep(150) // longer than an owner writes without looking
    await using next = await startSlotwise({ dir: dir.path, args: [...args, '--standby', 'force'] })
    await waitFor(() => /is locked by pid \d+.*taking it over \(standby force\)/.test(next.output), { what: 'the line in the log' })
    await using after = await next.client()
    const found = await countKeys(after)
    owner.signal('SIGCONT')
    expect(await owner.exited).toEqual({ code: 1, signal: null })
    await writing.ended
    expect(owner.output).toContain('Another process has taken over the data directory')
    expect(found).toBeGreaterThanOrEqual(writing.acknowledged)
    for (let index = found; index < found + 100; index++) await after.command('SET', `key:${index}`, index)
    await next.sigkill()
    await using again = await startSlotwise({ dir: dir.path, args })
    await using last = await again.client()
    expect(await countKeys(last)).toBe(found + 100)
    expect(segments(dir.path)).toBeGreaterThan(1)
  })

  it('ends by itself when nobody writes', async () => {
    await using dir = tempDir()
    const owner = await startSlotwise({ dir: dir.path, args: standby })
    await owner.suspend()
    await using next = await startSlotwise({ dir: dir.path, args: ['--appendonly', 'yes', '--standby', 'force'] })
    owner.signal('SIGCONT')
    expect(await owner.exited).toEqual({ code: 1, signal: null })
    await using client = await next.client()
    expect(await client.command('PING')).toBe('PONG')
  })
})
