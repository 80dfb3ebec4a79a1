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

/** A source whose beginning is purged, with what was there and a way to it. */
async function purgedSource(dir: string) {
  const source = await open({ dir, codec: 'text', directives: { 'repl-diskless-sync-delay': 0 } })
  const { port } = await source.listen({ port: 0, keepAlive: false })
  for (let i = 0; i < 700; i++) source.set(`key:${i}`, String(i))
  source.command('HSET', 'h', 'f', 'v')
  source.set('t', 'v', { ttlMs: 600_000 })
  source.command('BGREWRITEAOF')
  await waitFor(() => {
    const status = source.command('BINLOG STATUS') as unknown as Map<string, string>
    return status.get('oldest')!.startsWith('appendonly.aof.2.')
  }, { timeoutMs: 60_000, what: 'the rewrite' })
  return { source, address: { host: '127.0.0.1', port } }
}

it('a store begins with a snapshot where the beginning is purged, and has everything since, once', async () => {
  await using there = tempDir()
  await using here = tempDir()
  const { source, address } = await purgedSource(there.path)
  await using _ = source
  {
    await using target = await open({ dir: here.path, codec: 'text' })
    // What a copy left that was killed: the source has deleted it since.
    target.multi((batch) => [batch.set('gone', '1'), batch.command('SADD', '__binlog:{default}:copied:0', 'gone'), batch.set('own', '1')])
    await expect(followServer({ source: address, into: target, name: 'all', from: '0' })).rejects.toThrow(/^PURGED /)
    await expect(followServer({ source: address, into: target, from: 'snapshot' })).rejects.toThrow(/`open`/)
    const abort = new AbortController()
    const states: string[] = []
    const following = followServer({ source: address, into: target, from: 'snapshot', open, signal: abort.signal, onState: ({ state }) => states.push(state) })
    const counting = setInterval(() => source.incr('n'), 1)
    await waitFor(() => states.includes('reading'), { timeoutMs: 60_000, what: 'the copy' })
    const copied = source.incr('n')
    await waitFor(() => source.incr('n') > copied + 20, { what: 'more writes' })
    clearInterval(counting)
    const wanted = source.get('n')
    await waitFor(() => target.get('n') === wanted, { timeoutMs: 60_000, what: 'what was written since' })
    expect([target.get('key:699'), target.command('HGET', 'h', 'f'), target.get('gone'), target.get('own')]).toEqual(['699', 'v', null, '1'])
    expect(Number(target.command('PTTL', 't'))).toBeGreaterThan(400_000)
    // All keys of the source, its own, and where it is.
    expect(target.dbSize()).toBe(source.dbSize() + 2)
    abort.abort()
    await following
  }
  source.incr('n')
  await using target = await open({ dir: here.path, codec: 'text' })
  const abort = new AbortController()
  const states: string[] = []
  const following = followServer({ source: address, into: target, from: 'snapshot', open, signal: abort.signal, onState: ({ state }) => states.push(state) })
  await waitFor(() => target.get('n') === source.get('n'), { timeoutMs: 60_000, what: 'the rest' })
  expect(states).not.toContain('copying')
  abort.abort()
  await following
})

it('a snapshot with other databases is refused by a store, before anything of it is there', async () => {
  await using there = tempDir()
  const { source, address } = await purgedSource(there.path)
  await using _ = source
  await using third = await open({ dir: there.path, codec: 'text', db: 3 })
  third.set('k', 'v')
  await using target = await open({ codec: 'text' })
  await expect(followServer({ source: address, into: target, from: 'snapshot', open })).rejects.toThrow(/keys in database 3/)
  expect(target.dbSize()).toBe(0)
})
