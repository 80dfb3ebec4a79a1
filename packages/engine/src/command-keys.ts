/**
 * CommandKeys: which arguments of a command are keys. Asked of the engine once a command, as long as their places do
 * not depend on the arguments.
 */
import type { Engine } from './engine.js'
import { ReplyError } from './errors.js'
import { asBytes } from './reply.js'

/** First, last (from the end, if negative) and step; null: the engine is asked each time. */
type Places = readonly [first: number, last: number, step: number] | null

export class CommandKeys {
  readonly #engine: Engine
  readonly #places = new Map<string, Places>()

  constructor(engine: Engine) { this.#engine = engine }

  /** @returns indexes into `args`, which begin with the command's name; none if it has no keys, or is unknown */
  indexesOf(args: readonly Uint8Array[]): number[] {
    const name = Buffer.from(args[0] ?? []).toString('latin1').toLowerCase()
    let places = this.#places.get(name)
    if (places === undefined) this.#places.set(name, places = this.#ask(name))
    if (places === null) return this.#askEach(args)
    const [first, last, step] = places
    const indexes: number[] = []
    if (first === 0) return indexes
    for (let i = first; i <= (last < 0 ? args.length + last : last); i += step) indexes.push(i)
    return indexes
  }

  #ask(name: string): Places {
    const [info] = this.#engine.command(['COMMAND', 'INFO', name]) as ([string, number, Iterable<string>, number, number, number] | null)[]
    if (info === null || info === undefined) return [0, 0, 0]
    const [, , flags, first, last, step] = info
    return [...flags].includes('movablekeys') ? null : [first, last, step]
  }

  #askEach(args: readonly Uint8Array[]): number[] {
    try {
      const keys = this.#engine.command(['COMMAND', 'GETKEYS', ...args], asBytes) as Uint8Array[]
      // In their order; a word that is a key and something else, too, is found where it comes first.
      let from = 1
      return keys.map((key) => {
        const at = args.findIndex((word, i) => i >= from && Buffer.compare(word, key) === 0)
        if (at >= 0) from = at + 1
        return at >= 0 ? at : args.findIndex((word, i) => i > 0 && Buffer.compare(word, key) === 0)
      })
    } catch (error) {
      if (error instanceof ReplyError) return []
      throw error
    }
  }
}
