/**
 * A primary that does not run for longer than it takes to replace it (SIGSTOP, a paused machine), and then finds
 * thousands of commands in its sockets: its I/O threads could answer them before its control plane has heard that
 * another node has its slots. They look at the lease (decision 0032) and refuse.
 * SLOTWISE_PAUSED_PEER=redis prints what redis-server does, SLOTWISE_PAUSED_ROUNDS says how many rounds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describePeer, encodeCommand, type RespClient, RespError, type ServerProcess, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'
import type { Kind } from './fixtures/cluster.js'
import { startShard } from './fixtures/shard.js'

const T = 2000
const CLIENTS = 8
/** Of each client: how many writes are under way at a time, and how many it sends to the stopped primary. */
const PIPELINE = 10
const BACKLOG = 2000

const kind = (process.env.SLOTWISE_PAUSED_PEER ?? 'slotwise') as Kind
const rounds = Number(process.env.SLOTWISE_PAUSED_ROUNDS ?? 1)

interface Outcome {
  acknowledged: number
  /** Of these, writes that were sent to the stopped primary. */
  ofBacklog: number
  /** Acknowledged, and not there in the end; and of these, what the replica had. */
  lost: number
  lostOfKept: number
  answers: Map<string, number>
}

/** Writes keys of its own in pipelines, then a backlog, and remembers which were acknowledged. */
class Writer {
  readonly acknowledged: string[] = []
  readonly #sent: string[] = []
  #answered = 0
  #backlogAt = Number.POSITIVE_INFINITY
  #isClosed = false
  /** Of the backlog. */
  ofBacklog = 0
  readonly answers = new Map<string, number>()

  constructor(readonly client: RespClient, readonly prefix: string) {
    void this.#read()
    this.#send(PIPELINE)
  }

  sendBacklog(): void {
    this.#backlogAt = this.#sent.length
    this.#send(BACKLOG)
  }

  /** Nothing more will come. */
  get isDone(): boolean { return this.#isClosed || this.#answered === this.#sent.length }

  #send(count: number): void {
    const commands: Buffer[] = []
    for (let index = 0; index < count; index++) {
      const key = `${this.prefix}:${this.#sent.length}`
      this.#sent.push(key)
      commands.push(encodeCommand(['SET', key, 'v']))
    }
    this.client.send(Buffer.concat(commands))
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const reply = await this.client.read()
        const index = this.#answered++
        if (reply === 'OK') {
          this.acknowledged.push(this.#sent[index]!)
          if (index >= this.#backlogAt) this.ofBacklog++
        }
        const word = reply instanceof RespError ? reply.message.split(' ')[0]! : reply as string
        this.answers.set(word, (this.answers.get(word) ?? 0) + 1)
        if (this.#backlogAt === Number.POSITIVE_INFINITY) this.#send(1)
      }
    } catch {
      this.#isClosed = true // nobody knows what became of the rest
    }
  }
}

async function pausePrimary(): Promise<Outcome> {
  const { cluster, tag } = await startShard(Array.from({ length: 4 }, () => kind), ['--cluster-node-timeout', String(T), '--cluster-require-full-coverage', 'no'])
  await using _ = cluster
  const [old, , , heir] = cluster.nodes as [ServerProcess, ServerProcess, ServerProcess, ServerProcess]
  const has = async (node: ServerProcess, ...words: string[]): Promise<boolean> => {
    await using client = await node.client()
    const info = await client.command('INFO', 'replication') as string
    return words.every((word) => info.includes(word))
  }
  await waitFor(() => has(old, 'connected_slaves:1', 'state=online'), { timeoutMs: 90_000, what: 'a replica of the primary' })
  const writers = await Promise.all(Array.from({ length: CLIENTS }, async (_value, index) =>
    new Writer(await old.client({ timeoutMs: 120_000 }), `{${tag}}:${index}`)))
  const sum = (of: (writer: Writer) => number): number => writers.reduce((total, writer) => total + of(writer), 0)
  await waitFor(() => sum((writer) => writer.acknowledged.length) > 2000, { timeoutMs: 90_000, what: 'writes before the stop' })

  // What the replica has, it keeps; of what comes behind it, asynchronous replication promises nothing.
  const kept = writers.flatMap((writer) => [...writer.acknowledged])
  await using marker = await old.client({ timeoutMs: 120_000 })
  if (await marker.command('SET', `{${tag}}:marker`, 'v') !== 'OK') throw new Error('a primary that takes no write')
  await waitFor(async () => await marker.command('WAIT', 1, 1000) === 1, { timeoutMs: 90_000, what: 'what was written, at the replica' })
  await old.suspend()
  const stoppedAt = performance.now()
  for (const writer of writers) writer.sendBacklog()
  await waitFor(() => has(heir, 'role:master'), { timeoutMs: 90_000, what: 'another primary' })
  await sleep(Math.max(0, 3 * T - (performance.now() - stoppedAt)))
  old.signal('SIGCONT')
  await waitFor(() => has(old, 'role:slave', 'master_link_status:up'), { timeoutMs: 60_000, what: 'the old primary as a replica' })
  await waitFor(() => writers.every(({ isDone }) => isDone), { timeoutMs: 60_000, what: 'answers to the backlog' })
  await Promise.all(writers.map(({ client }) => client.close()))

  await using client = await heir.client()
  const missing = async (keys: readonly string[]): Promise<number> => {
    let count = 0
    for (let at = 0; at < keys.length; at += 500) {
      const part = keys.slice(at, at + 500)
      count += part.length - (await client.command('EXISTS', ...part) as number)
    }
    return count
  }
  const keys = writers.flatMap((writer) => writer.acknowledged)
  const answers = new Map<string, number>()
  for (const [word, count] of writers.flatMap((writer) => [...writer.answers]))
    answers.set(word, (answers.get(word) ?? 0) + count)
  return {
    acknowledged: keys.length, ofBacklog: sum((writer) => writer.ofBacklog), lost: await missing(keys),
    lostOfKept: await missing(kept), answers,
  }
}

describePeer(kind === 'redis' ? ['redis-cli', 'redis-server'] : 'redis-cli', 'a primary that was stopped for three node timeouts', () => {
  it.each(Array.from({ length: rounds }, (_, round) => round + 1))('acknowledges nothing that arrived meanwhile, round %i', async () => {
    const outcome = await pausePrimary()
    const row = JSON.stringify({ ...outcome, answers: Object.fromEntries(outcome.answers) })
    console.log(`${kind}: ${row}`)
    if (kind === 'redis') return // its row is what it is
    expect(outcome.ofBacklog, row).toBe(0)
    expect(outcome.lostOfKept, row).toBe(0)
  }, 360_000)
})
