/**
 * Streams of captured events, damaged at random and with checksums that are right, from the decoder to the commands of
 * a mapping: each is read or refused with an error of ours, within a second and without much memory. What single bits
 * and cuts do is tested exhaustively in event-vectors.test.ts; this is for damage in several places and orders.
 * Three seconds here; `npm run fuzz:binlog` takes ten minutes. SLOTWISE_FUZZ_SEED repeats a run.
 */
import { describe, expect, it } from 'vitest'
import { columnVectors, event, eventVectors, formatDescription, resealed, rowsBody, tableMapBody } from '../../test/event-bytes.js'
import { BinlogError } from '../errors.js'
import { Mapping } from '../mapping/mapping.js'
import { type Command, RowWriter } from '../mapping/row-writer.js'
import { BinlogStream } from '../stream/binlog-stream.js'
import { EventDecoder } from './event-decoder.js'

const seconds = Number(process.env.SLOTWISE_FUZZ_SECONDS ?? 3)
const seed = Number(process.env.SLOTWISE_FUZZ_SEED ?? Date.now() % 1e9)
const HEADER = 19
const LIMIT = 1 << 20

type Random = (below: number) => number

/** mulberry32 */
function generator(state: number): Random {
  return (below) => {
    state = state + 0x6d2b79f5 | 0
    let t = Math.imul(state ^ state >>> 15, state | 1)
    t ^= t + Math.imul(t ^ t >>> 7, t | 61)
    return Math.floor(((t ^ t >>> 14) >>> 0) / 2 ** 32 * below)
  }
}

/** Events of one flavour, and with each column vector its table and its rows. */
function corpus(flavour: 'mysql' | 'mariadb'): Buffer[] {
  const events = eventVectors().filter(({ src }) => src.startsWith(flavour)).map(({ hex }) => Buffer.from(hex, 'hex'))
  const vectors = columnVectors().filter(({ src }) => src.startsWith(flavour))
  const columns = vectors.flatMap(({ t, m, opt = {}, rows }, i) => [
    event(19, tableMapBody({ id: 7 + i, types: [t], metadata: m, fields: { ...opt, 4: '0163' } })),
    event(23, rowsBody({ id: 7 + i, columns: 1, images: Buffer.from(rows.map(([image]) => image).join(''), 'hex'), flags: 0 })),
  ])
  return [...events, ...columns]
}

const LENGTHS = [0xfb, 0xfc, 0xfd, 0xfe, 0xff, 0x7f, 0x80, 0]

/** A damaged copy; sometimes an undamaged one, so that streams get somewhere. */
function damaged(bytes: Buffer, random: Random): Buffer {
  let copy = Buffer.from(bytes)
  for (let times = random(5); times > 0 && copy.length > HEADER + 5; times--) {
    const at = HEADER + random(copy.length - HEADER - 4)
    switch (random(7)) {
      case 0: copy[at]! ^= 1 << random(8); break
      case 1: copy[at] = LENGTHS[random(LENGTHS.length)]!; break
      case 2: copy = copy.subarray(0, Math.max(HEADER + 4, at)); break
      case 3: copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at, at + random(40)), copy.subarray(at)]); break
      case 4:
        copy = Buffer.concat([copy.subarray(0, at), copy.subarray(Math.min(copy.length - 4, at + 1 + random(10)))])
        break
      case 5: copy.fill(random(2) === 0 ? 0xff : 0, at, Math.min(copy.length - 4, at + 1 + random(8))); break
      case 6: copy[4] = random(200)
    }
  }
  return resealed(copy)
}

const mapping = new Mapping({ tables: [{ table: 'w.t', key: 't:${c}', unique: true, onTruncate: 'delete' }] })

function run(events: readonly Buffer[], flavour: 'mysql' | 'mariadb'): void {
  const decoder = new EventDecoder({ maxUncompressedBytes: LIMIT })
  decoder.decode(formatDescription(flavour))
  const stream = new BinlogStream({ flavour, server: 's', file: 'bin.1', position: 4, gtids: '' }, { maxTransactionBytes: LIMIT, largeTransactions: 'spill', missingCascades: 'warn' })
  const commands: Command[] = []
  for (const bytes of events) {
    for (const output of stream.receive(decoder.decode(bytes))) {
      if (output.type === 'spill') output.event.changes()
      if (!('transaction' in output)) continue
      for (const change of output.transaction.changes) {
        const own = 'table' in change ? mapping.of(change.table.schema, change.table.table) : undefined
        if (own === undefined || !('table' in change)) continue
        const writer = new RowWriter(change.table, own)
        for (const { before, after } of change.rows) writer.write(change.kind, before, after, commands)
      }
    }
  }
}

describe('damaged streams', () => {
  it('are read or refused, quickly and in little memory', () => {
    const random = generator(seed)
    const flavours = ['mysql', 'mariadb'] as const
    const corpora = { mysql: corpus('mysql'), mariadb: corpus('mariadb') }
    const endMs = performance.now() + seconds * 1000
    let streams = 0
    for (; performance.now() < endMs; streams++) {
      const flavour = flavours[random(2)]!
      const all = corpora[flavour]
      const events: Buffer[] = []
      // Neighbours belong together: a table and its rows.
      for (let groups = 1 + random(4); groups > 0; groups--) {
        const first = random(all.length)
        for (const bytes of all.slice(first, first + 1 + random(6))) events.push(damaged(bytes, random))
      }
      const startMs = performance.now()
      try {
        run(events, flavour)
      } catch (error) {
        if (!(error instanceof BinlogError)) throw new Error(`seed ${seed}, stream ${streams}`, { cause: error })
      }
      const tookMs = performance.now() - startMs
      if (tookMs > 5000) throw new Error(`seed ${seed}, stream ${streams}: ${Math.round(tookMs)} ms`)
    }
    expect(streams).toBeGreaterThan(seconds * 10)
    expect(process.memoryUsage().rss).toBeLessThan(1 << 30)
  }, seconds * 1000 + 60_000)
})
