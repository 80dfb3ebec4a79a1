/** A connection to one of the two servers: commands out, one Buffer for each reply back. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { encodeCommand, frameEnd } from '../resp-frames.mjs'

export class Connection {
  #socket
  #chunks = []
  #frames = []
  #taker
  #end = null
  constructor(socket) {
    this.#socket = socket
    const fail = (error) => {
      this.#end ??= error ?? new Error('the server closed the connection')
      this.#taker?.reject(this.#end)
    }
    socket.on('data', (chunk) => { this.#receive(chunk) })
    socket.on('error', fail)
    socket.on('close', () => { fail() })
  }
  static async open(port) {
    for (let attempt = 0; ; ++attempt) {
      const socket = connect(port, '127.0.0.1')
      try {
        await once(socket, 'connect')
        socket.setNoDelay(true)
        return new Connection(socket)
      } catch (error) {
        if (attempt > 200) throw error
        await delay(100)
      }
    }
  }
  /** Sends the commands at once and returns their replies. */
  send(commands) {
    this.write(commands)
    return this.take(commands.length)
  }
  write(commands) {
    this.#socket.write(Buffer.concat(commands.map(encodeCommand)))
  }
  /** The next `count` frames. */
  take(count) {
    return new Promise((resolve, reject) => {
      this.#taker = { count, resolve, reject }
      if (this.#end !== null) reject(this.#end)
      this.#give()
    })
  }
  /** Whether a reply is there that nobody has taken. */
  get hasReply() {
    return this.#frames.length > 0
  }
  #receive(chunk) {
    this.#chunks.push(chunk)
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    let at = 0
    for (let end; (end = frameEnd(bytes, at)) !== -1; at = end) this.#frames.push(bytes.subarray(at, end))
    this.#chunks = at === bytes.length ? [] : [bytes.subarray(at)]
    this.#give()
  }
  #give() {
    if (this.#taker === undefined || this.#frames.length < this.#taker.count) return
    const { count, resolve } = this.#taker
    this.#taker = undefined
    resolve(this.#frames.splice(0, count))
  }
  close() {
    this.#socket.destroy()
  }
}
