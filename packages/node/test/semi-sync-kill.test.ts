/**
 * A primary dies under load and a real redis-server that followed it is promoted: with semi-sync every acknowledged
 * write is there. What makes writes vanish is a link that holds bytes back and dies with the primary's host
 * (`slowLink`), and a replica that stands still (SIGSTOP) while the primary writes on. The same rounds against
 * redis-server as primary, whose clients do not WAIT, must lose some: otherwise this harness could not see a loss.
 * SLOTWISE_SEMI_SYNC_ROUNDS says how many rounds (5 by default); a failure names round and seed.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describePeer, startRedis, startSlotwise, waitFor, type RespClient, type ServerProcess } from '@slotwise/testing'
import { expect, it } from 'vitest'
import { missing, randomOf, write } from './fixtures/acknowledged-writes.js'

const rounds = Number(process.env.SLOTWISE_SEMI_SYNC_ROUNDS ?? 5)
const seed = Number(process.env.SLOTWISE_KILL_SEED ?? Date.now() % 1e9)

interface Link extends AsyncDisposable { readonly port: number; cut(): void }

/** A link of its own between two hosts: what has not arrived after `delayMs` when the far host dies never arrives. */
async function slowLink(to: number, delayMs: number): Promise<Link> {
  const sockets = new Set<Socket>()
  const forward = (from: Socket, into: Socket): void => {
    from.on('data', (bytes) => void setTimeout(() => { if (!into.destroyed) into.write(bytes) }, delayMs))
    from.on('error', () => undefined)
    from.on('close', () => into.destroy()) // at once, and what was under way is gone
  }
  const server: Server = createServer((near) => {
    const far = connect({ port: to, host: '127.0.0.1', noDelay: true })
    near.setNoDelay(true)
    for (const socket of [near, far]) sockets.add(socket)
    forward(near, far)
    forward(far, near)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return {
    port: (server.address() as { port: number }).port,
    cut,
    [Symbol.asyncDispose]: () => Promise.resolve(cut()),
  }
}

const field = async (client: RespClient, name: string): Promise<string | undefined> =>
  new RegExp(`^${name}:(.*)\r$`, 'm').exec(await client.command('INFO', 'replication') as string)?.[1]

/** Reads while others write: whatever it has seen must outlive the primary too. */
async function watch(client: RespClient, key: string): Promise<number> {
  let seen = -1
  try {
    for (;;) {
      const found = await client.command('GET', key)
      if (typeof found === 'string') seen = Math.max(seen, Number(found))
    }
  } catch {
    return seen
  }
}

async function count(client: RespClient, key: string): Promise<number> {
  let acknowledged = 0
  try {
    for (;;) acknowledged = Math.max(acknowledged, await client.command('INCR', key) as number)
  } catch {
    return acknowledged
  }
}

interface Outcome { acknowledged: number; lost: number }

/** Which of the acknowledged (and of the seen) the promoted replica does not have. */
async function round(primary: ServerProcess, number: number, random: () => number): Promise<Outcome> {
  const delayMs = [0, 5, 20][number % 3]!
  await using link = await slowLink(primary.port, delayMs)
  await using replica = await startRedis({ args: ['--save', '', '--replicaof', '127.0.0.1', String(link.port)] })
  await using follower = await replica.client({ timeoutMs: 60_000 })
  await waitFor(async () => await field(follower, 'master_link_status') === 'up', { timeoutMs: 60_000, what: 'the link' })
  const clients = await Promise.all(Array.from({ length: 5 }, () => primary.client({ timeoutMs: 60_000 })))
  // Nothing is promised before the primary knows that it has one (redis-server has no such line).
  await waitFor(async () => await field(clients[0]!, 'semi_sync_master_clients') !== '0', { timeoutMs: 60_000, what: 'semi-sync' })
  type Client = RespClient
  const [one, two, three, counter, watcher] = clients as [Client, Client, Client, Client, Client]
  const key = `count:${number}`
  const writers = Promise.all([write(one, `${number}:one`, 1), write(two, `${number}:ten`, 10), write(three, `${number}:many`, 64)])
  const counted = count(counter, key)
  const watched = watch(watcher, key)
  await sleep(50 + random() * 200)
  const stopped = random() < 0.5
  if (stopped) replica.signal('SIGSTOP')
  await sleep(random() * 60)
  await primary.sigkill()
  link.cut()
  if (stopped) replica.signal('SIGCONT')
  const written = await writers
  expect(await follower.command('REPLICAOF', 'NO', 'ONE')).toBe('OK')

  const outcome: Outcome = { acknowledged: await counted, lost: 0 }
  const left = Number(await follower.command('GET', key) ?? 0)
  outcome.lost += Math.max(0, Math.max(await counted, await watched) - left)
  for (const one of written) {
    outcome.acknowledged += one.acknowledged
    outcome.lost += await missing(follower, one)
    expect(one.sent).toBeGreaterThanOrEqual(one.acknowledged)
  }
  await Promise.all(clients.map((client) => client.close()))
  return outcome
}

describePeer('redis-server', 'a primary that dies, and the replica that takes over', () => {
  it(`semi-sync loses nothing that was acknowledged or seen, ${rounds} times (seed ${seed})`, async () => {
    const random = randomOf(seed)
    const total: Outcome = { acknowledged: 0, lost: 0 }
    for (let number = 0; number < rounds; number++) {
      const persistence = number % 2 === 0 ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', number % 4 === 1 ? 'everysec' : 'always']
      const strict = number % 5 === 0 ? ['--repl-semi-sync-strict', 'yes'] : []
      await using primary = await startSlotwise({
        args: ['--repl-ack', 'semisync', '--repl-semi-sync-timeout', '600000', '--repl-diskless-sync-delay', '0', '--io-threads', String(1 + number % 2), ...persistence, ...strict],
      })
      const outcome = await round(primary, number, random)
      expect(outcome.lost, `acknowledged writes lost in round ${number} of seed ${seed}`).toBe(0)
      total.acknowledged += outcome.acknowledged
    }
    expect(total.acknowledged).toBeGreaterThan(rounds * 20)
    console.log(`semi-sync: ${rounds} rounds, ${total.acknowledged} acknowledged writes, none lost`)
  }, 60_000 + rounds * 60_000)

  it('the same rounds see what an asynchronous primary loses', async () => {
    const random = randomOf(seed)
    const total: Outcome = { acknowledged: 0, lost: 0 }
    const most = 30
    for (let number = 0; number < most && (total.lost === 0 || number < Math.min(rounds, 30)); number++) {
      await using primary = await startRedis({ args: ['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0', '--save', ''] })
      const outcome = await round(primary, number, random)
      total.acknowledged += outcome.acknowledged
      total.lost += outcome.lost
    }
    console.log(`redis-server without WAIT: ${total.lost} of ${total.acknowledged} acknowledged writes lost`)
    expect(total.lost).toBeGreaterThan(0)
  }, 60_000 + 30 * 20_000)
})
