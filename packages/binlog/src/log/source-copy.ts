/**
 * SourceCopy: the data of a source as it was at one moment of its replication history, put into the follower's store,
 * so that it can go on from there. The source is asked as a replica would ask it (PSYNC ? -1): what it sends is a
 * snapshot, and the id and offset that belong to it are a position of its binlog. A private engine or store reads the
 * snapshot, whatever encodings are in it, and its keys come here with DUMP and RESTORE, those that the follower wants.
 * Keys that were copied are written down in the same transactions (`__binlog:{name}:copied:<db>`): a copy that did not
 * come to its end is taken away before the next one, for what the source has deleted since would stay here.
 * Each transaction says that it was made at the source, so that it does not go back there.
 */
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { UnsupportedError } from '../errors.js'
import { encodeCommands } from '../resp/encode-commands.js'
import { checkpointKey, commandOf, printCheckpoint } from './checkpoint.js'
import type { LogCommand } from './log-batch.js'
import type { LogSource } from './log-connection.js'

/** The moment that was copied, and commands for the transaction that ends the copying. */
export interface LogCopy { readonly stream: string; readonly commands: readonly LogCommand[] }

/** What the source sent, opened. */
export interface Snapshot {
  /** Those that have keys. */
  databases(): readonly number[]
  /** Some of the keys, as SCAN gives them; the cursor is '0' in front of the first and behind the last. */
  page(db: number, cursor: Uint8Array, count: number): { next: Uint8Array; keys: readonly Uint8Array[] }
  /** Of each key: as DUMP and PEXPIRETIME say it; no payload: its time has come. */
  dump(db: number, keys: readonly Uint8Array[]): readonly { payload: Uint8Array | null; expireAtMs: number }[]
  close(): Promise<void>
}

/** Where it is copied to. */
export interface CopyTarget {
  /** How many there are. */
  readonly databases: number
  /** Up to `count` members of a set in database 0; none if it is not there. */
  members(key: string, count: number): readonly Uint8Array[]
  /** As LogTarget. */
  apply(commands: readonly LogCommand[]): readonly string[]
}

export interface CopyOptions {
  readonly source: LogSource
  readonly sourceId: string
  /** Of the follower. */
  readonly name: string
  readonly into: CopyTarget
  /** Opens the folder in which `dump.rdb` is. */
  readonly openSnapshot: (dir: string) => Promise<Snapshot>
  /** Which keys. @default all */
  readonly keys?: (key: Uint8Array) => boolean
  readonly signal: AbortSignal
}

/** No follower has this name: its checkpoint only says where a transaction was made. */
export const COPYING = '.copying'

const KEYS_EACH = 200
const LINE_BYTES_MAX = 64 * 1024
const SILENT_MS = 60_000
const OWN = Buffer.from('__binlog:')

/**
 * @throws {UnsupportedError} if the source has what this store has no place for
 * @throws {Error} of the network, of a store that refuses, of a source that answers something else: none is final
 */
export async function copySource(options: CopyOptions): Promise<LogCopy> {
  const dir = await mkdtemp(join(tmpdir(), 'slotwise-copy-'))
  try {
    const stream = await receiveSnapshot(options.source, join(dir, 'dump.rdb'), options.signal)
    const markers = await clearEarlier(options)
    markers.push(...await copyAll(options, dir))
    const ends = [...new Set(markers)].map((marker) => ['UNLINK', marker])
    return { stream, commands: [...ends, ['DEL', checkpointKey(COPYING)]].map(commandOf) }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

// --- from the source ------------------------------------------------------------------------------------------------

/** @returns the id and the offset of the moment that the file shows */
async function receiveSnapshot({ host, port, user = '', password = '' }: LogSource, path: string, signal: AbortSignal): Promise<string> {
  const socket = connect({ host, port, noDelay: true, signal })
  socket.setTimeout(SILENT_MS, () => socket.destroy(new Error(`the source was silent for ${SILENT_MS} ms`)))
  try {
    const input = new Input(socket)
    const words = [...password === '' ? [] : [user === '' ? ['AUTH', password] : ['AUTH', user, password]], ['PSYNC', '?', '-1']]
    socket.write(encodeCommands(words))
    if (password !== '') await input.reply('+OK')
    const [, id, offset] = /^\+FULLRESYNC ([0-9a-f]{40}) (\d{1,16})$/.exec(await input.reply('+FULLRESYNC')) ?? []
    const [, length] = /^\$(\d{1,16})$/.exec(await input.reply('$')) ?? []
    if (id === undefined || offset === undefined || length === undefined) throw new Error('the source sends no snapshot that has a length')
    await pipeline(input.bytes(Number(length)), createWriteStream(path, { mode: 0o600 }), { signal })
    return `${id}:${offset}`
  } finally {
    socket.destroy()
  }
}

/** Lines of a socket, and then a number of bytes. */
class Input {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) { this.#chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]() }

  /** The next line that is not empty: those say that the source is at work. */
  async reply(begin: string): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf('\n')
      if (end >= 0) {
        const line = this.#rest.subarray(0, end).toString().trimEnd()
        this.#rest = this.#rest.subarray(end + 1)
        if (line === '') continue
        if (!line.startsWith(begin)) throw new Error(`the source answered ${JSON.stringify(line.slice(0, 200))} where ${begin} was expected`)
        return line
      }
      if (this.#rest.length > LINE_BYTES_MAX) throw new Error('the source sent a line without an end')
      this.#rest = Buffer.concat([this.#rest, await this.#next()])
    }
  }

  async* bytes(count: number): AsyncGenerator<Buffer, void, undefined> {
    for (let left = count; left > 0;) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#next()
      const part = chunk.subarray(0, left)
      this.#rest = chunk.subarray(part.length)
      left -= part.length
      yield part
    }
  }

  async #next(): Promise<Buffer> {
    const { value, done } = await this.#chunks.next() as { value: Buffer; done?: boolean }
    if (done === true) throw new Error('the source closed the connection')
    return value
  }
}

// --- into the engine ------------------------------------------------------------------------------------------------

const markerOf = (name: string, db: number): string => `__binlog:{${name}}:copied:${db}`
/** Others of this thread get their turn. */
const turn = (): Promise<unknown> => new Promise(setImmediate)

function apply({ into, signal }: CopyOptions, commands: readonly LogCommand[]): void {
  signal.throwIfAborted()
  const [error] = into.apply(commands)
  if (error !== undefined) throw new Error(`the copy was refused: ${error}`)
}

/** Deletes what a copy has left that did not come to its end. @returns the markers, which are empty */
async function clearEarlier(options: CopyOptions): Promise<string[]> {
  const { into, name } = options
  const found: string[] = []
  for (let db = 0; db < into.databases; db++) {
    const marker = markerOf(name, db)
    for (let keys = into.members(marker, KEYS_EACH); keys.length > 0; keys = into.members(marker, KEYS_EACH)) {
      const deletes = keys.map((key) => ({ db, words: [Buffer.from('DEL'), key] }))
      apply(options, [...deletes, commandOfBytes(['SREM', marker, ...keys]), madeThere(options)])
      found.push(marker)
      await turn()
    }
  }
  return found
}

async function copyAll(options: CopyOptions, dir: string): Promise<string[]> {
  const { name, keys, signal, into } = options
  const copied: string[] = []
  const snapshot = await options.openSnapshot(dir)
  try {
    const databases = snapshot.databases()
    const other = databases.find((db) => db >= into.databases)
    if (other !== undefined) throw new UnsupportedError(`the source has keys in database ${other}, and here ${into.databases === 1 ? 'is one' : `are ${into.databases}`}`)
    for (const db of databases) {
      let cursor: Uint8Array = Buffer.from('0')
      do {
        const { next, keys: page } = snapshot.page(db, cursor, KEYS_EACH)
        cursor = next
        const isOwn = (key: Uint8Array): boolean => Buffer.compare(key.subarray(0, OWN.length), OWN) === 0
        const wanted = page.filter((key) => !isOwn(key) && (keys === undefined || keys(key)))
        const commands = restores(snapshot, db, wanted)
        if (commands.length > 0) {
          apply(options, [...commands, commandOfBytes(['SADD', markerOf(name, db), ...wanted]), madeThere(options)])
          copied.push(markerOf(name, db))
        }
        signal.throwIfAborted()
        await turn()
      } while (Buffer.from(cursor).toString() !== '0')
    }
    return copied
  } finally {
    await snapshot.close()
  }
}

function restores(snapshot: Snapshot, db: number, keys: readonly Uint8Array[]): LogCommand[] {
  const commands: LogCommand[] = []
  for (const [i, { payload, expireAtMs }] of snapshot.dump(db, keys).entries()) {
    if (payload === null) continue
    const key = keys[i]!
    const ttl = String(Math.max(0, expireAtMs)) // 0: none
    commands.push({ db, words: commandOfBytes(['RESTORE', key, ttl, payload, 'REPLACE', 'ABSTTL']).words })
  }
  return commands
}

/** Numbers of databases in what INFO says of its keyspace. */
export const databasesOf = (info: string): number[] => [...info.matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db))

const commandOfBytes = (words: readonly (string | Uint8Array)[]): LogCommand =>
  ({ db: 0, words: words.map((word) => typeof word === 'string' ? Buffer.from(word) : word) })

const madeThere = ({ sourceId }: CopyOptions): LogCommand =>
  commandOf(['SET', checkpointKey(COPYING), printCheckpoint({ source: sourceId, position: COPYING, origin: sourceId })])
