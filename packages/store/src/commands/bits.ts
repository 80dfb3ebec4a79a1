/** Bits and bit fields of strings. Source: Redis 7.0 command documentation, bitmap. */
import type { Bytes } from '@slotwise/engine'
import { type Answer, asNumber, type Key, type Mode, numberText, wholeNumber } from './sender.js'
import { StringCommands } from './strings.js'

/** Part of a string: both ends included, negative ones count from the end. */
export interface BitRange {
  start: number
  /** @default -1, the last */
  end?: number
  /** What start and end count. @default 'byte' */
  unit?: 'byte' | 'bit'
}

/** `u8`, `i16`, ...: unsigned up to 63 bits, signed up to 64. */
export type BitFieldType = `${'u' | 'i'}${number}`
/** In bits, or `#n`: n times the width of the type. */
export type BitFieldOffset = number | `#${number}`

export type BitFieldOperation =
  | { get: BitFieldType; offset: BitFieldOffset }
  | { set: BitFieldType; offset: BitFieldOffset; value: number }
  | { incrBy: BitFieldType; offset: BitFieldOffset; amount: number; overflow?: 'wrap' | 'sat' | 'fail' }

export abstract class BitCommands<V, M extends Mode> extends StringCommands<V, M> {
  /** Sets bit `offset`, at most 2^32 - 1; the string grows as needed. @returns the bit before */
  setBit(key: Key, offset: number, bit: 0 | 1): Answer<M, number> {
    return this.send(['SETBIT', key, String(wholeNumber('offset', offset, 0)), numberText(bit)], asNumber)
  }

  /** Bit `offset`; 0 beyond the end. */
  getBit(key: Key, offset: number): Answer<M, number> {
    return this.send(['GETBIT', key, String(wholeNumber('offset', offset, 0))], asNumber)
  }

  /** How many bits are 1. O(bytes). */
  bitCount(key: Key, range?: BitRange): Answer<M, number> {
    return this.send(['BITCOUNT', key, ...rangeArguments(range)], asNumber)
  }

  /** The first position of `bit`; -1 if there is none. O(bytes). */
  bitPos(key: Key, bit: 0 | 1, range?: BitRange): Answer<M, number> {
    return this.send(['BITPOS', key, numberText(bit), ...rangeArguments(range)], asNumber)
  }

  /** Combines strings bit by bit into `destination`. @returns its length in bytes */
  bitOp(operation: 'and' | 'or' | 'xor' | 'not', destination: Key, sources: readonly Key[]): Answer<M, number> {
    return this.send(['BITOP', operation, destination, ...sources], asNumber)
  }

  /** Reads and changes integers of any width. @returns one number an operation, null where 'fail' refused it */
  bitField(key: Key, operations: readonly BitFieldOperation[]): Answer<M, (number | null)[]> {
    const args: Bytes[] = ['BITFIELD', key]
    for (const operation of operations) {
      if ('get' in operation) args.push('GET', operation.get, String(operation.offset))
      else if ('set' in operation) args.push('SET', operation.set, String(operation.offset), numberText(operation.value))
      else {
        args.push('OVERFLOW', operation.overflow ?? 'wrap')
        args.push('INCRBY', operation.incrBy, String(operation.offset), numberText(operation.amount))
      }
    }
    return this.send(args, (reply) => (reply as unknown[]).map((item) => item === null ? null : asNumber(item)))
  }
}

function rangeArguments(range: BitRange | undefined): Bytes[] {
  if (range === undefined) return []
  return [numberText(range.start), numberText(range.end ?? -1), ...(range.unit === undefined ? [] : [range.unit])]
}
