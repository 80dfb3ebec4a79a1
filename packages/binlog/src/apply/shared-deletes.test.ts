import { expect, it } from 'vitest'
import { MemoryTarget } from '../../test/memory-target.js'
import type { Command } from '../mapping/row-writer.js'
import { withSharedDeletes } from './shared-deletes.js'

const words = (...lines: string[]): string[][] => lines.map((line) => line.split(' '))

it('rows that are new share one DEL', () => {
  expect(withSharedDeletes(words('DEL a', 'HSET a f 1', 'PEXPIRE a 9', 'DEL b', 'HSET b f 1', 'DEL c')))
    .toEqual(words('DEL a b c', 'HSET a f 1', 'PEXPIRE a 9', 'HSET b f 1'))
  expect(withSharedDeletes([])).toEqual([])
})

it('a key that comes again is deleted behind what was written before', () => {
  expect(withSharedDeletes(words('DEL a', 'HSET a f 1', 'DEL b', 'HSET b f 1', 'DEL a', 'HSET a g 2')))
    .toEqual(words('DEL a b', 'HSET a f 1', 'HSET b f 1', 'DEL a', 'HSET a g 2'))
  expect(withSharedDeletes(words('HSET a f 1', 'DEL a', 'DEL a'))).toEqual(words('HSET a f 1', 'DEL a', 'DEL a'))
})

it('what has several keys, or bytes as its key, stays where it is', () => {
  const bytes = Buffer.from('a')
  const commands: Command[] = [['DEL', 'a'], ['DEL', bytes], ['DEL', 'a', 'b'], ['DEL', 'b']]
  expect(withSharedDeletes(commands)).toEqual([['DEL', 'a'], ['DEL', bytes], ['DEL', 'a', 'b'], ['DEL', 'b']])
})

function run(target: MemoryTarget, commands: readonly Command[]): void {
  void target.multi((batch) => { for (const [name, ...args] of commands) batch.command(name as string, ...args) })
}

it('leaves every store as the commands one after another leave it', () => {
  let state = 7
  const below = (limit: number): number => {
    state = Math.imul(state, 1_103_515_245) + 12_345 >>> 0
    return (state >>> 8) % limit
  }
  for (let round = 0; round < 300; round++) {
    const commands = Array.from({ length: below(40) }, (): Command => {
      const key = `k${below(5)}`
      switch (below(5)) {
        case 0: return ['HSET', `h${key}`, `f${below(3)}`, String(below(9))]
        case 1: return ['HDEL', `h${key}`, `f${below(3)}`]
        case 2: return ['SET', key, String(below(9))]
        case 3: return ['DEL', key]
        default: return ['DEL', `h${key}`]
      }
    })
    const [plain, shared] = [new MemoryTarget(), new MemoryTarget()]
    run(plain, commands)
    run(shared, withSharedDeletes(commands))
    expect(shared.keys, JSON.stringify(commands)).toEqual(plain.keys)
  }
})
