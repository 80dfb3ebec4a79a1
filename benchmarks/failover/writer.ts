/**
 * ShardWriter: writes to one shard at a fixed rate, whoever owns it, and keeps when each write was acknowledged and by
 * whom. It does not wait for answers, so that a node which stopped is not waited for either; beside the writes to the
 * node that took the last one, each other copy is tried every few milliseconds: that is how the end of a failover is
 * seen, not by asking what a node thinks of itself.
 */
import { connect, type Socket } from 'node:net'

const TURN_MS = 2
const TRY_OTHERS_EVERY_MS = 4

export interface Acknowledged { readonly index: number; readonly atMs: number; readonly port: number }

/** One connection that is made anew whenever it ends; answers come in the order of the writes. */
class Copy {
  #socket: Socket | null = null
  #isOpen = false
  #isStopped = false
  #waiting: number[] = []
  #text = ''

  constructor(readonly port: number, private readonly onReply: (index: number, reply: string, port: number) => void) {
    this.#connect()
  }

  get isOpen(): boolean { return this.#isOpen }
  get waitingCount(): number { return this.#waiting.length }

  write(commands: string, indexes: readonly number[]): void {
    if (!this.#isOpen) return
    this.#waiting.push(...indexes)
    this.#socket!.write(commands)
  }

  stop(): void {
    this.#isStopped = true
    this.#socket?.destroy()
  }

  #connect(): void {
    if (this.#isStopped) return
    const socket = this.#socket = connect({ host: '127.0.0.1', port: this.port, noDelay: true })
    socket.on('connect', () => this.#isOpen = true)
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => this.#take(bytes.toString('latin1')))
    socket.on('close', () => {
      this.#isOpen = false
      this.#waiting = []
      this.#text = ''
      setTimeout(() => this.#connect(), TRY_OTHERS_EVERY_MS)
    })
  }

  #take(text: string): void {
    const lines = (this.#text + text).split('\r\n')
    this.#text = lines.pop()!
    for (const line of lines) this.onReply(this.#waiting.shift()!, line, this.port)
  }
}

export class ShardWriter {
  readonly acknowledged: Acknowledged[] = []
  readonly #copies: readonly Copy[]
  readonly #timer: NodeJS.Timeout
  readonly #startMs = performance.now()
  #owner: number
  #due = 0
  #next = 0
  #triedAtMs = 0

  /**
   * @param tag  a hash tag of the shard
   * @param ports  of its copies, the primary first
   */
  constructor(readonly tag: string, ports: readonly number[], readonly writesPerSecond: number) {
    this.#owner = ports[0]!
    this.#copies = ports.map((port) => new Copy(port, (index, reply, from) => this.#reply(index, reply, from)))
    this.#timer = setInterval(() => this.#turn(), TURN_MS)
  }

  key(index: number): string { return `{${this.tag}}:${index}` }

  /** When `port` first acknowledged a write after `sinceMs`, or null. */
  firstOf(port: number, sinceMs: number): number | null {
    return this.acknowledged.find((write) => write.port === port && write.atMs >= sinceMs)?.atMs ?? null
  }

  /** The longest time without an acknowledged write between the two moments. */
  longestGapMs(fromMs: number, toMs: number): number {
    const times = this.acknowledged.map(({ atMs }) => atMs).filter((atMs) => atMs >= fromMs && atMs <= toMs)
    let longest = 0
    let last = fromMs
    for (const atMs of [...times, toMs]) {
      longest = Math.max(longest, atMs - last)
      last = atMs
    }
    return longest
  }

  /** Sends nothing more; what is answered still counts until `close`. */
  pause(): void { clearInterval(this.#timer) }

  get waitingCount(): number { return this.#copies.reduce((sum, copy) => sum + copy.waitingCount, 0) }

  close(): void {
    this.pause()
    for (const copy of this.#copies) copy.stop()
  }

  #turn(): void {
    const now = performance.now()
    const due = Math.floor((now - this.#startMs) * this.writesPerSecond / 1000)
    const count = due - this.#due
    this.#due = due
    this.#send(this.#copies.find(({ port }) => port === this.#owner)!, count)
    if (now - this.#triedAtMs < TRY_OTHERS_EVERY_MS) return
    this.#triedAtMs = now
    for (const copy of this.#copies) if (copy.port !== this.#owner) this.#send(copy, 1)
  }

  #send(copy: Copy, count: number): void {
    const indexes = Array.from({ length: count }, () => this.#next++)
    const commands = indexes.map((index) => {
      const key = this.key(index)
      return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$1\r\n1\r\n`
    })
    if (count > 0) copy.write(commands.join(''), indexes)
  }

  #reply(index: number, reply: string, port: number): void {
    if (reply !== '+OK') return
    this.acknowledged.push({ index, atMs: performance.now(), port })
    this.#owner = port
  }
}
