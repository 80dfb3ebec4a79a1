import { expect, it } from 'vitest'
import type { Command } from '../mapping/row-writer.js'
import type { SourcePosition } from '../stream/position.js'
import { ApplyAhead } from './apply-ahead.js'
import type { Batch } from './batch.js'
import type { FollowState } from './state.js'

const position: SourcePosition = { flavour: 'mariadb', server: 's', file: 'bin.1', position: 4, gtids: '0-1-2' }
const batch = (name: string): Batch => ({ commands: [['SET', name, '1']], reached: { type: 'position', position, endsPart: false }, transactions: 1, rows: 1 })
const nameOf = ({ commands }: Batch): string => commands[0]![1] as string

/** A store that takes a batch when it is told to. */
class SlowStore {
  readonly begun: string[] = []
  readonly #ends: { resolve: () => void; reject: (error: Error) => void }[] = []

  apply(taken: Batch): Promise<void> {
    this.begun.push(nameOf(taken))
    return new Promise((resolve, reject) => this.#ends.push({ resolve, reject }))
  }

  end(error?: Error): void {
    const { resolve, reject } = this.#ends.shift()!
    if (error === undefined) resolve()
    else reject(error)
  }

  prepared(): Promise<Command[] | null> { return Promise.resolve([['DEL', this.begun.join()]]) }

  async* keys(): AsyncGenerator<string, void, undefined> { yield await Promise.resolve(this.begun.join()) }
}

function aheadOf(store: SlowStore, signal?: AbortSignal) {
  const applied: string[] = []
  const failures: unknown[] = []
  const ahead = new ApplyAhead({
    state: store as unknown as FollowState, signal,
    onApplied: (done) => applied.push(nameOf(done)), onFailure: (error) => failures.push(error),
  })
  return { ahead, applied, failures }
}
/** All that can go on without the store has. */
const idle = (): Promise<unknown> => new Promise(setImmediate)

it('the next batch may be made while one is on its way, and is not begun before that is there', async () => {
  const store = new SlowStore()
  const { ahead, applied } = aheadOf(store)
  await ahead.apply(batch('a'))
  const second = ahead.apply(batch('b'))
  await idle()
  expect([store.begun, applied]).toEqual([['a'], []])
  store.end()
  await second
  expect([store.begun, applied]).toEqual([['a', 'b'], ['a']])
  store.end()
  await ahead.settled()
  expect(applied).toEqual(['a', 'b'])
})

it('nothing is begun behind a batch that the store refused', async () => {
  const store = new SlowStore()
  const { ahead, applied, failures } = aheadOf(store)
  await ahead.apply(batch('a'))
  const second = ahead.apply(batch('b'))
  const refused = new Error('no memory')
  store.end(refused)
  await expect(second).rejects.toBe(refused)
  await expect(ahead.apply(batch('c'))).rejects.toBe(refused)
  await expect(ahead.settled()).rejects.toBe(refused)
  expect([store.begun, applied, failures]).toEqual([['a'], [], [refused]])
})

it('nor behind the end that was asked for, though what is on its way ends', async () => {
  const store = new SlowStore()
  const controller = new AbortController()
  const { ahead, applied } = aheadOf(store, controller.signal)
  await ahead.apply(batch('a'))
  const second = ahead.apply(batch('b'))
  controller.abort(new Error('enough'))
  store.end()
  await expect(second).rejects.toThrow('enough')
  await ahead.settled()
  expect([store.begun, applied]).toEqual([['a'], ['a']])
})

it('what is looked for in the store is looked for when that has what is on its way', async () => {
  const store = new SlowStore()
  const { ahead } = aheadOf(store)
  await ahead.apply(batch('a'))
  const found: unknown[] = []
  const looking = (async () => {
    found.push(await ahead.lookups().prepared('x'))
    for await (const key of ahead.lookups().keys('*')) found.push(key)
  })()
  await idle()
  expect(found).toEqual([])
  store.end()
  await looking
  expect(found).toEqual([[['DEL', 'a']], 'a'])
})
