/**
 * A question to another node's control plane: SLOTWISE.IMPORT over a connection of clients, for which the node logs in
 * as it would to replicate. What is not answered is asked again by whoever must know.
 */
import { connect, type Socket } from 'node:net'

export interface NodeAddress {
  readonly host: string
  readonly port: number
  /** masteruser and masterauth; empty: none */
  readonly user: string
  readonly password: string
}

const ANSWER_BYTES_MAX = 4096
const SOMETHING_ELSE = 'ERR it answered something else'

const command = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

/** @returns `OK`, or an error with its code; null: no answer came in time, or the connection broke */
export async function askNode(
  address: NodeAddress, words: readonly string[], timeoutMs: number,
): Promise<string | null> {
  const line = new NodeLine(address)
  const answer = await line.ask(words, timeoutMs)
  line.close()
  return answer
}

/** A connection for questions one after the other: the second one waits for neither a connection nor the login. */
export class NodeLine {
  readonly #socket: Socket
  #text = ''
  /** Replies that come before that to a question: to the login. */
  #ahead: number
  #answered: ((answer: string | null) => void) | null = null
  #isOpen = true

  constructor({ host, port, user, password }: NodeAddress) {
    const login = password === '' ? [] : [['AUTH', ...(user === '' ? [] : [user]), password]]
    this.#ahead = login.length
    this.#socket = connect({ host, port, noDelay: true })
    this.#socket.on('error', () => this.close())
    this.#socket.on('close', () => this.close())
    this.#socket.on('data', (bytes) => this.#read(bytes.toString('latin1')))
    for (const words of login) this.#socket.write(command(words))
  }

  get isOpen(): boolean { return this.#isOpen }

  /** As askNode. */
  ask(words: readonly string[], timeoutMs: number): Promise<string | null> {
    return new Promise((resolve) => {
      if (!this.#isOpen || this.#answered !== null) return resolve(null)
      const timer = setTimeout(() => this.close(), timeoutMs)
      this.#answered = (answer) => {
        clearTimeout(timer)
        this.#answered = null
        resolve(answer)
      }
      this.#socket.write(command(['SLOTWISE.IMPORT', ...words]))
    })
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#socket.destroy()
    this.#answered?.(null)
  }

  #read(text: string): void {
    this.#text += text
    const lines = this.#text.split('\r\n')
    this.#text = lines.pop()!
    for (const line of lines) {
      if (this.#ahead > 0 && !line.startsWith('-')) this.#ahead--
      else if (line.startsWith('-')) this.#say(line.slice(1), this.#ahead > 0)
      else this.#say(line === '+OK' ? 'OK' : SOMETHING_ELSE, line !== '+OK')
    }
    if (this.#text.length > ANSWER_BYTES_MAX) this.#say(SOMETHING_ELSE, true)
  }

  /** What nobody asked for ends the connection, too. */
  #say(answer: string, isEnd: boolean): void {
    const isAsked = this.#answered !== null
    this.#answered?.(answer)
    if (isEnd || !isAsked) this.close()
  }
}
