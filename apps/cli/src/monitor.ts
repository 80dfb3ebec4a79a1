/** `slotwise monitor`: every command that a server runs, a line each, until Ctrl-C. */
import { Connection } from './connection.js'
import { type Endpoint, printEndpoint } from './endpoint.js'
import { textOf } from './resp.js'
import type { Terminal } from './terminal.js'

/** @returns the exit code: 1 if the server ended it */
export async function monitor(endpoint: Endpoint, terminal: Terminal): Promise<number> {
  const connection = await Connection.open(endpoint)
  const interrupt = terminal.interrupted()
  try {
    const closed = new Promise<Error>((resolve) => connection.onEnd = resolve)
    connection.onReply = (reply) => terminal.out(textOf(reply))
    await connection.must('MONITOR')
    terminal.err(`Commands of ${printEndpoint(endpoint)}; Ctrl-C ends`)
    const error = await Promise.race([interrupt, closed])
    if (error === undefined) return 0
    throw error
  } finally {
    connection.onEnd = null
    connection.close()
  }
}
