/**
 * Target: where changes go: a store whose rows and position change in one atomic batch. Structural, so that the
 * embedded Store fits as it is and this package does not depend on it.
 */
import { DecodeError } from '../errors.js'
import type { Command } from '../mapping/row-writer.js'
import type { SourcePosition } from '../stream/position.js'

/** What is used of a Store. */
export interface TargetStore {
  /** Runs what `build` collects as one transaction: after a crash all of it is there or nothing. */
  multi(build: (batch: { command(name: string, ...args: (string | Uint8Array)[]): unknown }) => void): unknown
  commandBytes(name: string, ...args: (string | Uint8Array)[]): unknown
  /** Resolves when everything before survives a power cut. */
  synced(): Promise<void>
}

/**
 * Keeps the position of one follower in the store, with what is prepared and not decided. The braces are a hash tag:
 * all of it is in one slot.
 */
export class TargetState {
  readonly #store: TargetStore
  readonly #positionKey: string
  readonly #preparedKey: string
  readonly #snapshotKey: string

  /** @param name  of the follower; two with one name would share a position */
  constructor(store: TargetStore, name: string) {
    if (!/^[\w.-]{1,64}$/.test(name)) throw new TypeError(`'${name}': expected a name of up to 64 letters, digits, '.', '_', '-'`)
    this.#store = store
    this.#positionKey = `__binlog:{${name}}:position`
    this.#preparedKey = `__binlog:{${name}}:prepared`
    this.#snapshotKey = `__binlog:{${name}}:snapshot`
  }

  /** null: never followed. @throws {DecodeError} if the key holds something else */
  position(): SourcePosition | null { return this.#read(this.#positionKey) }

  /** Where the first snapshot began that never came to its end; null if there is none. */
  snapshotStart(): SourcePosition | null { return this.#read(this.#snapshotKey) }

  beginSnapshot(position: SourcePosition): void { this.run([['SET', this.#snapshotKey, JSON.stringify(position)]]) }

  /** The snapshot is whole: following begins at `position`. */
  endSnapshot(position: SourcePosition): void { this.apply([['DEL', this.#snapshotKey]], position) }

  /** What `xid` would do if it were committed; null if it is not known here. */
  prepared(xid: string): Command[] | null {
    const found = this.#store.commandBytes('HGET', this.#preparedKey, xid)
    if (found === null) return null
    const commands = parse(bytesOf(found).toString()) as string[][]
    return commands.map((command) => command.map((word) => word.startsWith('b') ? Buffer.from(word.slice(1), 'base64') : word.slice(1)))
  }

  prepare(xid: string, commands: readonly Command[]): Command {
    const words = commands.map((command) => command.map((word) => typeof word === 'string' ? `t${word}` : `b${Buffer.from(word).toString('base64')}`))
    return ['HSET', this.#preparedKey, xid, JSON.stringify(words)]
  }

  forget(xid: string): Command { return ['HDEL', this.#preparedKey, xid] }

  /** The commands and the position behind them, or nothing. */
  apply(commands: readonly Command[], position: SourcePosition): void {
    this.run([...commands, ['SET', this.#positionKey, JSON.stringify(position)]])
  }

  /** The commands, or none of them. */
  run(commands: readonly Command[]): void {
    this.#store.multi((batch) => {
      for (const [name, ...args] of commands) batch.command(name as string, ...args)
    })
  }

  synced(): Promise<void> { return this.#store.synced() }

  #read(key: string): SourcePosition | null {
    const found = this.#store.commandBytes('GET', key)
    if (found === null) return null
    const text = bytesOf(found).toString()
    const { flavour, server, file, position, gtids } = parse(text) as Partial<SourcePosition>
    if ((flavour !== 'mysql' && flavour !== 'mariadb') || typeof server !== 'string' || typeof file !== 'string' || typeof gtids !== 'string' ||
      !Number.isSafeInteger(position)) throw new DecodeError(`${key} holds no position: ${text}`)
    return { flavour, server, file, position: position!, gtids }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DecodeError('what the follower kept in the store is damaged', { cause })
  }
}

function bytesOf(value: unknown): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw new DecodeError('what the follower kept in the store is no text')
}
