/**
 * RespTarget: another server as the store of a follower: Slotwise, Redis, anything that has MULTI. Not a cluster: that
 * is ClusterTarget. A connection that ends leaves open whether its last transaction was executed, so it is never made
 * again behind the follower's back: every call fails until `reopen`, and following begins where the server then says.
 */
import { TargetLostError, TargetRefusedError } from '../errors.js'
import type { TargetStore } from '../apply/target.js'
import type { Command } from '../mapping/row-writer.js'
import { RespConnection, type RespOptions, throwIfRefused } from './resp-connection.js'
import type { RespReply } from '../resp/resp-decoder.js'

export class RespTarget implements TargetStore, AsyncDisposable {
  readonly #options: RespOptions
  #connection: RespConnection

  private constructor(options: RespOptions, connection: RespConnection) {
    this.#options = options
    this.#connection = connection
  }

  /** @throws {TargetLostError} if it cannot be reached; {TargetRefusedError} for a wrong password, or a cluster */
  static async connect(options: RespOptions): Promise<RespTarget> {
    const connection = await RespConnection.connect(options)
    if (await isCluster(connection)) {
      connection.destroy()
      throw new TargetRefusedError(`${connection.name} is a node of a cluster: use a ClusterTarget`)
    }
    return new RespTarget(options, connection)
  }

  async multi(build: Parameters<TargetStore['multi']>[0]): Promise<void> {
    const commands: Command[] = []
    build({ command: (...words) => commands.push(words) })
    await this.transaction(commands)
  }

  async transaction(commands: readonly Command[]): Promise<void> {
    throwIfRefused(await this.#connection.send([['MULTI'], ...commands, ['EXEC']]), this.#connection.name)
  }

  commandBytes(name: string, ...args: (string | Uint8Array)[]): Promise<RespReply> {
    return this.#connection.command(...name.split(' '), ...args)
  }

  scan({ match }: { match: string }): AsyncGenerator<string, void, undefined> {
    return scanKeys(this.#connection, match)
  }

  /** What the server has answered it promises as it is configured (appendfsync, repl-ack): nothing is waited for. */
  async synced(): Promise<void> { await this.#connection.command('PING') }

  async reopen(): Promise<void> {
    this.#connection.destroy()
    this.#connection = await RespConnection.connect(this.#options)
  }

  close(): void { this.#connection.destroy() }

  [Symbol.asyncDispose](): Promise<void> { return Promise.resolve(this.close()) }
}

export async function isCluster(connection: RespConnection): Promise<boolean> {
  const info = await connection.command('INFO', 'cluster')
  return Buffer.isBuffer(info) && info.includes('cluster_enabled:1')
}

/** All keys of a server that match. */
export async function* scanKeys(connection: RespConnection, match: string): AsyncGenerator<string, void, undefined> {
  let cursor: string | Buffer = '0'
  do {
    const reply = await connection.command('SCAN', cursor, 'MATCH', match, 'COUNT', '1000')
    const [next, keys] = reply as readonly RespReply[]
    if (!Buffer.isBuffer(next) || !Array.isArray(keys)) throw new TargetLostError(`${connection.name}: a reply to SCAN that is none`)
    for (const key of keys as readonly RespReply[]) if (Buffer.isBuffer(key)) yield key.toString()
    cursor = next
  } while (String(cursor) !== '0')
}
