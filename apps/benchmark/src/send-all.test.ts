import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { encode, sendAll } from './send-all.js'

let server: Server | undefined
afterEach(() => server?.close())

/** A server that answers each command (counted by its '*') with `reply`. Resolves to its port and what it received. */
async function answering(reply: (n: number) => string): Promise<{ port: number; received: () => string }> {
  let text = ''
  let n = 0
  server = createServer((socket) => socket.on('data', (bytes) => {
    text += bytes.toString()
    for (const _ of bytes.toString().matchAll(/\*/g)) socket.write(reply(n++))
  }))
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, received: () => text }
}

describe('sendAll', () => {
  it('encodes bytes, not characters', () => {
    expect(encode(['SET', 'k', 'é'])).toBe('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\né\r\n')
  })

  it('resolves when everything is answered, however replies are cut', async () => {
    const { port, received } = await answering((n) => n % 2 ? ':1\r\n' : '$2\r\nok\r\n')
    const commands = Array.from({ length: 20_000 }, (_, i) => ['SADD', 'k', String(i)])
    await sendAll(port, commands)
    expect(received()).toBe(commands.map(encode).join(''))
  })

  it('fails with the first error reply', async () => {
    const { port } = await answering((n) => n === 3 ? '-ERR no\r\n' : '+OK\r\n')
    await expect(sendAll(port, Array.from({ length: 10 }, () => ['PING']))).rejects.toThrow('refused: ERR no')
  })

  it('fails when the server hangs up', async () => {
    server = createServer((socket) => socket.on('data', () => socket.destroy()))
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    await expect(sendAll((server.address() as AddressInfo).port, [['PING']])).rejects.toThrow('closed the connection')
  })
})
