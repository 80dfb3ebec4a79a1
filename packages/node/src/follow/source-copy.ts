/**
 * SourceCopy: the data of a source as it was at one moment of its replication history, put into this node's engine, so
 * that a follower can go on from there. The source is asked as a replica would ask it (PSYNC ? -1): what it sends is a
 * snapshot, and the id and offset that belong to it are a position of its binlog. A private engine reads the snapshot,
 * whatever encodings are in it, and its keys come here with DUMP and RESTORE, those that the follower wants.
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
import {
  checkpointKey, commandOf, type LogCommand, type LogCopy, type LogSource, type LogTarget, printCheckpoint,
} from '@slotwise/binlog/log'
import { asBytes, Engine } from '@slotwise/engine'

export interface CopyOptions {
  readonly source: LogSource
  readonly sourceId: string
  /** Of the follower. */
  readonly name: string
  readonly engine: Engine
  readonly into: LogTarget
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

/** @throws {Error} of the network, of a store that refuses, of a source that answers something else; none is final */
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
    socket.write(words.map((command) => `*${command.length}\r\n${command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`).join(''))
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
  const { engine, name } = options
  const found: string[] = []
  for (let db = 0; db < databaseCount(engine); db++) {
    const marker = markerOf(name, db)
    while (engine.command(['EXISTS', marker]) === 1) {
      const keys = engine.command(['SRANDMEMBER', marker, String(KEYS_EACH)], asBytes) as Uint8Array[]
      const deletes = keys.map((key) => ({ db, words: [Buffer.from('DEL'), key] }))
      apply(options, [...deletes, commandOfBytes(['SREM', marker, ...keys]), madeThere(options)])
      found.push(marker)
      await turn()
    }
  }
  return found
}

async function copyAll(options: CopyOptions, dir: string): Promise<string[]> {
  const { name, keys, signal } = options
  const copied: string[] = []
  const snapshot = await Engine.open({ directives: [['dir', dir], ['port', '0'], ['save', ''], ['databases', String(databaseCount(options.engine))]], willListen: true })
  try {
    for (const db of databasesOf(snapshot)) {
      snapshot.select(db)
      let cursor: Uint8Array = Buffer.from('0')
      do {
        const [next, page] = snapshot.command(['SCAN', cursor, 'COUNT', String(KEYS_EACH)], asBytes) as [Uint8Array, Uint8Array[]]
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

const databaseCount = (engine: Engine): number =>
  Number((engine.command(['CONFIG', 'GET', 'databases']) as Map<string, string>).get('databases'))

function databasesOf(engine: Engine): number[] {
  const text = String(engine.command(['INFO', 'keyspace']))
  return [...text.matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db))
}

function restores(snapshot: Engine, db: number, keys: readonly Uint8Array[]): LogCommand[] {
  const replies = snapshot.commands(keys.flatMap((key) => [{ args: ['DUMP', key], bulk: asBytes }, { args: ['PEXPIRETIME', key] }]))
  const commands: LogCommand[] = []
  for (const [i, key] of keys.entries()) {
    const [payload, expireAtMs] = [replies[2 * i], replies[2 * i + 1]]
    // Its time came meanwhile.
    if (!(payload instanceof Uint8Array)) continue
    const ttl = String(Math.max(0, Number(expireAtMs))) // 0: none
    commands.push({ db, words: commandOfBytes(['RESTORE', key, ttl, payload, 'REPLACE', 'ABSTTL']).words })
  }
  return commands
}

const commandOfBytes = (words: readonly (string | Uint8Array)[]): LogCommand =>
  ({ db: 0, words: words.map((word) => typeof word === 'string' ? Buffer.from(word) : word) })

const madeThere = ({ sourceId }: CopyOptions): LogCommand =>
  commandOf(['SET', checkpointKey(COPYING), printCheckpoint({ source: sourceId, position: COPYING, origin: sourceId })])
