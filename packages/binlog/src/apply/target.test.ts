import { describe, expect, it } from 'vitest'
import { MemoryTarget } from '../../test/memory-target.js'
import type { SourcePosition } from '../stream/position.js'
import { TargetState } from './target.js'

const position: SourcePosition = { flavour: 'mariadb', server: 's', file: 'bin.1', position: 4, gtids: '0-1-2' }

describe('what a follower keeps in the store', () => {
  it('is the position, in the same transaction as the rows before it', async () => {
    const target = new MemoryTarget()
    const state = new TargetState(target, 'a')
    expect(await state.position()).toBeNull()
    await state.apply({ commands: [['DEL', 'k'], ['HSET', 'k', 'f', 'v']], reached: { type: 'position', position, endsPart: false } })
    expect(target.transactions.map((commands) => commands.map(([name]) => name))).toEqual([['DEL', 'HSET', 'SET']])
    expect(await new TargetState(target, 'a').position()).toEqual(position)
    expect(await new TargetState(target, 'b').position()).toBeNull()
  })

  it('is what was prepared, word for word', async () => {
    const target = new MemoryTarget()
    const state = new TargetState(target, 'a')
    await state.run([state.prepare('x', [['SET', 'b', new Uint8Array([0, 255])], ['DEL', 'd']])])
    expect(await state.prepared('x')).toEqual([['SET', 'b', Buffer.from([0, 255])], ['DEL', 'd']])
    await state.run([state.forget('x')])
    expect(await state.prepared('x')).toBeNull()
  })

  it('is refused if it is something else', async () => {
    const target = new MemoryTarget()
    target.keys.set('__binlog:{a}:position', '{"flavour":"oracle"}')
    await expect(new TargetState(target, 'a').position()).rejects.toThrow(/holds no position/)
    target.keys.set('__binlog:{a}:part', '{"position":null,"rows":1,"mapping":"m"}')
    await expect(new TargetState(target, 'a').part()).rejects.toThrow(/holds no position/)
    target.keys.set('__binlog:{a}:part', '{"rows":-1.5}')
    await expect(new TargetState(target, 'a').part()).rejects.toThrow(/no part/)
    expect(() => new TargetState(target, 'a}b')).toThrow(TypeError)
  })
})
