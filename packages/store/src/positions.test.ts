/** Two stores in one process, one the replica of the other: positions, and how old what is read may be. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { open, OtherHistoryError, PositionTimeoutError, ReplyError, StaleError, type Store } from './index.js'

const directives = { 'repl-diskless-sync-delay': 0, 'enable-debug-command': 'yes' }
let primary: Store
let replica: Store
let limited: Store
let port: number
beforeEach(async () => {
  primary = await open({ directives });
  ({ port } = await primary.listen({ port: 0 }))
  replica = await open({ name: 'positions', directives: { ...directives, replicaof: ['127.0.0.1', String(port)] } })
  limited = await open({ name: 'positions', attachOnly: true, maxStalenessMs: 200 })
  await replica.waitFor(primary.position(), { timeoutMs: 10_000 })
})
afterEach(async () => {
  await limited.close()
  await replica.close()
  await primary.close()
})

const pause = (ms: number): unknown => replica.command('DEBUG', 'PAUSE-REPLICA-APPLY', ms)
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 5000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 2))
  expect(condition()).toBe(true)
}
const refusal = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    return (error as Error).name
  }
}

describe('a position', () => {
  it('is reached when the replica shows what was written before it', async () => {
    pause(60_000)
    primary.set('cart', { items: 3 })
    const waiting = replica.waitFor(primary.position())
    expect(replica.get('cart')).toBeNull()
    pause(0)
    await waiting
    expect(replica.get('cart')).toEqual({ items: 3 })
    await primary.waitFor(primary.position())
    await primary.waitFor(replica.position())
  })

  it('that is not reached in time is an error, and so is an end of waiting', async () => {
    pause(60_000)
    primary.set('k', 1)
    const position = primary.position()
    await expect(replica.waitFor(position, { timeoutMs: 20 })).rejects.toThrow(PositionTimeoutError)
    await expect(replica.waitFor(position, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    const controller = new AbortController()
    const aborted = replica.waitFor(position, { signal: controller.signal })
    controller.abort(new Error('not any more'))
    await expect(aborted).rejects.toThrow('not any more')
    const closed = expect(limited.waitFor(position)).rejects.toMatchObject({ code: 'CLOSED' })
    await limited.close()
    await closed
  })

  it('of another store is one of another history', async () => {
    await using stranger = await open()
    await expect(replica.waitFor(stranger.position())).rejects.toThrow(OtherHistoryError)
    await expect(replica.waitFor(stranger.position())).rejects.toMatchObject({ code: 'HISTORY' })
    await expect(replica.waitFor('here')).rejects.toThrow(ReplyError)
    await expect(replica.waitFor(5 as unknown as string)).rejects.toThrow(TypeError)
    await expect(replica.waitFor(replica.position(), { timeoutMs: -1 })).rejects.toThrow(RangeError)
  })
})

describe('a store with a limit', () => {
  it('throws rather than to show what may be older', async () => {
    primary.setMany({ a: 1, b: 'text', c: { deep: true } })
    await replica.waitFor(primary.position())
    await until(() => refusal(() => limited.get('a')) === 1)
    pause(60_000)
    primary.set('a', 2)
    await until(() => refusal(() => limited.get('a')) === 'StaleError')
    for (const read of [
      () => limited.get('b'), () => limited.getMany(['a', 'c']), () => limited.mGet(['a', 'b']), () => limited.exists('a'), () => limited.hGet('h', 'f'),
      () => limited.command('GET', 'a'),
    ]) expect(refusal(read)).toBe('StaleError')
    expect(() => limited.get('a')).toThrow(StaleError)
    expect(() => limited.get('a')).toThrow(expect.objectContaining({ code: 'STALE' }))
    expect(refusal(() => limited.batch((batch) => [batch.get('a')]))).toBe('BatchError')
    expect(refusal(() => limited.multi((multi) => [multi.get('a')]))).toBe('ReplyError')
    // Who has no limit reads what there is, in the same engine.
    expect(replica.get('a')).toBe(1)
    expect(limited.stalenessMs()).toBeGreaterThan(200)
    pause(0)
    await until(() => refusal(() => limited.get('a')) === 2)
    expect(primary.stalenessMs()).toBe(0)
  })

  it('is one by its option alone', async () => {
    expect(() => limited.command('SLOTWISE.STALENESS', 5)).toThrow(TypeError)
    await expect(open({ maxStalenessMs: -1 })).rejects.toThrow(RangeError)
    await expect(open({ maxStalenessMs: 1.5 })).rejects.toThrow(RangeError)
    await using alone = await open({ maxStalenessMs: 1 })
    alone.set('k', 'v')
    expect(alone.get('k')).toBe('v')
  })
})
