import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Cursor } from '../bytes/cursor.js'
import { BinlogError, DecodeError } from '../errors.js'
import { MariadbGtidPosition } from './mariadb-gtid-position.js'
import { MysqlGtidSet } from './mysql-gtid-set.js'
import { signed, varint } from './tagged-varint.js'

const a = '0cf09f5a-e5e1-11f1-812d-02fc00000001'
const b = '1cf09f5a-e5e1-11f1-812d-02fc00000001'

describe('a set of MySQL GTIDs', () => {
  it('holds what was added, whatever the order, in the fewest intervals', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (numbers) => {
      const set = new MysqlGtidSet()
      for (const number of numbers) set.add(`${a}:${number}`)
      for (let number = 1; number <= 41; number++) expect(set.has(`${a}:${number}`)).toBe(numbers.includes(number))
      const again = MysqlGtidSet.parse(set.toString())
      expect(again.toString()).toBe(set.toString())
      const sorted = [...new Set(numbers)].sort((x, y) => x - y)
      const intervals = sorted.filter((number, i) => number !== (sorted[i - 1] ?? -1) + 1).length
      expect(set.toString().split(':')).toHaveLength(intervals + 1)
    }))
  })

  it('has the same text whichever of its uuids grew last, and whenever it was asked for', () => {
    const sources = [a, b, `${b}:tag`, `${a}:other`, '2cf09f5a-e5e1-11f1-812d-02fc00000001']
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 9 }), fc.boolean())), (steps) => {
      const set = new MysqlGtidSet()
      const added: string[] = []
      for (const [source, number, asks] of steps) {
        added.push(`${sources[source]!}:${number}`)
        set.add(added.at(-1)!)
        if (asks) expect(set.toString()).toBe(MysqlGtidSet.parse(added.join(',')).clone().toString())
      }
      expect(set.toString()).toBe(MysqlGtidSet.parse(added.join(',')).toString())
    }))
    expect(MysqlGtidSet.parse(`${b}:7:tag:1,${a}:1-2`).toString()).toBe(`${a}:1-2,${b}:7:tag:1`)
  })

  it('survives its binary form, plain and tagged', () => {
    for (const text of [`${a}:1-5:7,${b}:1-9`, `${a}:1-220:mytag:1`, '']) {
      const bytes = MysqlGtidSet.parse(text).encode()
      expect(MysqlGtidSet.read(new Cursor(bytes)).toString()).toBe(text)
    }
    expect(MysqlGtidSet.parse(`${a}:1-5`).encode()[0]).toBe(1)
    expect(MysqlGtidSet.parse(`${a}:1-5`).encode()[7]).toBe(0)
  })

  it('reads spaces, newlines and capitals as the server prints and takes them', () => {
    expect(MysqlGtidSet.parse(`${a.toUpperCase()}:1-5,\n ${b}:7`).toString()).toBe(`${a}:1-5,${b}:7`)
  })

  it('knows what it contains and what it shares', () => {
    const set = MysqlGtidSet.parse(`${a}:1-10,${b}:1-3`)
    expect(set.contains(MysqlGtidSet.parse(`${a}:2-10`))).toBe(true)
    expect(set.contains(MysqlGtidSet.parse(`${a}:2-11`))).toBe(false)
    expect(set.intersection(MysqlGtidSet.parse(`${a}:5-20:30`)).toString()).toBe(`${a}:5-10`)
    const copy = set.clone()
    copy.add(`${a}:11`)
    expect(set.has(`${a}:11`)).toBe(false)
  })

  it.each(['x', a, `${a}:0`, `${a}:5-1`, `${a}:1-`, `${a}:-1`, `${a}:1-99999999999999999999`, `${a}:Bad tag`])('refuses %s', (text) => {
    expect(() => MysqlGtidSet.parse(text)).toThrow(DecodeError)
  })

  it('refuses any bytes that are none, without believing their counts', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        MysqlGtidSet.read(new Cursor(Buffer.from(bytes)))
      } catch (error) {
        expect(error).toBeInstanceOf(BinlogError)
      }
    }))
    expect(() => MysqlGtidSet.read(new Cursor(Buffer.from('ffffff0000000000', 'hex')))).toThrow(DecodeError)
  })
})

describe('a position in a MariaDB stream', () => {
  it('is the last GTID of each domain', () => {
    const position = MariadbGtidPosition.parse('7-1001-1,0-1001-186')
    position.set(0, 1002, 187)
    expect(position.toString()).toBe('0-1002-187,7-1001-1')
    expect(position.has(0, 187)).toBe(true)
    expect(position.has(0, 188)).toBe(false)
    expect(position.has(3, 1)).toBe(false)
    expect(MariadbGtidPosition.parse('').isEmpty).toBe(true)
  })

  it.each(['0-1', '0-1-x', '0-1-99999999999999999999'])('refuses %s', (text) => {
    expect(() => MariadbGtidPosition.parse(text)).toThrow(DecodeError)
  })
})

describe('tagged integers', () => {
  it.each([
    ['00', 0n], ['74', 58n], ['c103', 240n], ['83120b', 90704n], ['7fabb0f368ce6006', 0x0660ce68f3b0abn],
    ['ff0102030405060708', 0x0807060504030201n],
  ])('%s', (hex, value) => {
    expect(varint(new Cursor(Buffer.from(hex, 'hex')))).toBe(value)
  })

  it('keep their sign', () => {
    expect(signed(new Cursor(Buffer.from('08', 'hex')))).toBe(2n)
    expect(signed(new Cursor(Buffer.from('02', 'hex')))).toBe(-1n)
  })
})
