/**
 * Target: where changes go: a store whose rows and position change in one atomic batch. Structural, so that the
 * embedded Store fits as it is and this package does not depend on it.
 */
import { DecodeError } from '../errors.js'
import type { Command } from '../mapping/row-writer.js'
import type { SourcePosition } from '../stream/position.js'
import type { Batch, TransactionPart } from './batch.js'
import { withSharedDeletes } from './shared-deletes.js'
import type { FollowState } from './state.js'

/** What is used of a Store. Any of it may be a promise. */
export interface TargetStore {
  /** Runs what `build` collects as one transaction: after a crash all of it is there or nothing. */
  multi(build: (batch: { command(name: string, ...args: (string | Uint8Array)[]): unknown }) => void): unknown
  /** What `multi` does, for a store that takes the commands as they are: less to do for each. @default multi */
  transaction?(commands: readonly Command[]): unknown
  commandBytes(name: string, ...args: (string | Uint8Array)[]): unknown
  /** The keys that match a glob pattern: at least those that are there all the time. */
  scan(options: { match: string }): AsyncIterable<string>
  /** Resolves when everything before survives a power cut. */
  synced(): Promise<void>
  /** After a TargetLostError: connects again. @throws {TargetLostError} if that cannot be done now */
  reopen?(): Promise<void>
}

/**
 * Keeps the position of one follower in the store, with what is prepared and not decided. The braces are a hash tag:
 * all of it is in one slot.
 */
export class TargetState implements FollowState {
  readonly #store: TargetStore
  readonly #positionKey: string
  readonly #preparedKey: string
  readonly #snapshotKey: string
  readonly #partKey: string
  readonly #anewKey: string

  /** @param name  of the follower; two with one name would share a position */
  constructor(store: TargetStore, name: string) {
    if (!/^[\w.-]{1,64}$/.test(name)) throw new TypeError(`'${name}': expected a name of up to 64 letters, digits, '.', '_', '-'`)
    this.#store = store
    this.#positionKey = `__binlog:{${name}}:position`
    this.#preparedKey = `__binlog:{${name}}:prepared`
    this.#snapshotKey = `__binlog:{${name}}:snapshot`
    this.#partKey = `__binlog:{${name}}:part`
    this.#anewKey = `__binlog:{${name}}:anew`
  }

  async position(): Promise<SourcePosition | null> {
    const found = await this.#read(this.#positionKey)
    return found === null ? null : positionOf(found, this.#positionKey)
  }

  async part(): Promise<TransactionPart | null> {
    const found = await this.#read(this.#partKey) as Partial<TransactionPart> | null
    if (found === null) return null
    const { position, rows, mapping } = found
    if (!Number.isSafeInteger(rows) || typeof mapping !== 'string') throw new DecodeError(`${this.#partKey} holds no part of a transaction`)
    return { position: positionOf(position, this.#partKey), rows: rows!, mapping }
  }

  async snapshotStart(): Promise<SourcePosition | null> {
    const found = await this.#read(this.#snapshotKey)
    return found === null ? null : positionOf(found, this.#snapshotKey)
  }

  beginSnapshot(position: SourcePosition): Promise<void> { return this.run([['SET', this.#snapshotKey, JSON.stringify(position)]]) }

  begin(position: SourcePosition): Promise<void> {
    return this.run([['DEL', this.#snapshotKey], ['DEL', this.#anewKey], ['SET', this.#positionKey, JSON.stringify(position)]])
  }

  beginAnew(): Promise<void> { return this.run([['SET', this.#anewKey, '1']]) }

  async isAnew(): Promise<boolean> { return await this.#store.commandBytes('GET', this.#anewKey) !== null }

  /** The position is with the rows, so one that was replaced would have to write to another store. */
  claim(): Promise<void> { return Promise.resolve() }

  forgetAll(): Promise<void> {
    return this.run([this.#positionKey, this.#preparedKey, this.#snapshotKey, this.#partKey].map((key) => ['DEL', key]))
  }

  async prepared(xid: string): Promise<Command[] | null> {
    const found = await this.#store.commandBytes('HGET', this.#preparedKey, xid)
    if (found === null) return null
    const commands = parse(bytesOf(found).toString()) as string[][]
    return commands.map((command) => command.map((word) => word.startsWith('b') ? Buffer.from(word.slice(1), 'base64') : word.slice(1)))
  }

  prepare(xid: string, commands: readonly Command[]): Command {
    const words = commands.map((command) => command.map((word) => typeof word === 'string' ? `t${word}` : `b${Buffer.from(word).toString('base64')}`))
    return ['HSET', this.#preparedKey, xid, JSON.stringify(words)]
  }

  forget(xid: string): Command { return ['HDEL', this.#preparedKey, xid] }

  keys(glob: string): AsyncIterable<string> { return this.#store.scan({ match: glob }) }

  apply({ commands, reached }: Pick<Batch, 'commands' | 'reached'>): Promise<void> {
    const all = [...commands]
    switch (reached.type) {
      case 'position':
        all.push(['SET', this.#positionKey, JSON.stringify(reached.position)])
        if (reached.endsPart) all.push(['DEL', this.#partKey])
        break
      case 'part':
        all.push(['SET', this.#partKey, JSON.stringify(reached.part)])
        break
      case 'nothing':
    }
    return this.run(all)
  }

  /** The commands, or none of them. */
  async run(commands: readonly Command[]): Promise<void> {
    const shared = withSharedDeletes(commands)
    if (this.#store.transaction !== undefined) {
      await this.#store.transaction(shared)
      return
    }
    await this.#store.multi((batch) => {
      for (const [name, ...args] of shared) batch.command(name as string, ...args)
    })
  }

  synced(): Promise<void> { return this.#store.synced() }

  settle(): Promise<void> { return Promise.resolve() }

  async #read(key: string): Promise<unknown> {
    const found = await this.#store.commandBytes('GET', key)
    return found === null ? null : parse(bytesOf(found).toString())
  }
}

export function positionOf(found: unknown, key: string): SourcePosition {
  const { flavour, server, file, position, gtids } = (found ?? {}) as Partial<SourcePosition>
  if ((flavour !== 'mysql' && flavour !== 'mariadb') || typeof server !== 'string' || typeof file !== 'string' || typeof gtids !== 'string' ||
    !Number.isSafeInteger(position)) throw new DecodeError(`${key} holds no position: ${JSON.stringify(found)}`)
  return { flavour, server, file, position: position!, gtids }
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DecodeError('what the follower kept in the store is damaged', { cause })
  }
}

export function bytesOf(value: unknown): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw new DecodeError('what the follower kept in the store is no text')
}
