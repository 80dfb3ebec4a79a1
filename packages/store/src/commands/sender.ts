/**
 * What all command families share. A command is written once, with its arguments and what becomes of its reply, and is
 * then either run at once (Store) or collected (Batch): the mode decides what its method returns.
 */
import type { BulkReader, Bytes } from '@slotwise/engine'
import type { ValueCodec } from '../codecs/codec.js'
import type { Pending } from '../pending.js'

/** A key: a string (kept as UTF-8) or bytes, up to 512 MiB. The empty key is one too. */
export type Key = string | Uint8Array

export type Mode = 'now' | 'later'
export type Answer<M extends Mode, T> = M extends 'now' ? T : Pending<T>

export type Argument = Bytes | number

export abstract class CommandSender<V, M extends Mode> {
  /** @internal */
  protected abstract readonly codec: ValueCodec<V>

  /**
   * @internal
   * @param read  makes the result of the reply; errors never reach it
   * @param bulk  makes a value of the bytes of a bulk string. @default text
   */
  protected abstract send<T>(args: readonly Argument[], read: (reply: unknown) => T, bulk?: BulkReader<unknown>): Answer<M, T>

  /** @internal Reads values with the codec. */
  protected get values(): BulkReader<V> {
    const { codec } = this
    return (page, start, end) => codec.read(page, start, end, false)
  }
}

export const asNumber = (reply: unknown): number => reply as number
/** Replies 1 and 0. */
export const asBoolean = (reply: unknown): boolean => reply === 1
/** OK, or nil if a condition did not hold. */
export const asDone = (reply: unknown): boolean => reply !== null
export const asNothing = (_reply: unknown): void => undefined
export const asIs = <T>(reply: unknown): T => reply as T

/** A list that may be one item. */
export const listOf = <T>(items: T | readonly T[]): readonly T[] => Array.isArray(items) ? items as T[] : [items as T]

/** @throws {RangeError} unless `value` is a whole number from `least` on */
export function wholeNumber(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`expected ${name} to be a whole number from ${least} on, found ${value}`)
  return value
}
