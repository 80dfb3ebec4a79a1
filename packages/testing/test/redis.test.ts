import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { describePeer, RespClient, RespError, startRedis, tempDir, waitFor } from '@slotwise/testing'

describePeer('redis-server', 'startRedis', () => {
  it('gives a server that answers, and leaves nothing behind', async () => {
    let dir = ''
    let port = 0
    {
      await using redis = await startRedis();
      ({ dir, port } = redis)
      await using client = await redis.client()
      expect(await client.command('SET', 'k', 'v')).toBe('OK')
      expect(await client.wire('GET', 'k')).toBe('$1\r\nv\r\n')
      expect(await client.command('INCR', 'k')).toEqual(new RespError('ERR value is not an integer or out of range'))
      await waitFor(() => redis.output.includes('Ready to accept connections'))
    }
    expect(existsSync(dir)).toBe(false)
    await expect(RespClient.connect({ port })).rejects.toThrow('ECONNREFUSED')
  })

  it('keeps the data of the folder that it is given', async () => {
    await using folder = tempDir()
    const args = ['--appendonly', 'yes', '--appendfsync', 'always']
    {
      await using redis = await startRedis({ dir: folder.path, args })
      await using client = await redis.client()
      await client.command('SET', 'k', 'v')
      expect(await redis.sigkill()).toEqual({ code: null, signal: 'SIGKILL' })
    }
    await using again = await startRedis({ dir: folder.path, args })
    await using client = await again.client()
    expect(await client.command('GET', 'k')).toBe('v')
    expect(await again.stop()).toEqual({ code: 0, signal: null })
  })

  it('reads pipelines, pushes and RESP3', async () => {
    await using redis = await startRedis({ password: 'secret', args: ['--requirepass', 'secret'] })
    await using client = await redis.client()
    await client.command('HELLO', 3)
    expect(await client.pipeline([['SET', 'a', 1], ['INCR', 'a'], ['CONFIG', 'GET', 'appendonly']]))
      .toEqual(['OK', 2, new Map([['appendonly', 'no']])])
    await client.command('CLIENT', 'TRACKING', 'ON')
    await client.command('GET', 'a')
    await using other = await redis.client()
    await other.command('SET', 'a', 5)
    expect(await client.read()).toEqual({ values: ['invalidate', ['a']] })
  })

  it('sends half a command and waits for the rest', async () => {
    await using redis = await startRedis()
    await using client = await redis.client({ timeoutMs: 100 })
    client.send('*1\r\n$4\r\nPI')
    await expect(client.read()).rejects.toThrow('no reply within 100 ms')
    client.send('NG\r\n')
    await waitFor(() => client.unreadCount === 1)
    expect(await client.readWire()).toBe('+PONG\r\n')
  })

  it('notices that the server closed the connection', async () => {
    await using redis = await startRedis()
    await using client = await redis.client()
    client.send('*1\r\n$-9\r\n')
    expect(await client.read()).toEqual(new RespError('ERR Protocol error: invalid bulk length'))
    await client.closed
    await expect(client.read()).rejects.toThrow('the server closed the connection')
  })

  it('reports a server that cannot start with its output', async () => {
    await expect(startRedis({ args: ['--port', 'nonsense'] })).rejects.toThrow('FATAL CONFIG FILE ERROR')
  })
})
