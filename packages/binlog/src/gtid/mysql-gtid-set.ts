/**
 * A set of MySQL GTIDs: for each uuid (with its tag) the intervals of numbers. It grows by one transaction at a time,
 * nearly always at its end, so intervals are a sorted array of disjoint, non-adjacent [first, last] pairs.
 * Source: MySQL documentation, GTID sets; the binary forms are those of PREVIOUS_GTIDS and COM_BINLOG_DUMP_GTID.
 */
import type { Cursor } from '../bytes/cursor.js'
import { Writer } from '../bytes/writer.js'
import { DecodeError } from '../errors.js'
import { tagText, uuidText } from './gtid-events.js'
import { varint } from './tagged-varint.js'

type Interval = [first: number, last: number]

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const TAG = /^[a-z_][a-z0-9_]{0,31}$/

export class MysqlGtidSet {
  /** By `uuid` or `uuid:tag`. */
  readonly #intervals = new Map<string, Interval[]>()
  /** The text in front of and behind that of the uuid that grows: it is asked for behind every transaction. */
  #around: { readonly uuid: string; readonly before: string; readonly after: string } | null = null
  #grown = ''

  /** `uuid:1-5:7,uuid2:1-9`, with tags `uuid:1-220:mytag:1`. @throws {DecodeError} */
  static parse(text: string): MysqlGtidSet {
    const set = new MysqlGtidSet()
    for (const part of text.replace(/\s+/g, '').toLowerCase().split(',')) {
      if (part === '') continue
      const [uuid = '', ...rest] = part.split(':')
      // A tag is nothing without the intervals after it.
      if (!UUID.test(uuid) || rest.length === 0 || TAG.test(rest.at(-1)!)) throw new DecodeError(`'${part}' is no GTID set`)
      let source = uuid
      for (const word of rest) {
        if (TAG.test(word)) {
          source = `${uuid}:${word}`
          continue
        }
        const match = /^(\d{1,19})(?:-(\d{1,19}))?$/.exec(word)
        if (match === null) throw new DecodeError(`'${word}' is no interval of a GTID set`)
        set.#addInterval(source, Number(match[1]), Number(match[2] ?? match[1]))
      }
    }
    return set
  }

  /** The binary form, plain or tagged. @throws {DecodeError} */
  static read(cursor: Cursor): MysqlGtidSet {
    const set = new MysqlGtidSet()
    const head = cursor.view(8)
    const tagged = head[0] === 1 && head[7] === 1
    const count = tagged ? head.readUIntLE(1, 6) : head[7] === 0 && head[6] === 0 ? head.readUIntLE(0, 6) : Infinity
    // An entry has 24 bytes at least, so a count beyond that is refused before it is believed.
    if (count > cursor.left / 24) throw new DecodeError(`a GTID set of ${count} entries in ${cursor.left} bytes`)
    for (let entry = 0; entry < count; entry++) {
      const uuid = uuidText(cursor.view(16))
      const tag = tagged ? tagText(cursor, Number(varint(cursor))) : ''
      const intervals = cursor.u64()
      if (intervals > cursor.left / 16) throw new DecodeError(`${intervals} intervals in ${cursor.left} bytes`)
      for (let i = 0; i < intervals; i++) set.#addInterval(tag === '' ? uuid : `${uuid}:${tag}`, cursor.u64(), cursor.u64() - 1)
    }
    return set
  }

  /** Adds `uuid:gno` or `uuid:tag:gno`. */
  add(gtid: string): void {
    const { source, gno } = splitGtid(gtid)
    this.#addInterval(source, gno, gno)
  }

  addAll(other: MysqlGtidSet): void {
    for (const [source, intervals] of other.#intervals)
      for (const [first, last] of intervals) this.#addInterval(source, first, last)
  }

  has(gtid: string): boolean {
    const { source, gno } = splitGtid(gtid)
    return this.#intervals.get(source)?.some(([first, last]) => gno >= first && gno <= last) ?? false
  }

  /** Is all of `other` in this set? */
  contains(other: MysqlGtidSet): boolean {
    for (const [source, wanted] of other.#intervals) {
      const own = this.#intervals.get(source) ?? []
      if (!wanted.every(([first, last]) => own.some((held) => held[0] <= first && last <= held[1]))) return false
    }
    return true
  }

  /** What is in both. */
  intersection(other: MysqlGtidSet): MysqlGtidSet {
    const result = new MysqlGtidSet()
    for (const [source, own] of this.#intervals)
      for (const [first, last] of own)
        for (const [from, to] of other.#intervals.get(source) ?? []) {
          const [begin, end] = [Math.max(first, from), Math.min(last, to)]
          if (begin <= end) result.#addInterval(source, begin, end)
        }
    return result
  }

  clone(): MysqlGtidSet {
    const copy = new MysqlGtidSet()
    copy.addAll(this)
    return copy
  }

  get isEmpty(): boolean { return this.#intervals.size === 0 }

  toString(): string {
    if (this.#intervals.size === 0) return ''
    if (this.#around === null) {
      const uuid = this.#grown
      const others = [...new Set([...this.#intervals.keys()].map(uuidOf))].filter((other) => other !== uuid).sort()
      const before = others.filter((other) => other < uuid).map((other) => `${this.#textOf(other)},`).join('')
      const after = others.filter((other) => other > uuid).map((other) => `,${this.#textOf(other)}`).join('')
      this.#around = { uuid, before, after }
    }
    const { uuid, before, after } = this.#around
    return before + this.#textOf(uuid) + after
  }

  /** Of one uuid, with its tags. */
  #textOf(uuid: string): string {
    let text = uuid
    for (const source of [...this.#intervals.keys()].filter((key) => uuidOf(key) === uuid).sort()) {
      if (source !== uuid) text += source.slice(uuid.length)
      for (const [first, last] of this.#intervals.get(source)!) text += first === last ? `:${first}` : `:${first}-${last}`
    }
    return text
  }

  /** For COM_BINLOG_DUMP_GTID: the plain form, unless a tag needs the other one (servers from 8.3 on). */
  encode(): Buffer {
    const entries = [...this.#intervals].sort(([a], [b]) => a < b ? -1 : 1)
    const tagged = entries.some(([source]) => source.includes(':'))
    const writer = new Writer()
    if (tagged) writer.u8(1).u32(entries.length).u16(0).u8(1)
    else writer.u64(entries.length)
    for (const [source, own] of entries) {
      const [uuid = '', tag = ''] = source.split(':')
      writer.bytes(Buffer.from(uuid.replaceAll('-', ''), 'hex'))
      if (tagged) writer.u8(tag.length << 1).text(tag)
      writer.u64(own.length)
      for (const [first, last] of own) writer.u64(first).u64(last + 1)
    }
    return writer.finish()
  }

  #addInterval(source: string, first: number, last: number): void {
    if (first < 1 || last < first || last > Number.MAX_SAFE_INTEGER) throw new DecodeError(`${first}-${last} is no interval of a GTID set`)
    this.#grown = uuidOf(source)
    if (this.#around !== null && this.#around.uuid !== this.#grown) this.#around = null
    const own = this.#intervals.get(source)
    if (own === undefined) {
      this.#intervals.set(source, [[first, last]])
      return
    }
    const end = own.at(-1)!
    if (first === end[1] + 1) {
      end[1] = last // the usual case: the next transaction
      return
    }
    // Everything that touches the new interval becomes part of it.
    let at = own.findIndex((held) => held[1] >= first - 1)
    if (at < 0) at = own.length
    let until = at
    while (until < own.length && own[until]![0] <= last + 1) until++
    const joined = own.slice(at, until)
    own.splice(at, until - at, [
      Math.min(first, joined[0]?.[0] ?? first), Math.max(last, joined.at(-1)?.[1] ?? last),
    ])
  }
}

const UUID_LENGTH = 36
const uuidOf = (source: string): string => source.slice(0, UUID_LENGTH)

function splitGtid(gtid: string): { source: string; gno: number } {
  const colon = gtid.lastIndexOf(':')
  const gno = Number(gtid.slice(colon + 1))
  if (colon < 0 || !Number.isSafeInteger(gno)) throw new DecodeError(`'${gtid}' is no GTID`)
  return { source: gtid.slice(0, colon), gno }
}
