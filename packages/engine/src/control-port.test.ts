import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { type ControlRequest } from './control-port.js'
import { Engine } from './engine.js'
import type { SlotMap } from './control-port.js'

const half: SlotMap = {
  ok: true, myself: 0, primary: null,
  nodes: [{ host: '127.0.0.1', port: 7000 }, { host: 'other.example.com', port: 7001 }],
  runs: [[0, 8191, 0], [8192, 16383, 1]], migrating: [], importing: [],
}

/** The lines of a reply, until `count` have come. */
async function talk(port: number, text: string, count: number): Promise<string[]> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  let reply = ''
  for await (const bytes of socket) {
    reply += String(bytes)
    if (reply.split('\r\n').length > count) break
  }
  return reply.split('\r\n').slice(0, count)
}

test('the control plane says who owns which slot, and answers what is its business', async () => {
  const requests: ControlRequest[] = []
  const published: unknown[] = []
  const engine = await Engine.open({
    cluster: true,
    directives: [['port', '0'], ['save', '']],
    onControlRequest: (request) => {
      requests.push(request)
      control.answer(request.id, Buffer.from(`+${request.args.join(' ')}\r\n`))
    },
    onPublished: (channel, message, shard) => published.push([String(channel), String(message), shard]),
  })
  const control = engine.control()
  const port = await engine.listen({ anyPort: true })

  expect(await talk(port, 'GET foo\r\n', 1)).toEqual(['-CLUSTERDOWN Hash slot not served'])
  control.setSlotMap(half)
  expect(await talk(port, 'GET foo\r\nSET bar 1\r\n', 2)).toEqual(['-MOVED 12182 other.example.com:7001', '+OK'])
  control.setSlotMap({ ...half, migrating: [[5061, 1]] })
  expect(await talk(port, 'GET {bar}2\r\n', 1)).toEqual(['-ASK 5061 other.example.com:7001'])
  control.setSlotMap({ ...half, importing: [[12182, 1]] })
  expect(await talk(port, 'ASKING\r\nGET foo\r\n', 2)).toEqual(['+OK', '$-1'])

  expect(await talk(port, 'HELLO 3\r\nCLUSTER NODES\r\n', 27)).toContain('+CLUSTER NODES')
  expect(requests.map(({ protocol, args }) => [protocol, ...args.map(String)])).toEqual([[3, 'CLUSTER', 'NODES']])
  await talk(port, 'PUBLISH news hello\r\nSPUBLISH bar hi\r\n', 2)
  await expect.poll(() => published).toEqual([['news', 'hello', false], ['bar', 'hi', true]])

  expect(control.clearSlot(5061)).toBe(1)
  expect(engine.command(['DBSIZE'])).toBe(0)
  await engine.close()
})

test('what is no slot map changes nothing', async () => {
  const engine = await Engine.open({ cluster: true })
  const control = engine.control()
  control.setSlotMap(half)
  expect(() => control.setSlotMap({ ...half, runs: [[0, 16384, 0]] })).toThrow('not a slot map: slot out of range')
  expect(() => control.setSlotMap({ ...half, myself: 2 })).toThrow('not a slot map: it does not name this node')
  expect(engine.command(['SET', 'bar', '1'])).toBe('OK')
  await engine.close()
})

test('a node of its own has a control plane, for what is not about slots', async () => {
  const engine: Engine = await Engine.open({
    onControlRequest: ({ id, args }) => control.answer(id, Buffer.from(`+${args.join(' ')}\r\n`)),
  })
  const control = engine.control()
  const port = await engine.listen({ anyPort: true, directives: [['port', '0']] })
  expect(await talk(port, 'FOLLOWER STATUS\r\nCLUSTER NODES\r\n', 2)).toEqual(['+FOLLOWER STATUS', '-ERR This instance has cluster support disabled'])
  expect(() => control.setSlotMap(half)).toThrow('the engine is not a node of a cluster')
  await engine.close()
})

test('a message of another node reaches subscribers here', async () => {
  const messages: string[][] = []
  const engine = await Engine.open({ cluster: true, onMessage: (parts) => messages.push(parts.map(String)) })
  const control = engine.control()
  engine.command(['SUBSCRIBE', 'news'])
  control.deliver(Buffer.from('news'), Buffer.from('hello'), false)
  await expect.poll(() => messages).toEqual([['message', 'news', 'hello']])
  await engine.close()
})
