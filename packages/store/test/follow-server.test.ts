/** followServer(): a store in this process applies what another server does, once, and goes on where its data is. */
import { FollowerStoppedError, followServer } from '@slotwise/binlog'
import { tempDir, waitFor } from '@slotwise/testing'
import { open } from 'slotwise'
import { expect, it } from 'vitest'

it('a store follows a server, stops, goes on, and says why it cannot', async () => {
  await using there = tempDir()
  await using here = tempDir()
  await using source = await open({ dir: there.path, codec: 'text' })
  const { port } = await source.listen({ port: 0, keepAlive: false })
  const options = { source: { host: '127.0.0.1', port }, from: '0' }
  source.multi((batch) => [batch.incr('n'), batch.set('k', 'v')])
  {
    await using target = await open({ dir: here.path, codec: 'text' })
    const abort = new AbortController()
    const following = followServer({ ...options, into: target, signal: abort.signal })
    await waitFor(() => target.get('k') === 'v', { what: 'the first transaction' })
    source.incr('n')
    await waitFor(() => target.get('n') === '2', { what: 'the second' })
    abort.abort()
    await following
  }
  source.incr('n')
  await using target = await open({ dir: here.path, codec: 'text' })
  const abort = new AbortController()
  const following = followServer({ ...options, into: target, signal: abort.signal })
  await waitFor(() => target.get('n') === '3', { what: 'the third' })
  abort.abort()
  await following
  expect(target.get('k')).toBe('v')
  await expect(followServer({ ...options, into: target, name: 'other', from: '1:5' })).rejects.toThrow(FollowerStoppedError)
  await expect(followServer({ ...options, into: source, name: 'self' })).rejects.toThrow('this server would follow itself')
})
