/**
 * slotwise-binlog: prints the commands of append-only segments, also of a running server or of an archive. Exit codes:
 * 0 done, 1 it failed (one sentence on stderr says why), 2 the arguments make no sense.
 * Elsewhere: decoding (@slotwise/binlog), asking a running server (BINLOG EVENTS, docs/binlog.md).
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type LogFileBlock, LogFileDecoder, type LogFileEvent, parseLogIndex, secondsAt } from '@slotwise/binlog'
import { globMatcher, KeyFinder } from '@slotwise/node'

export const binlogUsage = `Usage: slotwise-binlog [options] DIR | FILE...

Prints the commands of append-only segments. DIR is a server's dir, its appenddirname, or a folder of aof-archive-dir;
FILE is a segment. Also of a running server: what it is writing is printed as far as it is there.

--start-position [FILE:]BYTE   begin there: in that file, or in the first
--stop-position [FILE:]BYTE    end before what begins there or behind
--start-time TIME              only what was written at that second or later: 2026-11-29T14:03:00Z, or Unix seconds
--stop-time TIME               only what was written before that second
--keys PATTERN                 only commands with a key that matches; may be repeated
--db N                         only of this database
--format text|json|resp        lines for people (default), lines of JSON, or what redis-cli --pipe takes
--help

Times are those of the index beside a segment, to a second or so; what was written in the last moment before a crash has
none and is printed. Exit codes: 0 done, 1 failed, 2 wrong arguments. More: docs/binlog.md
`

class UsageError extends Error {}

export interface BinlogConsole {
  readonly out: (text: string | Uint8Array) => void
  readonly err: (text: string) => void
}

interface Filter {
  readonly startSeconds: number
  readonly stopSeconds: number
  readonly db: number | null
  readonly matches: ((words: readonly Uint8Array[]) => boolean) | null
}

interface Place { readonly file: string | null; readonly byte: number }

const PIECE_BYTES = 1 << 20
const FRAMES = new Set(['SELECT', 'MULTI', 'EXEC'])

/** @returns the exit code */
export async function runBinlog(args: readonly string[], console: BinlogConsole): Promise<number> {
  try {
    await run(args, console)
    return 0
  } catch (error) {
    // Whoever reads has had enough: head, or a pager.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return 0
    console.err(`slotwise-binlog: ${(error as Error).message}\n`)
    if (!(error instanceof UsageError)) return 1
    console.err('Try slotwise-binlog --help\n')
    return 2
  }
}

async function run(args: readonly string[], { out }: BinlogConsole): Promise<void> {
  const { values, positionals } = parse(args)
  if (values.help === true) return out(binlogUsage)
  if (positionals.length === 0) throw new UsageError('which directory, or which file?')
  const format = values.format ?? 'text'
  if (format !== 'text' && format !== 'json' && format !== 'resp') throw new UsageError(`'${format}' is no format`)
  const start = placeOf(values['start-position'], 0)
  const stop = placeOf(values['stop-position'], Infinity)
  const matchers = (values.keys ?? []).map(globMatcher)
  await using finder = matchers.length === 0 ? null : await KeyFinder.open()
  const isWanted = (key: Uint8Array): boolean => matchers.some((matches) => matches(key))
  const filter: Filter = {
    startSeconds: secondsOf(values['start-time']) ?? 0, stopSeconds: secondsOf(values['stop-time']) ?? Infinity,
    db: values.db === undefined ? null : whole(values.db),
    matches: finder === null ? null : (words) => finder.keysOf(words).some(isWanted),
  }
  let files = positionals.flatMap(segmentsOf)
  for (const { file } of [start, stop]) {
    if (file !== null && !files.some((path) => named(path, file))) throw new Error(`there is no ${file} among the files`)
  }
  if (start.file !== null) files = files.slice(files.findIndex((path) => named(path, start.file!)))
  const printer = new Printer(format, out)
  for (const [i, path] of files.entries()) {
    const from = i === 0 ? start.byte : 0
    const isLast = stop.file === null ? i === files.length - 1 : named(path, stop.file)
    printFile(path, from, isLast ? stop.byte : Infinity, filter, printer)
    if (isLast) return
  }
}

function printFile(path: string, from: number, stop: number, filter: Filter, printer: Printer): void {
  const blocks = existsSync(`${path}.idx`) ? parseLogIndex(readFileSync(`${path}.idx`)) : []
  const decoder = new LogFileDecoder()
  const piece = Buffer.alloc(PIECE_BYTES)
  const file = openSync(path, 'r')
  try {
    // From the start, so that the database is known and a position inside of a command is found out.
    let inside = from
    for (let at = 0; ;) {
      const size = readSync(file, piece, 0, piece.length, at)
      if (size === 0) break
      at += size
      for (const event of decoder.push(Buffer.from(piece.subarray(0, size)))) {
        if (event.position >= stop) return
        if (event.position < from) {
          inside = event.next
          continue
        }
        if (inside > from) throw new Error(`${basename(path)}:${from} lies inside of a command that ends at ${inside}`)
        const seconds = secondsOfEvent(blocks, event)
        if (wanted(event, seconds, filter)) printer.print(basename(path), event, seconds)
      }
    }
    if (inside > from) throw new Error(`${basename(path)}:${from} lies inside of a command that ends at ${inside}`)
  } finally {
    closeSync(file)
    printer.endFile()
  }
}

const secondsOfEvent = (blocks: readonly LogFileBlock[], { position, lineSeconds }: LogFileEvent): number =>
  secondsAt(blocks, position) || lineSeconds

function wanted({ words, db }: LogFileEvent, seconds: number, filter: Filter): boolean {
  const { startSeconds, stopSeconds, db: only, matches } = filter
  if (seconds !== 0 && (seconds < startSeconds || seconds >= stopSeconds)) return false
  if (only !== null && db !== only) return false
  return matches === null || FRAMES.has(nameOf(words)) || matches(words)
}

const nameOf = (words: readonly Uint8Array[]): string => Buffer.from(words[0]!).toString('latin1').toUpperCase()

/** Frames are printed only around something. */
class Printer {
  readonly #format: 'text' | 'json' | 'resp'
  readonly #out: BinlogConsole['out']
  #held: (() => void)[] = []
  #open = false
  #db = -1

  constructor(format: 'text' | 'json' | 'resp', out: BinlogConsole['out']) {
    this.#format = format
    this.#out = out
  }

  print(file: string, event: LogFileEvent, seconds: number): void {
    const name = nameOf(event.words)
    if (name === 'SELECT') return
    if (name === 'MULTI') {
      this.#held = [() => this.#write(file, event, seconds)]
      return
    }
    if (name === 'EXEC') {
      if (this.#open) this.#write(file, event, seconds)
      this.#held = []
      this.#open = false
      return
    }
    for (const write of this.#held.splice(0)) {
      write()
      this.#open = true
    }
    this.#write(file, event, seconds)
  }

  /** A transaction that does not end there does not end. */
  endFile(): void {
    this.#held = []
    this.#open = false
  }

  #write(file: string, { position, next, db, words, inTransaction }: LogFileEvent, seconds: number): void {
    const time = seconds === 0 ? null : new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
    switch (this.#format) {
      case 'json':
        return this.#out(`${JSON.stringify({ file, position, next, time, db, transaction: inTransaction, command: words.map(textOrBase64) })}\n`)
      case 'resp':
        if (db !== this.#db) this.#out(`*2\r\n$6\r\nSELECT\r\n$${String(db).length}\r\n${db}\r\n`)
        this.#db = db
        return this.#out(Buffer.concat([
          Buffer.from(`*${words.length}\r\n`), ...words.flatMap((word) => [Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n')]),
        ]))
      case 'text': return this.#out(`${file}:${position} ${time ?? '-'} [${db}] ${words.map(quoted).join(' ')}\n`)
    }
  }
}

/** As MONITOR and redis-cli quote. */
function quoted(word: Buffer): string {
  let text = ''
  for (const byte of word) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`
    else if (byte === 10) text += '\\n'
    else if (byte === 13) text += '\\r'
    else if (byte === 9) text += '\\t'
    else text += byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return `"${text}"`
}

function textOrBase64(word: Buffer): string | { base64: string } {
  const text = word.toString()
  return Buffer.from(text).equals(word) ? text : { base64: word.toString('base64') }
}

/** The segments of a folder in their order, or the file itself. */
function segmentsOf(path: string): string[] {
  if (!existsSync(path)) throw new Error(`there is no ${path}`)
  if (statSync(path).isFile()) return [path]
  const inner = join(path, 'appendonlydir')
  const dir = existsSync(inner) ? inner : path
  const found = readdirSync(dir).flatMap((name) => {
    const seq = /\.(\d+)\.incr\.aof$/.exec(name)?.[1]
    return seq === undefined ? [] : [{ path: join(dir, name), seq: Number(seq) }]
  })
  if (found.length === 0) throw new Error(`there are no segments (*.incr.aof) in ${dir}`)
  return found.sort((a, b) => a.seq - b.seq).map((file) => file.path)
}

/** A file is meant by its name or its number. */
const named = (path: string, name: string): boolean => basename(path) === name || basename(path).endsWith(`.${name}.incr.aof`)

function placeOf(text: string | undefined, byte: number): Place {
  if (text === undefined) return { file: null, byte }
  const found = /^(?:(.+):)?(\d{1,15})$/.exec(text)
  if (found === null) throw new UsageError(`'${text}' is no position: expected BYTE or FILE:BYTE`)
  return { file: found[1] ?? null, byte: Number(found[2]) }
}

function secondsOf(text: string | undefined): number | null {
  if (text === undefined) return null
  if (/^\d{1,10}$/.test(text)) return Number(text)
  // Without a zone JavaScript takes the machine's.
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN
  if (Number.isNaN(ms)) throw new UsageError(`'${text}' is no time: expected 2026-11-29T14:03:00Z, or Unix seconds`)
  return Math.floor(ms / 1000)
}

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`'${text}' is no number of a database`)
  return Number(text)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args], allowPositionals: true, strict: true,
      options: {
        'start-position': { type: 'string' }, 'stop-position': { type: 'string' }, 'start-time': { type: 'string' }, 'stop-time': { type: 'string' },
        keys: { type: 'string', multiple: true }, db: { type: 'string' }, format: { type: 'string' }, help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}
