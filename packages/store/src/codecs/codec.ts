/**
 * Codec: how values become the bytes that the store keeps. `Codec` is what a user may supply; `ValueCodec` is what the
 * store works with: it reads from the result page, so nothing is copied twice.
 * A value that was read must not refer to the page: its bytes change with the next call.
 */
import type { Bytes, Engine, Page } from '@slotwise/engine'

/**
 * A codec of your own, for `open({ codec })`.
 * `decode` gets bytes of its own, and may throw what it likes: it reaches the caller as the cause of a CodecError.
 */
export interface Codec<V> {
  encode(value: V): Bytes
  decode(bytes: Uint8Array): V
}

export interface ValueCodec<V> {
  /** Bytes at the start of a value that are no text: see Engine.setAsciiHead. */
  readonly headBytes: number
  /** @throws {TypeError} if the value cannot be kept */
  encode(value: V): Bytes
  /** @throws {CodecError} if it did not write these bytes */
  read(page: Page, start: number, end: number, ascii: boolean): V
  /**
   * Stores a value. Whatever may call user code (a getter, toJSON) is done before the engine is touched: such code may
   * use the store, and with it the pages.
   */
  set(engine: Engine, key: Bytes, value: V, ttlMs: number): void
  get(engine: Engine, key: Bytes): V | null
  getMany(engine: Engine, keys: readonly Bytes[]): (V | null)[]
}
