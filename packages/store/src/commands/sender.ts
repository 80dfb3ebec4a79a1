/**
 * What all command families share. A command is written once, with its arguments and what becomes of its reply, and is
 * then run at once (Store), sent to wherever its data is (AsyncStore) or collected (Batch): the mode decides what its
 * method returns.
 */
import { type BulkReader, type Bytes, describe } from '@slotwise/engine'
import type { ValueCodec } from '../codecs/codec.js'
import type { Pending } from '../pending.js'

/** A key: a string (kept as UTF-8) or bytes, up to 512 MiB. The empty key is one too. */
export type Key = string | Uint8Array

export type Mode = 'now' | 'async' | 'later'
export type Answer<M extends Mode, T> = M extends 'now' ? T : M extends 'async' ? Promise<T> : Pending<T>

// Numbers are made text by whoever knows that they are numbers: a key that is one is a mistake.
export abstract class CommandSender<V, M extends Mode> {
  /** @internal */
  protected abstract readonly codec: ValueCodec<V>

  /**
   * @internal
   * @param read  makes the result of the reply; errors never reach it
   * @param bulk  makes a value of the bytes of a bulk string. @default text
   */
  protected abstract send<T>(
    args: readonly Bytes[], read: (reply: unknown) => T, bulk?: BulkReader<unknown>,
  ): Answer<M, T>

  /** @internal Reads values with the codec. */
  protected get values(): BulkReader<V> {
    const { codec } = this
    return (page, start, end) => codec.read(page, start, end, false)
  }
}

/** Beyond 2^53 the nearest number: command() has it exactly. */
export const asNumber = (reply: unknown): number => Number(reply)
/** Replies 1 and 0. */
export const asBoolean = (reply: unknown): boolean => reply === 1
/** OK, or nil if a condition did not hold. */
export const asDone = (reply: unknown): boolean => reply !== null
export const asNothing = (_reply: unknown): void => undefined
/** The reply is of that type, since the command says so. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- it is what the caller knows
export const asIs = <T>(reply: unknown): T => reply as T

/** A list that may be one item. */
export const listOf = <T>(items: T | readonly T[]): readonly T[] => Array.isArray(items) ? items as T[] : [items as T]

/** A number as an argument. @throws {TypeError} if it is none */
export function numberText(value: number): string {
  if (typeof value !== 'number') throw new TypeError(`expected a number, found ${describe(value)}`)
  return String(value)
}

/** @throws {RangeError} unless `value` is a whole number from `least` on */
export function wholeNumber(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`expected ${name} to be a whole number from ${least} on, found ${value}`)
  return value
}
