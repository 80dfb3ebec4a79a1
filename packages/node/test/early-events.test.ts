/** A node serves clients as soon as it can: what they ask for may come before whoever started it listens. */
import { loadConfig } from '@slotwise/config'
import { Node, nodeOptionsOf } from '@slotwise/node'
import { freePort, RespClient, tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'

it('what is logged stands with loglevel in one order, and the first listener is told of the SHUTDOWN before it', async () => {
  await using dir = tempDir()
  const port = await freePort()
  const heard: string[] = []
  const config = loadConfig({ args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir.path] })
  await using node = await Node.start(nodeOptionsOf(config), {
    line: ({ message }) => heard.push(message),
    level: (level) => heard.push(`loglevel ${level}`),
  })
  await using client = await RespClient.connect({ port })
  for (const level of ['debug', 'warning']) {
    await using stranger = await RespClient.connect({ port })
    expect(await client.command('CONFIG', 'SET', 'loglevel', level)).toBe('OK')
    stranger.send('*x\r\n')
    await stranger.closed
  }
  client.send('SHUTDOWN NOSAVE\r\n')
  await client.closed
  await waitFor(() => heard.includes('User requested shutdown...'), { what: 'the end' })
  const told = heard.flatMap((text) => /^(loglevel|Protocol error|User requested).*/.exec(text)?.[1] ?? [])
  expect(told).toEqual(['loglevel', 'Protocol error', 'loglevel', 'Protocol error', 'User requested'])
  const codes: number[] = []
  node.on('shutdown', (exitCode) => codes.push(exitCode))
  await waitFor(() => codes.length === 1, { timeoutMs: 10_000, what: 'the exit code' })
  expect(codes).toEqual([0])
})
