/** A store that listens: the same data for Redis clients, also while the process is busy. */
import { describe, expect, it } from 'vitest'
import { RespClient, RespError, tempDir, waitFor } from '@slotwise/testing'
import { Redis } from 'ioredis6'
import { open } from 'slotwise'
import { run } from './child.js'

describe('Redis clients', () => {
  it('see what the process sets, and the other way round', async () => {
    await using store = await open({ codec: 'json' })
    const { port } = await store.listen({ port: 0 })
    const client = new Redis({ port, host: '127.0.0.1' })
    try {
      store.set('user', { name: 'Ada' })
      expect(await client.get('user')).toBe('{"name":"Ada"}')
      await client.set('from:client', '[1,2]')
      expect(store.get('from:client')).toEqual([1, 2])
      expect(await client.incr('n')).toBe(1)
      expect(store.incr('n')).toBe(2)
      const heard = store.subscribe('channel')
      expect(await client.publish('channel', 'hello')).toBe(1)
      expect((await heard.next()).value).toMatchObject({ channel: 'channel', text: 'hello' })
      await heard.return()
    } finally {
      client.disconnect()
    }
  })

  it('are answered while the event loop is blocked', async () => {
    const child = run(`
      import { open } from 'slotwise'
      const store = await open({ codec: 'text' })
      const { port } = await store.listen({ port: 0 })
      store.set('k', 'v')
      process.stdout.write(port + '\\nblocked\\n')
      const until = Date.now() + 60_000
      while (Date.now() < until);
      process.stdout.write('free\\n')`)
    await waitFor(() => child.output().includes('blocked'))
    await using client = await RespClient.connect({ port: Number(child.output().split('\n')[0]) })
    for (let i = 0; i < 200; i++) expect(await client.command('GET', 'k')).toBe('v')
    expect(child.output()).not.toContain('free')
    child.process.kill('SIGKILL')
    await child.ended
  })

  it('need the password that was asked for', async () => {
    await using store = await open()
    const { port } = await store.listen({ port: 0, password: 'secret' })
    store.set('k', 1)
    await using client = await RespClient.connect({ port })
    expect(await client.command('GET', 'k')).toBeInstanceOf(RespError)
    expect(await client.command('AUTH', 'secret')).toBe('OK')
    expect(await client.command('GET', 'k')).toBe('1')
  })

  it('may come through a Unix socket', async () => {
    await using dir = tempDir()
    await using store = await open()
    await store.listen({ port: 0, unixSocket: `${dir.path}/s` })
    const client = new Redis(`${dir.path}/s`)
    expect(await client.ping()).toBe('PONG')
    client.disconnect()
  })

  it('are one listener: the second is refused, as is a port that is taken', async () => {
    await using store = await open()
    await using other = await open()
    const { port } = await store.listen({ port: 0 })
    await expect(store.listen({ port: 0 })).rejects.toThrow(expect.objectContaining({ code: 'LISTEN' }))
    await expect(other.listen({ port })).rejects.toThrow(expect.objectContaining({ code: 'LISTEN' }))
    await expect(other.listen({ port: -1 })).rejects.toThrow(RangeError)
    await expect(other.listen({ port: 70_000 })).rejects.toThrow(expect.objectContaining({ code: 'LISTEN' }))
    expect((await other.listen({ port: 0 })).port).toBeGreaterThan(0)
  })

  it('that ask for SHUTDOWN are told to the application', async () => {
    await using store = await open()
    const { port } = await store.listen({ port: 0 })
    const asked = new Promise<number>((resolve) => store.once('shutdown', resolve))
    const client = await RespClient.connect({ port })
    void client.command('SHUTDOWN', 'NOSAVE').catch(() => undefined)
    expect(await asked).toBe(0)
    store.set('still', 'here')
    expect(store.get('still')).toBe('here')
  })
})
