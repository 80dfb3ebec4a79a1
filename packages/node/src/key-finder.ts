/** KeyFinder: which words of a command are keys, for tools that have commands and no server. */
import { CommandKeys, Engine } from '@slotwise/engine'

export class KeyFinder implements AsyncDisposable {
  readonly #engine: Engine
  readonly #keys: CommandKeys

  private constructor(engine: Engine) {
    this.#engine = engine
    this.#keys = new CommandKeys(engine)
  }

  static async open(): Promise<KeyFinder> { return new KeyFinder(await Engine.open()) }

  /** @returns the keys among the words, which begin with the command's name */
  keysOf(words: readonly Uint8Array[]): Uint8Array[] { return this.#keys.indexesOf(words).map((i) => words[i]!) }

  [Symbol.asyncDispose](): Promise<void> { return this.#engine.close() }
}
