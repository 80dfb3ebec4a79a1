import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { askNode, type NodeAddress, NodeLine } from './node-question.js'

const servers: Server[] = []
afterEach(() => { for (const server of servers.splice(0)) server.close() })

/** Answers each command, by its last word, and counts connections. */
async function node(answers: Readonly<Record<string, string>>, connections: string[] = []): Promise<NodeAddress> {
  const server = createServer((socket) => {
    connections.push('')
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      connections.push(`${connections.pop()!}${String(bytes)}`)
      for (const [, word] of String(bytes).matchAll(/\r\n(\w+)\r\n(?=\*|$)/g)) {
        const answer = answers[word!]
        if (answer === undefined) socket.destroy()
        else socket.write(answer)
      }
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, user: '', password: '' }
}

describe('a question to another node', () => {
  it.each([
    ['OK', '+OK\r\n', 'OK'],
    ['an error', '-NOIMPORT no\r\n', 'NOIMPORT no'],
    ['something else', '$2\r\nOK\r\n', 'ERR it answered something else'],
    ['something without end', 'x'.repeat(5000), 'ERR it answered something else'],
  ])('is answered %s', async (_, answer, expected) => {
    expect(await askNode(await node({ word: answer }), ['word'], 10_000)).toBe(expected)
  })

  it('is not answered by a node that closes, is not there, or says nothing in time', async () => {
    expect(await askNode(await node({}), ['word'], 10_000)).toBeNull()
    const gone = await node({})
    await new Promise((resolve) => servers.pop()!.close(resolve))
    expect(await askNode(gone, ['word'], 10_000)).toBeNull()
    expect(await askNode(await node({ word: '' }), ['word'], 20)).toBeNull()
  })

  it('comes after the login, whose refusal is the answer', async () => {
    const asked: string[] = []
    const address = { ...await node({ secret: '+OK\r\n', word: '+OK\r\n' }, asked), user: 'me', password: 'secret' }
    expect(await askNode(address, ['word'], 10_000)).toBe('OK')
    expect(asked).toEqual(['*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n*2\r\n$15\r\nSLOTWISE.IMPORT\r\n$4\r\nword\r\n'])
    const refusing = { ...await node({ secret: '-WRONGPASS no\r\n', word: '-NOAUTH\r\n' }), password: 'secret' }
    expect(await askNode(refusing, ['word'], 10_000)).toBe('WRONGPASS no')
  })

  it('may follow another one on the same connection, unless that broke', async () => {
    const asked: string[] = []
    const line = new NodeLine(await node({ one: '+OK\r\n', two: '-ERR no\r\n' }, asked))
    expect([await line.ask(['one'], 10_000), await line.ask(['two'], 10_000), asked.length]).toEqual(['OK', 'ERR no', 1])
    expect(await line.ask(['three'], 10_000)).toBeNull()
    expect([line.isOpen, await line.ask(['one'], 10_000)]).toEqual([false, null])
  })
})
