/**
 * kill -9 during load, again and again on one data directory, and on a new one after some rounds. After each restart
 * every acknowledged write is there, what was not acknowledged is there up to some point and nothing beyond it (no
 * hole), transactions are whole.
 * SLOTWISE_KILL_ROUNDS says how many rounds for each fsync policy (5 by default), SLOTWISE_KILL_REWRITE_ROUNDS how many
 * of those in which the AOF is rewritten all the time (10); a failure names round and seed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  encodeCommand, RespError, startSlotwise, tempDir, type RespClient, type RespReply, type ServerProcess, waitFor,
} from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

/** On one directory: without a rewrite the log only grows, and with it the time of a start. */
const roundsEach = 20
const rounds = Number(process.env.SLOTWISE_KILL_ROUNDS ?? 5)
const rewriteRounds = Number(process.env.SLOTWISE_KILL_REWRITE_ROUNDS ?? 10)
const seed = Number(process.env.SLOTWISE_KILL_SEED ?? Date.now() % 1e9)

/** What one connection did: commands are numbered from 0, answered in order. */
interface Written { sent: number; acknowledged: number }
interface Writer extends Written { name: string; check(client: RespClient): Promise<void> }

function randomOf(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** What all connections of a round have been told so far. */
interface Progress { acknowledged: number; rewrites: number }

/** Keeps `depth` commands under way until the connection dies. An error reply is a failure: nothing may be refused. */
async function write(
  client: RespClient, progress: Progress, depth: number, command: (index: number) => Buffer, repliesEach = 1,
): Promise<Written> {
  const done = { sent: 0, acknowledged: 0 }
  let replies = 0
  try {
    for (;;) {
      const batch: Buffer[] = []
      while (done.sent - done.acknowledged < depth) batch.push(command(done.sent++))
      client.send(Buffer.concat(batch))
      do {
        const reply = await client.read()
        if (reply instanceof RespError) throw reply
        done.acknowledged = Math.floor(++replies / repliesEach)
        progress.acknowledged++
      } while (client.unreadCount > 0 || done.sent - done.acknowledged === depth)
    }
  } catch (error) {
    if (error instanceof RespError) throw error
    return done
  }
}

async function values(client: RespClient, keys: readonly string[]): Promise<RespReply[]> {
  const found: RespReply[] = []
  for (let at = 0; at < keys.length; at += 1000) found.push(...await client.pipeline(keys.slice(at, at + 1000).map((key) => ['GET', key])))
  return found
}

/** SETs of keys of their own, some of them big enough that the kill meets them half written. */
async function sets(
  client: RespClient, progress: Progress, prefix: string, depth: number, bigEvery: number,
): Promise<Writer> {
  const value = (index: number): string => index % bigEvery === bigEvery - 1 ? `${index}:`.padEnd(60_000, 'x') : `${index}:v`
  const done = await write(client, progress, depth, (index) => encodeCommand(['SET', `${prefix}:${index}`, value(index)]))
  const check = async (after: RespClient): Promise<void> => {
    const found = await values(after, Array.from({ length: done.sent }, (_, index) => `${prefix}:${index}`))
    const present = found.findIndex((item) => item === null)
    const count = present < 0 ? found.length : present
    expect(count, `keys of ${prefix} in a row (${done.acknowledged} acknowledged)`).toBeGreaterThanOrEqual(done.acknowledged)
    expect(found.slice(count).every((item) => item === null), `no key of ${prefix} after a hole at ${count}`).toBe(true)
    expect(found.slice(0, count).every((item, index) => item === value(index)), `values of ${prefix}`).toBe(true)
  }
  return { name: prefix, ...done, check }
}

async function increments(client: RespClient, progress: Progress, key: string): Promise<Writer> {
  const done = await write(client, progress, 16, () => encodeCommand(['INCR', key]))
  const check = async (after: RespClient): Promise<void> => {
    const total = Number(await after.command('GET', key))
    expect(total, key).toBeGreaterThanOrEqual(done.acknowledged)
    expect(total, key).toBeLessThanOrEqual(done.sent)
  }
  return { name: key, ...done, check }
}

/** Pairs that only ever change together. */
async function transactions(client: RespClient, progress: Progress, prefix: string): Promise<Writer> {
  const pair = (index: number): Buffer => Buffer.concat([['MULTI'], ['SET', `${prefix}:a`, index], ['APPEND', `${prefix}:log`, '.'],
    ['SET', `${prefix}:b`, index], ['EXEC']].map(encodeCommand))
  const done = await write(client, progress, 4, pair, 5)
  const check = async (after: RespClient): Promise<void> => {
    const [a, b, log] = await after.pipeline([['GET', `${prefix}:a`], ['GET', `${prefix}:b`], ['STRLEN', `${prefix}:log`]])
    expect(b, prefix).toBe(a)
    expect(log, prefix).toBe(a === null ? 0 : Number(a) + 1)
    expect(Number(log), prefix).toBeGreaterThanOrEqual(done.acknowledged)
  }
  return { name: prefix, ...done, check }
}

/** One rewrite after the other until the connection dies. */
async function rewrite(client: RespClient, progress: Progress): Promise<void> {
  try {
    for (;;) if (!(await client.command('BGREWRITEAOF') instanceof RespError)) progress.rewrites++ // else one is under way
  } catch {
    // That is how it ends.
  }
}

async function loadUntilKilled(
  server: ServerProcess, round: number, killAfterMs: number, rewriting: boolean,
): Promise<Writer[]> {
  const clients = await Promise.all(Array.from({ length: 6 }, () => server.client({ timeoutMs: 60_000 })))
  const progress: Progress = { acknowledged: 0, rewrites: 0 }
  type Client = RespClient
  const [one, two, three, four, five, six] = clients as [Client, Client, Client, Client, Client, Client]
  const writers = Promise.all([
    sets(one, progress, `${round}:deep`, 64, 500), sets(two, progress, `${round}:one`, 1, 50), sets(three, progress, `${round}:big`, 4, 3),
    increments(four, progress, `${round}:count`), transactions(five, progress, `${round}:pair`), sets(six, progress, `${round}:ten`, 10, 1000),
  ])
  const rewriter = rewriting ? await server.client({ timeoutMs: 60_000 }) : undefined
  const rewrites = rewriter === undefined ? undefined : rewrite(rewriter, progress)
  await sleep(killAfterMs)
  // A slow disk may need longer until there is something to lose.
  await waitFor(() => progress.acknowledged > 30 && (!rewriting || progress.rewrites > 0), { timeoutMs: 60_000, intervalMs: 1, what: 'something to lose' })
  await server.sigkill()
  const written = await writers
  await rewrites
  await rewriter?.close()
  await Promise.all(clients.map((client) => client.close()))
  return written
}

describe.each([
  ['always', false], ['everysec', false], ['always', true], ['everysec', true],
] as const)('kill -9 during load, appendfsync %s, rewrites %s', (policy, rewriting) => {
  const random = randomOf(seed)
  const start = (dir: string, round: number): Promise<ServerProcess> => startSlotwise({
    dir, timeoutMs: 120_000,
    args: ['--appendonly', 'yes', '--appendfsync', policy, '--io-threads', String(1 + round % 2),
      '--aof-use-rdb-preamble', round % 3 === 0 ? 'no' : 'yes', '--auto-aof-rewrite-percentage', '0'],
  })

  /** @returns how many writes were acknowledged */
  async function runRounds(first: number, end: number): Promise<number> {
    await using dir = tempDir()
    let acknowledged = 0
    let server = await start(dir.path, first)
    for (let round = first; round < end; round++) {
      const written = await loadUntilKilled(server, round, 40 + random() * 250, rewriting)
      acknowledged += written.reduce((sum, { acknowledged: count }) => sum + count, 0)
      server = await start(dir.path, round + 1) // a refused restart throws, with the server's own words
      await using client = await server.client({ timeoutMs: 60_000 })
      for (const writer of written) await writer.check(client)
      // The next rounds need not carry all of this along; that the directory grows at all is enough.
      if (round % 10 === 9) await client.command('FLUSHALL')
    }
    await server[Symbol.asyncDispose]()
    return acknowledged
  }

  const count = rewriting ? rewriteRounds : rounds
  it(`loses no acknowledged write and restarts, ${count} times (seed ${seed})`, async () => {
    let acknowledged = 0
    for (let first = 0; first < count; first += roundsEach)
      acknowledged += await runRounds(first, Math.min(count, first + roundsEach))
    expect(acknowledged).toBeGreaterThan(count * 20)
    console.log(`${policy}${rewriting ? ' with rewrites' : ''}: ${count} rounds, ${acknowledged} acknowledged writes, none lost`)
  }, 60_000 + count * 30_000)
})
