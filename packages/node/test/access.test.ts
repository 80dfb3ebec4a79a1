/**
 * Access control over sockets: what only real connections show. Guessing passwords gets slow without slowing others,
 * deleted users and lost channels end connections on whichever thread they are, users come from the command line.
 * Elsewhere: rules and replies (native/test/acl_*_test.cc).
 */
import { connect } from 'node:net'
import { RespClient, RespError, startSlotwise, waitFor } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'

const wrongPassword = new RespError('WRONGPASS invalid username-password pair or user is disabled.')

const textOf = async (client: RespClient, ...args: string[]): Promise<string> => await client.command(...args) as string

/** A connection that says `input`: what it has received so far, and when it ends. */
interface Talk { reply: string; readonly closed: Promise<string> }

function talk(port: number, input: string): Talk {
  const socket = connect({ port, host: '127.0.0.1' })
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(found.reply)))
  const found: Talk = { reply: '', closed }
  socket.on('data', (chunk) => (found.reply += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  socket.write(input)
  return found
}

const untilClosed = (port: number, input: string): Promise<string> => talk(port, input).closed

describe('guessing passwords', () => {
  it('gets slower with each failure of an address, and nobody else waits', async () => {
    await using server = await startSlotwise({ args: ['--requirepass', 'secret', '--io-threads', '1'], password: 'secret' })
    await using other = await server.client()
    await using guesser = await RespClient.connect({ port: server.port })
    let guesses = 0
    let lastMs = 0
    // Time forgives: where each answer takes its time, more guesses are needed.
    while (guesses < 18 || (lastMs <= 300 && guesses < 60)) {
      const startMs = performance.now()
      expect(await guesser.command('AUTH', `guess ${guesses++}`)).toEqual(wrongPassword)
      lastMs = performance.now() - startMs
    }
    expect(lastMs).toBeGreaterThan(300)
    // While an answer is held back on the only thread, others are served: at least one whole answer before it. A thread
    // that waited would give the one that is held back first, however often; this process may not run meanwhile, once.
    let served = 0
    for (let attempt = 0; attempt < 5 && served < 2; attempt++) {
      const held = guesser.command('AUTH', `guess ${guesses++}`)
      let isHeld = true
      void held.then(() => (isHeld = false))
      const stillHeld = (): boolean => isHeld
      for (served = 0; stillHeld() && served < 100; served++) expect(await other.command('PING')).toBe('PONG')
      expect(await held).toEqual(wrongPassword)
    }
    expect(served).toBeGreaterThan(1)
    // The right answer waits too, and what was sent behind it is answered in order.
    expect(await Promise.all([guesser.command('AUTH', 'secret'), guesser.command('ECHO', 'a'), guesser.command('ECHO', 'b')]))
      .toEqual(['OK', 'a', 'b'])
    expect(await other.command('INFO', 'stats')).toContain(`acl_access_denied_auth:${guesses}\r\n`)
  })

  it('pipelined, costs one connection only, and hanging up is no way round', async () => {
    await using server = await startSlotwise({ args: ['--requirepass', 'secret'], password: 'secret' })
    await using other = await server.client()
    const guesses = Array.from({ length: 40 }, (_, i) => `*2\r\n$4\r\nAUTH\r\n$2\r\n${10 + i}\r\n`).join('')
    const sockets = Array.from({ length: 20 }, () => connect({ port: server.port, host: '127.0.0.1' }).on('error', () => undefined))
    for (const socket of sockets) socket.write(guesses)
    await waitFor(async () => /acl_access_denied_auth:[1-9]\d/.test(await textOf(other, 'INFO', 'stats')))
    for (const socket of sockets) socket.destroy()
    expect(await other.command('PING')).toBe('PONG')
    // Those who hung up are forgotten with what they had sent.
    await waitFor(async () => (await textOf(other, 'INFO', 'clients')).includes('connected_clients:1\r\n'))
    expect(Number(/acl_access_denied_auth:(\d+)/.exec(await textOf(other, 'INFO', 'stats'))![1])).toBeLessThan(800)
  })
})

it('before AUTH a client may send little and must read', async () => {
  await using server = await startSlotwise({ args: ['--user', 'default', 'off', '--user', 'bob', 'on', '>pw', '~*', '+@all'] })
  expect(await untilClosed(server.port, '*11\r\n')).toBe('-ERR Protocol error: unauthenticated multibulk length\r\n')
  expect(await untilClosed(server.port, '*1\r\n$16385\r\n')).toBe('-ERR Protocol error: unauthenticated bulk length\r\n')
  await using bob = await RespClient.connect({ port: server.port })
  expect(await bob.command('GET', 'a')).toEqual(new RespError('NOAUTH Authentication required.'))
  expect(await bob.command('AUTH', 'bob', 'pw')).toBe('OK')
  expect(await bob.command('SET', 'a', 'x'.repeat(100_000))).toBe('OK')
})

it('a deleted user and a lost channel end the connection, on any thread', async () => {
  await using server = await startSlotwise({ args: ['--io-threads', '2'] })
  await using admin = await server.client()
  await admin.command('ACL', 'SETUSER', 'bob', 'on', 'nopass', '+@all', '&news')
  const as = (more: string): Talk => talk(server.port, `AUTH bob x\r\n${more}\r\n`)
  const idle = [as('PING'), as('PING'), as('PING')]
  const listening = [as('SUBSCRIBE news'), as('SUBSCRIBE news')]
  const connected = (count: number): Promise<unknown> => waitFor(async () =>
    [...(await textOf(admin, 'CLIENT', 'LIST')).matchAll(/ user=bob /g)].length === count)
  await connected(5)
  // Each has its answers: what has not left yet goes with its connection.
  await waitFor(() => listening.every(({ reply }) => reply.includes('subscribe')) && idle.every(({ reply }) => reply.includes('PONG')))
  expect(await admin.command('ACL', 'SETUSER', 'bob', 'resetchannels')).toBe('OK')
  await Promise.all(listening.map(({ closed }) => closed))
  await connected(3)
  expect(await admin.command('ACL', 'DELUSER', 'bob')).toBe(1)
  for (const { closed } of idle) expect(await closed).toBe('+OK\r\n+PONG\r\n')
})
