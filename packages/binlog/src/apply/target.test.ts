import { describe, expect, it } from 'vitest'
import { MemoryTarget } from '../../test/memory-target.js'
import type { SourcePosition } from '../stream/position.js'
import { TargetState } from './target.js'

const position: SourcePosition = { flavour: 'mariadb', server: 's', file: 'bin.1', position: 4, gtids: '0-1-2' }

describe('what a follower keeps in the store', () => {
  it('is the position, in the same transaction as the rows before it', () => {
    const target = new MemoryTarget()
    const state = new TargetState(target, 'a')
    expect(state.position()).toBeNull()
    state.apply([['DEL', 'k'], ['HSET', 'k', 'f', 'v']], position)
    expect(target.transactions.map((commands) => commands.map(([name]) => name))).toEqual([['DEL', 'HSET', 'SET']])
    expect(new TargetState(target, 'a').position()).toEqual(position)
    expect(new TargetState(target, 'b').position()).toBeNull()
  })

  it('is what was prepared, word for word', () => {
    const target = new MemoryTarget()
    const state = new TargetState(target, 'a')
    state.run([state.prepare('x', [['SET', 'b', new Uint8Array([0, 255])], ['DEL', 'd']])])
    expect(state.prepared('x')).toEqual([['SET', 'b', Buffer.from([0, 255])], ['DEL', 'd']])
    state.run([state.forget('x')])
    expect(state.prepared('x')).toBeNull()
  })

  it('is refused if it is something else', () => {
    const target = new MemoryTarget()
    target.keys.set('__binlog:{a}:position', '{"flavour":"oracle"}')
    expect(() => new TargetState(target, 'a').position()).toThrow(/holds no position/)
    expect(() => new TargetState(target, 'a}b')).toThrow(TypeError)
  })
})
