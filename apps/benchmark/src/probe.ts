/**
 * Probe: asks a server single questions (PING, DBSIZE, INFO), one connection a question. Not a client: enough of RESP2
 * to read one reply that is a simple string, an error, an integer or a bulk string.
 * Errors come back as values: `-LOADING` is the answer the restart scenario waits through.
 */
import { connect } from 'node:net'

export class ReplyError extends Error {
  override readonly name = 'ReplyError'
}

/** One reply from the start of `bytes`; undefined while it is incomplete. */
export function parseReply(bytes: Buffer): string | number | null | ReplyError | undefined {
  const lineEnd = bytes.indexOf('\r\n')
  if (lineEnd < 0) return undefined
  const line = bytes.toString('utf8', 1, lineEnd)
  switch (String.fromCharCode(bytes[0]!)) {
    case '+': return line
    case '-': return new ReplyError(line)
    case ':': return Number(line)
    case '$': {
      const length = Number(line)
      if (length < 0) return null
      const end = lineEnd + 2 + length
      return bytes.length < end + 2 ? undefined : bytes.toString('utf8', lineEnd + 2, end)
    }
    default: throw new SyntaxError(`unexpected reply '${bytes.toString('utf8', 0, Math.min(lineEnd, 80))}'`)
  }
}

/** Send one command and wait for its reply. Rejects if the connection fails or nothing comes within `timeoutMs`. */
export function ask(
  port: number,
  words: readonly string[],
  timeoutMs = 10_000,
): Promise<string | number | null | ReplyError> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    let received = Buffer.alloc(0)
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(timeoutMs, () => { fail(new Error(`no reply to ${String(words[0])} within ${timeoutMs} ms`)) })
    socket.on('error', fail)
    socket.on('close', () => { reject(new Error(`port ${port} closed the connection before it replied`)) })
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      try {
        const reply = parseReply(received)
        if (reply === undefined) return
        resolve(reply)
        socket.destroy()
      } catch (error) {
        fail(error as Error)
      }
    })
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    socket.write(`*${words.length}\r\n${parts.join('')}`)
  })
}
