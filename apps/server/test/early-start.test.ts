/** A server that serves before its log is open: nothing that it says is lost, or filtered by the level of before. */
import { loadConfig } from '@slotwise/config'
import { beginControlThread } from '@slotwise/node/control-thread'
import { freePort, RespClient, tempDir, waitFor } from '@slotwise/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { EarlyStart } from '../src/early-start.js'

/** It takes these over for its process, which is the tests' here. */
const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const
let before: Map<NodeJS.Signals, readonly NodeJS.SignalsListener[]>
beforeEach(() => { before = new Map(signals.map((signal) => [signal, process.listeners(signal)])) })
afterEach(() => {
  for (const signal of signals) {
    const added = process.listeners(signal).filter((listener) => !before.get(signal)!.includes(listener))
    for (const listener of added) process.off(signal, listener)
  }
})

it('whoever logs hears all from the first line on, with the levels between them', async () => {
  await using dir = tempDir()
  const port = await freePort()
  const start = new EarlyStart(loadConfig({ args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir.path] }), beginControlThread())
  await using _ = await start.node
  await using client = await RespClient.connect({ port })
  const malformed = async (): Promise<void> => {
    await using stranger = await RespClient.connect({ port })
    stranger.send('*x\r\n')
    await stranger.closed
  }
  await malformed()
  expect(await client.command('CONFIG', 'SET', 'loglevel', 'debug')).toBe('OK')
  await malformed()
  let level = 'notice'
  const errors: string[] = []
  start.logTo({
    line: ({ message }) => { if (message.startsWith('Protocol error')) errors.push(level) },
    level: (next) => { level = next },
  })
  await waitFor(() => errors.length === 2, { what: 'both lines' })
  expect(errors).toEqual(['notice', 'debug'])
})
