/**
 * sendAll: many commands down one connection, pipelined, for filling a server with what kvload does not make. Every
 * command must have a reply of one line or be a bulk string without line breaks; an error reply fails the whole.
 */
import { once } from 'node:events'
import { connect } from 'node:net'

const CHUNK_BYTES = 64 * 1024
/** Commands that may be unanswered: enough to keep the server busy, little enough that its output stays small. */
const UNANSWERED_MAX = 4096

/** A command as RESP. */
export const encode = (words: readonly string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`

/** Resolves when every command is answered. @throws {Error} with the first error reply, or if the server hangs up. */
export async function sendAll(port: number, commands: Iterable<readonly string[]>): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  let sent = 0
  let answered = 0
  let failure: Error | undefined
  let rest = ''
  let wake: () => void = () => undefined
  socket.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString('latin1')).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('-')) failure ??= new Error(`a command was refused: ${line.slice(1)}`)
      if (!line.startsWith('$')) answered++ // the length of a bulk string is not yet its reply
    }
    wake()
  })
  const fail = (error: Error): void => {
    failure ??= error
    wake()
  }
  socket.on('error', fail)
  socket.on('close', () => { fail(new Error('the server closed the connection')) })
  await once(socket, 'connect')
  const until = async (unansweredMax: number): Promise<void> => {
    while (failure === undefined && sent - answered > unansweredMax) {
      await new Promise<void>((resolve) => { wake = resolve })
    }
    if (failure !== undefined) throw failure
  }
  try {
    let chunk = ''
    for (const words of commands) {
      chunk += encode(words)
      sent++
      if (chunk.length < CHUNK_BYTES) continue
      socket.write(chunk)
      chunk = ''
      await until(UNANSWERED_MAX)
    }
    socket.write(chunk)
    await until(0)
  } finally {
    socket.removeAllListeners('close')
    socket.destroy()
  }
}
