/** What is kept of a large transaction comes back as it came, and leaves no file behind. */
import { readdirSync } from 'node:fs'
import { tempDir } from '@slotwise/testing'
import { describe, expect, it } from 'vitest'
import { event, formatDescription, rowsBody, tableMapBody } from '../../test/event-bytes.js'
import { EventDecoder } from '../events/event-decoder.js'
import type { RowsEvent } from '../rows/rows-event.js'
import { SpillFile } from './spill-file.js'

const VARCHAR = 15
const INT = 3

function decoder(): EventDecoder {
  const made = new EventDecoder()
  made.decode(formatDescription('mariadb'))
  return made
}

function rowsOf(
  made: EventDecoder, id: number, type: number, images: string, columns: number, bitmaps: 1 | 2 = 1,
): RowsEvent {
  return made.decode(event(type, rowsBody({ id, columns, images: Buffer.from(images, 'hex'), bitmaps, flags: 0 }))) as RowsEvent
}

describe('the file of a large transaction', () => {
  it('gives back kinds, tables and rows in their order, as often as asked for', async () => {
    await using dir = tempDir()
    const made = decoder()
    made.decode(event(19, tableMapBody({ id: 7, table: 'a', types: [INT] })))
    made.decode(event(19, tableMapBody({ id: 8, table: 'b', types: [INT, INT] })))
    const spill = new SpillFile(dir.path)
    spill.add(rowsOf(made, 7, 23, '0001000000' + '0002000000', 1))
    spill.add(rowsOf(made, 8, 24, '000100000002000000' + '000100000003000000', 2, 2))
    spill.add(rowsOf(made, 7, 25, '0002000000', 1))
    const told = (): unknown => [...spill.changes()].map(({ table, kind, rows }) => [kind, table.table, rows])
    expect(told()).toEqual([
      ['insert', 'a', [{ before: null, after: [1] }, { before: null, after: [2] }]],
      ['update', 'b', [{ before: [1, 2], after: [1, 3] }]], ['delete', 'a', [{ before: [2], after: null }]],
    ])
    expect(told()).toEqual(told())
    expect(readdirSync(dir.path)).toEqual([])
    spill.close()
    expect(told).toThrow(/after its time/)
  })

  it('keeps which columns each event has: those of another image are others', () => {
    const made = decoder()
    made.decode(event(19, tableMapBody({ id: 7, types: [INT, INT] })))
    const spill = new SpillFile()
    const part = (bitmap: string, images: string): RowsEvent =>
      made.decode(event(25, Buffer.concat([Buffer.from('070000000000' + '0000' + '02', 'hex'), Buffer.from(bitmap + images, 'hex')]))) as RowsEvent
    for (const bytes of [part('01', '0005000000'), part('02', '0006000000'), part('03', '000500000006000000'), part('01', '0007000000')]) spill.add(bytes)
    expect([...spill.changes()].flatMap(({ rows }) => rows.map(({ before }) => before)))
      .toEqual([[5, undefined], [undefined, 6], [5, 6], [7, undefined]])
    spill.close()
  })

  it('takes events of more than it gathers', () => {
    const made = decoder()
    made.decode(event(19, tableMapBody({ id: 7, types: [VARCHAR], metadata: 'ffff' })))
    const long = 'x'.repeat(60_000)
    const image = Buffer.concat([Buffer.from([0, 60_000 & 255, 60_000 >> 8]), Buffer.from(long)])
    const spill = new SpillFile()
    for (const count of [1, 9, 1, 5]) {
      const images = Buffer.concat(Array.from({ length: count }, () => image))
      spill.add(made.decode(event(23, rowsBody({ id: 7, columns: 1, images, flags: 0 }))) as RowsEvent)
    }
    const rows = [...spill.changes()].map((change) => change.rows.map(({ after }) => {
      return Buffer.from(after![0] as Uint8Array).toString()
    }))
    expect(rows.map(({ length }) => length)).toEqual([1, 9, 1, 5])
    expect(rows.flat().every((text) => text === long)).toBe(true)
    spill.close()
  })
})
