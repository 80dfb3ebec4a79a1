/**
 * A question to another node's control plane: SLOTWISE.IMPORT over a connection of clients, for which the node logs in
 * as it would to replicate. One question a connection; what is asked is asked again by whoever must know.
 */
import { connect } from 'node:net'

export interface NodeAddress {
  readonly host: string
  readonly port: number
  /** masteruser and masterauth; empty: none */
  readonly user: string
  readonly password: string
}

const ANSWER_BYTES_MAX = 4096

const command = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

/** @returns `OK`, or an error with its code; null: no answer came in time, or the connection broke */
export function askNode(
  { host, port, user, password }: NodeAddress, words: readonly string[], timeoutMs: number,
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true })
    let text = ''
    const end = (answer: string | null): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => end(null), timeoutMs)
    const login = password === '' ? [] : [['AUTH', ...(user === '' ? [] : [user]), password]]
    const asked = [...login, ['SLOTWISE.IMPORT', ...words]]
    socket.on('error', () => end(null))
    socket.on('close', () => end(null))
    socket.on('connect', () => socket.write(asked.map(command).join('')))
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      const lines = text.split('\r\n')
      const refused = lines.slice(0, -1).find((line) => line.startsWith('-'))
      if (refused !== undefined) end(refused.slice(1))
      else if (lines.length > asked.length) end(lines[asked.length - 1] === '+OK' ? 'OK' : 'ERR it answered something else')
      else if (text.length > ANSWER_BYTES_MAX) end('ERR it answered something else')
    })
  })
}
