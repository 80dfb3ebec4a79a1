/**
 * Question   How long does a pushed element take to reach a client that waits for it?
 * Workload   100 connections wait in BLPOP for one list; one producer pushes an element, waits until it has arrived and
 *            pushes the next: 20,000 of them. Who was served waits again.
 * Output     p50, p99, p99.9 from writing RPUSH to reading the element on another connection; server CPU per hand-over.
 * Yardstick  redis-server in the same run.
 */
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import type { RunningServer, Sample, Scenario } from '../../apps/benchmark/src/scenario.js'

const WAITING = 100
const BLPOP = '*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n'
const RPUSH = '*3\r\n$5\r\nRPUSH\r\n$1\r\nq\r\n$1\r\nx\r\n'

export const scenario: Scenario = {
  name: 'blocking',
  question: 'How long does a pushed element take to reach a client that waits for it?',
  workload: '100 connections in BLPOP on one list, one producer, one element at a time.',
  output: 'p50, p99, p99.9 from RPUSH to the element on another connection, CPU per hand-over',
  yardstick: 'redis-server in the same run',
  goals: [{ case: 'hand-over', metric: 'p99Us', must: 1, aim: 0.7 }],
  async run(bench) {
    const elements = bench.quick ? 500 : 20_000
    await bench.interleave([bench.subject(), bench.reference()], async (side) => {
      const server = await bench.startOne(side)
      const sample = await handOver(server, elements)
      await server.stop()
      return { 'hand-over': sample }
    })
  },
}

async function handOver(server: RunningServer, elements: number): Promise<Sample> {
  const opened: Socket[] = []
  let arrived: (() => void) | undefined
  try {
    for (let i = 0; i < WAITING; i++) {
      const socket = await open(server.port)
      opened.push(socket)
      socket.on('data', () => {
        arrived?.()
        socket.write(BLPOP)
      })
      socket.write(BLPOP)
    }
    const producer = await open(server.port)
    opened.push(producer)
    producer.resume()
    const cpuBefore = await server.cpuUs()
    const micros: number[] = []
    for (let i = 0; i < elements; i++) {
      const started = performance.now()
      await new Promise<void>((resolve) => {
        arrived = resolve
        producer.write(RPUSH)
      })
      micros.push((performance.now() - started) * 1000)
    }
    arrived = undefined
    const cpuUsPerOp = (await server.cpuUs() - cpuBefore) / elements
    micros.sort((a, b) => a - b)
    const at = (share: number): number => micros[Math.min(elements - 1, Math.floor(elements * share))] ?? 0
    return { cpuUsPerOp, p50Us: at(0.5), p99Us: at(0.99), p999Us: at(0.999) }
  } finally {
    for (const socket of opened) socket.destroy()
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}
