/**
 * SpillFile: rows of one transaction that is too large for memory, on disk until it has ended and been applied. Kept as
 * the source sent them, undecoded, so keeping costs a copy. The file has no name from the moment it is open: whatever
 * ends the process, nothing stays behind; the source sends the transaction again.
 * In front of each event's bytes, two numbers: which shape they have (table, kind, columns present), and how many.
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DecodeError } from '../errors.js'
import type { RowsEvent } from '../rows/rows-event.js'
import type { Table } from '../rows/table.js'
import type { TableChanges } from '../stream/binlog-stream.js'

const HEADER_BYTES = 8
const WRITE_BYTES = 2 ** 18
const NOTHING = Buffer.alloc(0)

export class SpillFile {
  readonly #file: number
  readonly #shapes: RowsEvent[] = []
  readonly #shapesOf = new Map<Table, Map<string, number>>()
  /** Not in the file yet. */
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #bytes = 0
  #written = 0
  #closed = false

  /** @param dir  for the file. @default that of the system for temporary ones @throws what the file system says */
  constructor(dir = tmpdir()) {
    const path = join(dir, `slotwise-spill-${randomUUID()}`)
    this.#file = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
  }

  /** Bytes that were added. */
  get byteLength(): number { return this.#bytes }

  /** Keeps a copy of the event's rows. @throws what the file system says: no space, for example */
  add(event: RowsEvent): void {
    const { bytes } = event
    const header = Buffer.alloc(HEADER_BYTES)
    header.writeUInt32LE(this.#shape(event), 0)
    header.writeUInt32LE(bytes.length, 4)
    this.#bytes += HEADER_BYTES + bytes.length
    // Small events are gathered as copies; a big one is written at once, without one.
    if (bytes.length < WRITE_BYTES) {
      this.#waiting.push(header, Buffer.from(bytes))
      this.#waitingBytes += HEADER_BYTES + bytes.length
      if (this.#waitingBytes >= WRITE_BYTES) this.#flush()
      return
    }
    this.#waiting.push(header)
    this.#flush()
    this.#write(bytes)
  }

  /** What was added, in order, each decoded when it is its turn. As often as asked for, until it is closed. */
  * changes(): Generator<TableChanges, void, undefined> {
    this.#flush()
    const header = Buffer.alloc(HEADER_BYTES)
    for (let at = 0; at < this.#bytes;) {
      this.#read(header, at)
      const shape = this.#shapes[header.readUInt32LE(0)]!
      const rows = Buffer.allocUnsafe(header.readUInt32LE(4))
      this.#read(rows, at + HEADER_BYTES)
      at += HEADER_BYTES + rows.length
      yield { table: shape.table, kind: shape.kind, rows: shape.over(rows).changes() }
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#file)
  }

  /** The number of an event like this one, without rows. */
  #shape(event: RowsEvent): number {
    let shapes = this.#shapesOf.get(event.table)
    if (shapes === undefined) this.#shapesOf.set(event.table, shapes = new Map<string, number>())
    const id = `${event.header.type} ${String(event.presentBefore)} ${String(event.presentAfter)}`
    let shape = shapes.get(id)
    if (shape === undefined) {
      shape = this.#shapes.push(event.over(NOTHING)) - 1
      shapes.set(id, shape)
    }
    return shape
  }

  #flush(): void {
    if (this.#waiting.length === 0) return
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#write(bytes)
  }

  /** At the end of the file. */
  #write(bytes: Buffer): void {
    for (let done = 0; done < bytes.length;) {
      const count = writeSync(this.#file, bytes, done, bytes.length - done, this.#written)
      done += count
      this.#written += count
    }
  }

  #read(into: Buffer, at: number): void {
    if (this.#closed) throw new Error('the rows of a transaction were asked for after its time')
    for (let done = 0; done < into.length;) {
      const count = readSync(this.#file, into, done, into.length - done, at + done)
      if (count === 0) throw new DecodeError('the file of a large transaction is shorter than what was written')
      done += count
    }
  }
}
