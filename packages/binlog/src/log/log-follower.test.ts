/** The decisions of a follower, event by event. */
import { describe, expect, it } from 'vitest'
import { checkpointKey, printCheckpoint, SNAPSHOT } from './checkpoint.js'
import type { LogBatch, LogCommand } from './log-batch.js'
import { type FollowEffect, type FollowEvent, LogFollower, type LogFollowerOptions } from './log-follower.js'

const me = 'a'.repeat(40)
const source = 'b'.repeat(40)
const third = 'c'.repeat(40)

const command = (text: string, db = 0): LogCommand => ({ db, words: text.split(' ').map((word) => Buffer.from(word)) })
const words = ({ words: list }: LogCommand): string => list.map((word) => Buffer.from(word).toString()).join(' ')
const mark = (origin: string): LogCommand =>
  ({ db: 0, words: ['SET', checkpointKey('x'), printCheckpoint({ source: third, position: 'f:9', origin })].map((word) => Buffer.from(word)) })

/** Transactions end at f:10, f:20, ... */
function batch(...transactions: (string | LogCommand)[][]): LogBatch {
  return {
    next: `f:${transactions.length * 10}`, stream: '', end: 'f:1000', behind: 1000 - transactions.length * 10,
    transactions: transactions.map((commands, i) => ({
      position: `f:${i * 10}`, next: `f:${i * 10 + 10}`, seconds: 1000 + i,
      commands: commands.map((item) => typeof item === 'string' ? command(item) : item),
    })),
  }
}

function follower(options: Partial<LogFollowerOptions> = {}): (event: FollowEvent, nowMs?: number) => FollowEffect[] {
  const machine = new LogFollower({ id: me, start: { source, position: 'f:0', origin: source }, random: () => 1, ...options })
  return Object.assign((event: FollowEvent, nowMs = 0) => machine.step(event, nowMs), { machine })
}
const reading = (options: Partial<LogFollowerOptions> = {}): ReturnType<typeof follower> => {
  const step = follower(options)
  step({ type: 'start' })
  step({ type: 'connected', source })
  return step
}
const applied = (effects: readonly FollowEffect[]): unknown[] =>
  effects.map((effect) => effect.type === 'apply' ? [effect.commands.map(words), effect.checkpoint.position, effect.checkpoint.origin] : effect)

describe('a follower', () => {
  it('connects, reads from where it was, applies whole transactions together, and reads on', () => {
    const step = follower()
    expect(step({ type: 'start' })).toEqual([{ type: 'connect' }])
    expect(step({ type: 'connected', source })).toEqual([{ type: 'read', from: 'f:0' }])
    expect(applied(step({ type: 'batch', batch: batch(['SET a 1'], ['INCR n', 'INCR m']) }))).toEqual([[['SET a 1', 'INCR n', 'INCR m'], 'f:20', source]])
    expect(step({ type: 'applied', errors: [] })).toEqual([{ type: 'read', from: 'f:20' }])
    expect(step({ type: 'batch', batch: { next: 'f:20', stream: '', end: 'f:20', behind: 0, transactions: [] } })).toEqual([{ type: 'read', from: 'f:20' }])
  })

  it('begins with a copy where it is told to, and reads from the moment that the copy shows', () => {
    const step = follower({ start: SNAPSHOT })
    step({ type: 'start' })
    expect(step({ type: 'connected', source })).toEqual([{ type: 'copy', source }])
    // What went wrong begins again, with another copy.
    expect(step({ type: 'failed', message: 'lost', final: false })).toMatchObject([{ type: 'disconnect' }, { type: 'wake' }])
    expect(step({ type: 'copied', stream: `${third}:1`, commands: [] })).toEqual([])
    step({ type: 'tick' }, 1e6)
    expect(step({ type: 'connected', source })).toEqual([{ type: 'copy', source }])
    const stream = `${third}:700`
    expect(step({ type: 'copied', stream, commands: [command('UNLINK x')] }))
      .toMatchObject([{ type: 'apply', commands: [command('UNLINK x')], checkpoint: { source, position: stream, origin: source, stream } }])
    expect(step({ type: 'applied', errors: [] })).toEqual([{ type: 'read', from: stream }])
  })

  it('keeps where that is in the history of its source, if the source says so and it is the same place', () => {
    const step = reading()
    const stream = `${third}:700`
    const at = (): string => (step as unknown as { machine: LogFollower }).machine.view(0).stream
    expect(step({ type: 'batch', batch: { ...batch(['SET a 1']), stream } })).toMatchObject([{ checkpoint: { position: 'f:10', stream } }])
    step({ type: 'applied', errors: [] })
    expect(at()).toBe(stream)
    // The last that is applied ends before what was passed.
    expect(step({ type: 'batch', batch: { ...batch(['SET a 1'], [mark(me)]), stream: `${third}:800` } })).toMatchObject([{ checkpoint: { position: 'f:20', stream: `${third}:800` } }])
    const [effect] = step({ type: 'applied', errors: [] })
    expect(effect).toEqual({ type: 'read', from: 'f:20' })
    step({ type: 'batch', batch: { ...batch(['SET a 1']), next: 'f:15', stream: `${third}:900` } })
    expect(at()).toBe(`${third}:800`)
    step({ type: 'applied', errors: [] })
    expect(at()).toBe(`${third}:900`)
  })

  it('cuts no transaction, and begins another when one is long', () => {
    const step = reading()
    const long = Array.from({ length: 600 }, (_, i) => `SET k${i} v`)
    const [first] = step({ type: 'batch', batch: batch(long, ['SET a 1']) })
    expect(first).toMatchObject({ type: 'apply', checkpoint: { position: 'f:10' } })
    expect(applied(step({ type: 'applied', errors: [] }))).toEqual([[['SET a 1'], 'f:20', source]])
  })

  it('leaves what was made here, and passes on where the rest was made', () => {
    const step = reading()
    expect(applied(step({ type: 'batch', batch: batch(['SET a 1', mark(me)], ['SET b 2', mark(third)], ['SET c 3']) }))).toEqual([[['SET b 2'], 'f:20', third]])
    expect(applied(step({ type: 'applied', errors: [] }))).toEqual([[['SET c 3'], 'f:30', source]])
    const quiet = reading()
    expect(quiet({ type: 'batch', batch: batch(['SET a 1', mark(me)]) })).toEqual([{ type: 'read', from: 'f:10' }])
  })

  it('copies no book-keeping of others, nor is misled by a key that looks like it', () => {
    const step = reading()
    expect(step({ type: 'batch', batch: batch([mark(third)], ['SET __binlog:{m}:position x']) })).toEqual([{ type: 'read', from: 'f:20' }])
    const odd = reading()
    expect(applied(odd({ type: 'batch', batch: batch([`SET ${checkpointKey('x')} nonsense`, 'SET a 1']) }))).toEqual([[['SET a 1'], 'f:10', source]])
  })

  it('remembers where it begins before anything has come, and what it passed when that is much', () => {
    const step = reading({ start: '$' })
    expect(applied(step({ type: 'batch', batch: { next: 'f:500', stream: '', end: 'f:500', behind: 0, transactions: [] } }))).toEqual([[[], 'f:500', source]])
    expect(step({ type: 'applied', errors: [] })).toEqual([{ type: 'read', from: 'f:500' }])
    expect(applied(step({ type: 'batch', batch: { next: 'f:2000000', stream: '', end: 'f:2000000', behind: 0, transactions: [] } }))).toEqual([[[], 'f:2000000', source]])
  })

  it('tries again later and later, from the last position', () => {
    const step = reading({ delayMs: 100, delayMsMax: 350 })
    for (const afterMs of [100, 200, 350, 350]) {
      expect(step({ type: 'failed', message: 'gone', final: false })).toEqual([{ type: 'disconnect' }, { type: 'wake', afterMs }])
      expect(step({ type: 'tick' }, afterMs - 1)).toEqual([])
      expect(step({ type: 'tick' }, afterMs)).toEqual([{ type: 'connect' }])
    }
    expect(step({ type: 'connected', source })).toEqual([{ type: 'read', from: 'f:0' }])
    step({ type: 'batch', batch: batch() })
    expect(step({ type: 'failed', message: 'gone', final: false })).toContainEqual({ type: 'wake', afterMs: 100 })
  })

  it('forgets what it has not applied when the source is lost: it comes again', () => {
    const step = reading()
    step({ type: 'batch', batch: batch(['SET a 1']) })
    step({ type: 'failed', message: 'OOM', final: false })
    expect(step({ type: 'applied', errors: [] })).toEqual([])
    step({ type: 'tick' }, 1e9)
    expect(step({ type: 'connected', source })).toEqual([{ type: 'read', from: 'f:0' }])
  })

  it('gives up where it would follow itself, another history, or what is purged', () => {
    const step = follower()
    step({ type: 'start' })
    expect(step({ type: 'connected', source: me })).toEqual([{ type: 'disconnect' }])
    const other = follower()
    other({ type: 'start' })
    expect(other({ type: 'connected', source: third })).toEqual([{ type: 'disconnect' }])
    const purged = reading()
    expect(purged({ type: 'failed', message: 'PURGED', final: true })).toEqual([{ type: 'disconnect' }])
    expect(purged({ type: 'tick' }, 1e9)).toEqual([])
    expect(purged({ type: 'start' })).toEqual([{ type: 'connect' }])
  })

  it('applies what comes before a command that it cannot, and stops in front of that', () => {
    const filter: LogFollowerOptions['filter'] = {
      matches: (key) => Buffer.from(key).toString().startsWith('u'), keysOf: (list) => Buffer.from(list[0]!).toString() === 'SET' ? [1] : list.map((_, i) => i).slice(1),
    }
    const step = reading({ filter })
    expect(applied(step({ type: 'batch', batch: batch(['SET u1 1', 'SET x 1'], ['DEL u1 x u2'], ['SET x 2'], ['RENAME u1 x'], ['SET u3 1']) })))
      .toEqual([[['SET u1 1', 'DEL u1 u2'], 'f:30', source]])
    expect(step({ type: 'applied', errors: [] })).toEqual([{ type: 'disconnect' }])
    expect(reading({ filter })({ type: 'batch', batch: batch(['FLUSHALL']) })).toEqual([{ type: 'disconnect' }])
    expect(reading()({ type: 'batch', batch: batch(['FLUSHALL']) })).toMatchObject([{ type: 'apply', flush: true }])
  })
})
