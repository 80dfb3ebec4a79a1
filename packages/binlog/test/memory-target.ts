/** A store in a few lines, for tests of following: strings and hashes, one transaction at a time. */
import type { TargetStore } from '../src/index.js'

type Held = string | Map<string, string>

export class MemoryTarget implements TargetStore {
  readonly keys = new Map<string, Held>()
  /** Commands of each transaction that was applied. */
  readonly transactions: (string | Uint8Array)[][][] = []
  syncs = 0

  multi(build: Parameters<TargetStore['multi']>[0]): void | Promise<void> {
    const commands: (string | Uint8Array)[][] = []
    build({ command: (...words) => commands.push(words) })
    this.transactions.push(commands)
    for (const [name, ...args] of commands) this.#run(String(name), args.map((arg) => typeof arg === 'string' ? arg : Buffer.from(arg).toString('latin1')))
  }

  commandBytes(name: string, ...args: (string | Uint8Array)[]): unknown {
    const [key, field] = args.map(String)
    const held = this.keys.get(key!)
    const found = name === 'HGET' && held instanceof Map ? held.get(field!) : held
    return typeof found === 'string' ? Buffer.from(found) : null
  }

  async* scan({ match }: { match: string }): AsyncGenerator<string, void, undefined> {
    const pattern = new RegExp(`^${match.replace(/[.+^${}()|]/g, '\\$&').replaceAll('*', '[^]*')}$`)
    for (const key of [...this.keys.keys()]) if (pattern.test(key)) yield await Promise.resolve(key)
  }

  synced(): Promise<void> {
    this.syncs++
    return Promise.resolve()
  }

  /** Keys with their hashes as objects, without those of the follower. */
  rows(): Record<string, unknown> {
    return Object.fromEntries([...this.keys].filter(([key]) => !key.startsWith('__binlog')).sort(([a], [b]) => a < b ? -1 : 1)
      .map(([key, held]) => [key, held instanceof Map ? Object.fromEntries(held) : held]))
  }

  #run(name: string, [key = '', ...args]: string[]): void {
    switch (name) {
      case 'DEL':
        for (const each of [key, ...args]) this.keys.delete(each)
        break
      case 'SET': this.keys.set(key, args[0]!); break
      case 'HSET': {
        const hash = this.keys.get(key) ?? new Map<string, string>()
        if (!(hash instanceof Map)) throw new Error('WRONGTYPE')
        for (let i = 0; i < args.length; i += 2) hash.set(args[i]!, args[i + 1]!)
        this.keys.set(key, hash)
        break
      }
      case 'HDEL': {
        const hash = this.keys.get(key)
        if (hash instanceof Map) {
          for (const field of args) hash.delete(field)
          if (hash.size === 0) this.keys.delete(key)
        }
        break
      }
      case 'PEXPIRE': break
      default: throw new Error(`${name} is unknown here`)
    }
  }
}
