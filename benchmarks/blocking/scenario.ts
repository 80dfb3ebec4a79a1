/**
 * Question   How long until an element that is pushed has reached a client that waits for it?
 * Workload   100 connections in BLPOP on one list, each waiting again at once; one producer pushes single elements,
 *            2,000 a second, then bursts of 100 in one RPUSH, the next when all have arrived; 5 s each after 1 s of
 *            warm-up: 1 % of a few hundred bursts would be three pauses of the client's own garbage collector.
 * Output     p50, p99, p99.9 from the producer's write to the consumer's reply, in one client process for both ends.
 * Yardstick  redis-server in the same run. Red flag: a hand-over that waits for a turn of another thread.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, RunningServer, Sample, Scenario, Side } from '../../apps/benchmark/src/scenario.js'

const CLIENTS = 100
const wire = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`

/** Elements are numbers: when each was sent, and how long it took. */
class Elements {
  readonly latenciesUs: number[] = []
  readonly #sentAtMs: number[] = []

  next(): string {
    return String(this.#sentAtMs.push(performance.now()) - 1)
  }

  arrived(element: string): void {
    this.latenciesUs.push((performance.now() - this.#sentAtMs[Number(element)]!) * 1000)
  }

  get sent(): number { return this.#sentAtMs.length }

  async allArrived(): Promise<void> {
    const endMs = performance.now() + 30_000
    for (; this.latenciesUs.length < this.sent; await new Promise(setImmediate)) {
      if (performance.now() > endMs) throw new Error(`only ${this.latenciesUs.length} of ${this.sent} elements arrived`)
    }
  }

  sample(): Sample {
    const sorted = this.latenciesUs.sort((a, b) => a - b)
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
    return { p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999) }
  }
}

/** Waits for elements, for ever. `*2 $1 q $n ELEMENT`: every fifth line is one. */
function consume(server: RunningServer, arrived: (element: string) => void): Socket {
  const socket = connect(server.port, '127.0.0.1').setNoDelay()
  let rest = ''
  socket.on('data', (bytes) => {
    const lines = (rest + bytes.toString('latin1')).split('\r\n')
    rest = lines.length > 5 ? lines.slice(5).join('\r\n') : lines.join('\r\n')
    if (lines.length <= 5) return
    arrived(lines[4]!)
    socket.write(wire('BLPOP', 'q', '0'))
  })
  socket.write(wire('BLPOP', 'q', '0'))
  return socket
}

async function measure(bench: Bench, side: Side): Promise<Record<string, Sample>> {
  const server = await bench.startOne(side)
  let elements = new Elements()
  const consumers = Array.from({ length: CLIENTS }, () => consume(server, (element) => elements.arrived(element)))
  while (!String(await server.command('INFO', 'clients')).includes(`blocked_clients:${CLIENTS}`)) await sleep(10)
  const producer = connect(server.port, '127.0.0.1').setNoDelay().on('data', () => undefined)

  const single = async (): Promise<unknown> => {
    producer.write(wire('RPUSH', 'q', elements.next()) + wire('RPUSH', 'q', elements.next()))
    return sleep(1)
  }
  const burst = async (): Promise<unknown> => {
    producer.write(wire('RPUSH', 'q', ...Array.from({ length: CLIENTS }, () => elements.next())))
    return elements.allArrived()
  }
  const sampleOf = async (push: () => Promise<unknown>): Promise<Sample> => {
    for (const milliseconds of bench.quick ? [50, 200] : [1000, 5000]) {
      elements = new Elements()
      for (const endMs = performance.now() + milliseconds; performance.now() < endMs;) await push()
      await elements.allArrived()
    }
    return elements.sample()
  }
  const samples = { 'one at a time': await sampleOf(single), 'bursts of 100': await sampleOf(burst) }
  for (const socket of [...consumers, producer]) socket.destroy()
  await server.stop()
  return samples
}

export const scenario: Scenario = {
  name: 'blocking',
  question: 'How long until an element that is pushed has reached a client that waits for it?',
  workload: '100 clients in BLPOP on one list; a producer with 2,000 single elements a second, then bursts of 100.',
  output: 'p50, p99, p99.9 of the hand-over',
  yardstick: 'redis-server in the same run',
  goals: [
    { case: 'one at a time', metric: 'p99Us', must: 1, aim: 0.8 },
    { case: 'bursts of 100', metric: 'p99Us', must: 1, aim: 0.8 },
  ],
  async run(bench) {
    await bench.interleave([bench.subject(), bench.reference()], (side) => measure(bench, side))
  },
}
