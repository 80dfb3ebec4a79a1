/** Pending: the result of a command in a batch, known when the batch has run. */
import { StoreError } from '@slotwise/engine'

const waiting = Symbol('waiting')

export class Pending<T> {
  #value: T | StoreError | typeof waiting = waiting

  /**
   * @throws {Error} before the batch has run, or if its transaction did not happen
   * @throws {ReplyError} if the command was refused
   */
  get value(): T {
    if (this.#value === waiting) throw new Error('the batch has not run')
    if (this.#value instanceof StoreError) throw this.#value
    return this.#value
  }

  /** @internal */
  settle(value: T | StoreError): void { this.#value = value }
}

/** The results of a tuple of pending ones. */
export type Settled<T> = { -readonly [K in keyof T]: T[K] extends Pending<infer R> ? R : T[K] }
