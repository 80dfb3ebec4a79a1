import { connect } from 'node:net'
import { type ClusterEvent, encodeMessage } from '@slotwise/cluster'
import { freePort } from '@slotwise/testing'
import { expect, test } from 'vitest'
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
  const header = {
    port: 1, plainPort: 0, busPort: 2, currentEpoch: 0, configEpoch: 0, offset: 0, sender: 'a'.repeat(40),
    slots: new Uint8Array(2048), replicaOf: null, ip: '', flags: 1, state: 'ok' as const, paused: false, forceAck: false,
  }
  const [channel, message] = [new Uint8Array(4), new Uint8Array(200_000)]
  const received = (): ClusterEvent[] => events.filter(({ type }) => type === 'message')
  socket.write(encodeMessage({ header, body: { type: 'auth-ack' } })) // it is known when it has said something
  await expect.poll(() => received().length).toBe(1)
  socket.write(encodeMessage({ header, body: { type: 'publish', channel, message } }))
  await expect.poll(() => received().length).toBe(2)
  socket.destroy()
  await bus.stop()
})

test('a connection that is refused says so', async () => {
  const events: ClusterEvent[] = []
  const bus = new BusSockets((event) => events.push(event), () => false)
  bus.connect(1, '127.0.0.1', await freePort())
  await expect.poll(() => events).toEqual([{ type: 'failed', link: 1, refused: true }])
  await bus.stop()
})
