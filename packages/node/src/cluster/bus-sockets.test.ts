import { chmodSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { type ClusterEvent, encodeMessage } from '@slotwise/cluster'
import { freePort, tempDir } from '@slotwise/testing'
import { expect, test } from 'vitest'
import { BusKeys } from './bus-key.js'
import { BusSockets } from './bus-sockets.js'

/** A header of the bus that promises `length` bytes. */
const announcing = (length: number): Buffer => {
  const bytes = Buffer.alloc(16)
  bytes.write('RCmb')
  bytes.writeUInt32BE(length, 4)
  return bytes
}

test.each([
  ['a stranger that announces more than 64 KiB is cut off', false, 64 * 1024 + 1, true],
  ['a stranger that announces less is listened to', false, 64 * 1024, false],
])('%s', async (_, member, length, cut) => {
  const events: ClusterEvent[] = []
  const bus = new BusSockets((event) => events.push(event), () => member)
  const port = await freePort()
  await bus.listen({ addresses: ['127.0.0.1'], port, localAddress: undefined })
  const socket = connect(port, '127.0.0.1').on('error', () => undefined) // a reset
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write(announcing(length))
  await expect.poll(() => events.map(({ type }) => type)).toEqual(cut ? ['accepted', 'closed'] : ['accepted'])
  if (cut) await closed
  expect(bus.linkCount).toBe(cut ? 0 : 1)
  socket.destroy()
  await bus.stop()
})

test('who is known may send long messages', async () => {
  const events: ClusterEvent[] = []
  const bus = new BusSockets((event) => events.push(event), () => true)
  const port = await freePort()
  await bus.listen({ addresses: ['127.0.0.1'], port, localAddress: undefined })
  const socket = connect(port, '127.0.0.1')
  const [channel, message] = [new Uint8Array(4), new Uint8Array(200_000)]
  const received = (): ClusterEvent[] => events.filter(({ type }) => type === 'message')
  socket.write(encodeMessage({ header, body: { type: 'auth-ack' } })) // it is known when it has said something
  await expect.poll(() => received().length).toBe(1)
  socket.write(encodeMessage({ header, body: { type: 'publish', channel, message } }))
  await expect.poll(() => received().length).toBe(2)
  socket.destroy()
  await bus.stop()
})

test('the default of bind is every address of both families', async () => {
  const events: ClusterEvent[] = []
  const bus = new BusSockets((event) => events.push(event), () => true)
  const port = await freePort()
  await bus.listen({ addresses: ['*', '-::*'], port, localAddress: undefined })
  const hasIpv6 = Object.values(networkInterfaces()).flat().some((each) => each?.address === '::1')
  const hosts = ['127.0.0.1', ...(hasIpv6 ? ['::1'] : [])]
  const sockets = hosts.map((host) => connect(port, host))
  await expect.poll(() => events.map(({ type }) => type)).toEqual(hosts.map(() => 'accepted'))
  for (const socket of sockets) socket.destroy()
  await bus.stop()
})

test('a connection that is refused says so', async () => {
  const events: ClusterEvent[] = []
  const bus = new BusSockets((event) => events.push(event), () => false)
  bus.connect(1, '127.0.0.1', await freePort())
  await expect.poll(() => events).toEqual([{ type: 'failed', link: 1, refused: true }])
  await bus.stop()
})

const header = {
  port: 1, plainPort: 0, busPort: 2, currentEpoch: 0, configEpoch: 0, offset: 0, sender: 'a'.repeat(40),
  slots: new Uint8Array(2048), replicaOf: null, ip: '', flags: 1, state: 'ok' as const, paused: false, forceAck: false,
}

const listening = async (
  isMember: () => boolean, key = '', onProblem?: (text: string) => void,
): Promise<{ bus: BusSockets; events: ClusterEvent[]; port: number }> => {
  const events: ClusterEvent[] = []
  const bus = new BusSockets((event) => events.push(event), isMember, onProblem)
  bus.keys = BusKeys.parse(key)
  const port = await freePort()
  await bus.listen({ addresses: ['127.0.0.1'], port, localAddress: undefined })
  return { bus, events, port }
}

test('row 82: of the strangers of one address 256 are listened to; members do not count', async () => {
  let member = true
  const { bus, port } = await listening(() => member)
  const call = (): Promise<Socket> => new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket)).on('error', () => undefined)
  })
  const known = await call()
  known.write(announcing(10_000))
  await expect.poll(() => bus.linkCount).toBe(1)
  const strangers = await Promise.all(Array.from({ length: 256 }, call))
  await expect.poll(() => bus.linkCount).toBe(257)
  member = false
  const refused = await call()
  await new Promise((resolve) => refused.once('close', resolve))
  expect(bus.linkCount).toBe(257)
  strangers[0]!.destroy()
  await expect.poll(() => bus.linkCount).toBe(256)
  const admitted = await call()
  await expect.poll(() => bus.linkCount).toBe(257)
  for (const socket of [known, admitted, ...strangers]) socket.destroy()
  await bus.stop()
})

test('the unfinished messages of all strangers of one address are 64 KiB at most', async () => {
  const { bus, port } = await listening(() => false)
  const sockets = Array.from({ length: 3 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
  let open = 3
  for (const socket of sockets) {
    socket.once('close', () => open--)
    socket.write(announcing(40_000))
    socket.write(Buffer.alloc(30_000))
  }
  await expect.poll(() => open).toBe(2)
  await expect.poll(() => bus.linkCount).toBe(2)
  for (const socket of sockets) socket.destroy()
  await bus.stop()
})

test('row 82: a stranger that reads no answers is cut off', async () => {
  const { bus, events, port } = await listening(() => false)
  const socket = connect(port, '127.0.0.1').on('error', () => undefined).pause()
  await expect.poll(() => events.length).toBe(1)
  const link = (events[0] as { link: number }).link
  for (let sent = 0; sent < 20_000 && bus.sendBufferExceeded === 0; sent++)
    bus.send(link, { header, body: { type: 'pong', gossip: [], hostname: '', extensions: [] } })
  expect(bus.sendBufferExceeded).toBe(1)
  await expect.poll(() => events.map(({ type }) => type)).toEqual(['accepted', 'closed'])
  socket.destroy()
  await bus.stop()
})

test.each([[0, 0], [1 << 20, 1]])('row 82: a member that reads nothing is cut off at cluster-link-sendbuf-limit, %i bytes (0: none)', async (limit, exceeded) => {
  const { bus, events, port } = await listening(() => true)
  bus.sendBufferLimit = limit
  const socket = connect(port, '127.0.0.1').on('error', () => undefined).pause()
  await expect.poll(() => events.length).toBe(1)
  const link = (events[0] as { link: number }).link
  const [channel, message] = [new Uint8Array(4), new Uint8Array(64 * 1024)]
  for (let sent = 0; sent < 500 && bus.sendBufferExceeded === 0; sent++) // more than the system takes from it
    bus.send(link, { header, body: { type: 'publish', channel, message } })
  expect(bus.sendBufferExceeded).toBe(exceeded)
  if (exceeded === 1) await expect.poll(() => events.map(({ type }) => type)).toEqual(['accepted', 'closed'])
  else expect(bus.waitingBytes(link)).toBeGreaterThan(1 << 20)
  socket.destroy()
  await bus.stop()
})

const KEY = 'k'.repeat(32)
const OTHER_KEY = 'o'.repeat(32)

/** Node b calls node a: what both hear of the link. */
async function call(
  ofCalled: string, ofCaller: string,
): Promise<{ called: string[]; caller: string[]; problems: string[] }> {
  const problems: string[] = []
  const { bus, events, port } = await listening(() => true, ofCalled, (text) => problems.push(text))
  const heard: ClusterEvent[] = []
  const caller = new BusSockets((event) => {
    heard.push(event)
    if (event.type === 'opened') caller.send(1, { header, body: { type: 'auth-ack' } })
  }, () => true)
  caller.keys = BusKeys.parse(ofCaller)
  caller.connect(1, '127.0.0.1', port)
  await expect.poll(() => heard.some(({ type }) => type !== 'opened') || events.some(({ type }) => type === 'message')).toBe(true)
  await caller.stop()
  await bus.stop()
  return { called: events.map(({ type }) => type), caller: heard.map(({ type }) => type), problems }
}

test('who has the key of the bus is heard, also by the old one of two', async () => {
  const heard = { called: ['accepted', 'message'], caller: ['opened'], problems: [] }
  expect(await call(KEY, KEY)).toEqual(heard)
  expect(await call(`${OTHER_KEY} ${KEY}`, KEY)).toEqual(heard)
  expect(await call(`${OTHER_KEY} ${KEY}`, OTHER_KEY)).toEqual(heard)
})

test('who has two keys calls with the other one where the first is not taken, and says so only if neither is', async () => {
  for (const [ofCalled, isTaken] of [[KEY, true], [OTHER_KEY, true], ['n'.repeat(32), false]] as const) {
    const problems: string[] = []
    const { bus, port } = await listening(() => true, ofCalled)
    const heard: string[] = []
    const caller = new BusSockets(({ type }) => heard.push(type), () => true, (text) => problems.push(text))
    caller.keys = BusKeys.parse(`${OTHER_KEY} ${KEY}`)
    const calls = async (link: number): Promise<string> => {
      const before = heard.length
      caller.connect(link, '127.0.0.1', port)
      await expect.poll(() => heard.length).toBeGreaterThan(before)
      return heard[before]!
    }
    const first = await calls(1)
    const second = await calls(2)
    expect([ofCalled, first, second]).toEqual([ofCalled, ofCalled === OTHER_KEY ? 'opened' : 'failed', isTaken ? 'opened' : 'failed'])
    expect(problems).toHaveLength(isTaken ? 0 : 1)
    await caller.stop()
    await bus.stop()
  }
})

test.each([['another key', OTHER_KEY], ['no key', '']])('who has %s says nothing that is heard', async (_, key) => {
  const { called, caller, problems } = await call(KEY, key)
  expect(called).toEqual([])
  expect(caller.at(-1)).toMatch(/failed|closed/)
  expect(problems[0]).toMatch(/A link from 127.0.0.1 was refused: it has not the key of the bus/)
})

test('who calls a node without a key hears that the link was not made', async () => {
  const problems: string[] = []
  const { bus, port } = await listening(() => true)
  const heard: ClusterEvent[] = []
  const caller = new BusSockets((event) => heard.push(event), () => true, (text) => problems.push(text))
  caller.keys = BusKeys.parse(KEY)
  caller.connect(1, '127.0.0.1', port)
  await expect.poll(() => heard).toEqual([{ type: 'failed', link: 1, refused: false }])
  expect(problems).toEqual([expect.stringMatching(/was not made: has it the same key of the bus/)])
  caller.keys = BusKeys.parse(KEY)
  caller.connect(2, '127.0.0.1', await freePort())
  await expect.poll(() => heard.at(-1)).toEqual({ type: 'failed', link: 2, refused: true })
  await caller.stop()
  await bus.stop()
})

test.each([['short', 'too-short'], ['three', `${KEY} ${KEY} ${KEY}`]])('a key that cannot be: %s', (_, text) => {
  expect(() => BusKeys.parse(text)).toThrow(/cluster bus/)
})

test('the key is read from a file of its owner only; without one there is none', async () => {
  await using dir = tempDir()
  const path = join(dir.path, 'nodes.conf.key')
  expect(BusKeys.read(path)).toBeNull()
  writeFileSync(path, `${KEY}\n${OTHER_KEY}\n`, { mode: 0o600 })
  expect(BusKeys.read(path)).not.toBeNull()
  chmodSync(path, 0o640)
  expect(() => BusKeys.read(path)).toThrow(/may be read by others/)
  writeFileSync(path, '\n')
  chmodSync(path, 0o600)
  expect(() => BusKeys.read(path)).toThrow(/is empty/)
})

test('a refusal is told although another problem was told just now', async () => {
  const problems: string[] = []
  const { bus, port } = await listening(() => true, KEY, (text) => problems.push(text))
  const plain = await listening(() => true)
  bus.connect(1, '127.0.0.1', plain.port)
  await expect.poll(() => problems).toEqual([expect.stringMatching(/was not made/)])
  const stranger = new BusSockets(() => undefined, () => true)
  stranger.keys = BusKeys.parse(OTHER_KEY)
  for (const link of [1, 2, 3]) stranger.connect(link, '127.0.0.1', port)
  await expect.poll(() => stranger.linkCount).toBe(0)
  await expect.poll(() => problems.slice(1)).toEqual([expect.stringMatching(/A link from 127.0.0.1 was refused/)])
  for (const each of [stranger, plain.bus, bus]) await each.stop()
})

test('a caller that ends before or after it has shown its key is none without the key', async () => {
  const problems: string[] = []
  const { bus, events, port } = await listening(() => true, KEY, (text) => problems.push(text))
  let isReset = false
  const silent = connect(port, '127.0.0.1', () => silent.resetAndDestroy()).once('close', () => { isReset = true })
  await expect.poll(() => isReset).toBe(true)
  const below = connect(port, '127.0.0.1')
  const member = connectTls({ socket: below, ...BusKeys.parse(KEY)!.calling(0) }).on('error', () => undefined)
  await expect.poll(() => events.map(({ type }) => type)).toEqual(['accepted'])
  below.resetAndDestroy()
  member.destroy()
  await expect.poll(() => events.map(({ type }) => type)).toEqual(['accepted', 'closed'])
  expect(problems).toEqual([])
  await bus.stop()
})
