/**
 * Addon: the .node file as TypeScript sees it, and the one place that loads it. Calls carry integers only; bytes cross
 * in two pages that JavaScript owns (request-page.ts, engine.ts). Results below zero are the codes at the end.
 * Elsewhere: layouts of the pages (native/src/binding/session_binding.cc), errors (errors.ts), in which package the
 * file is (native-package.ts).
 */
import { createRequire } from 'node:module'
import { addonNames, brokenAddon, isAbsent, type Machine, missingAddon } from './native-package.js'

export interface AddonOptions {
  /** Any of these names finds the engine in this process; none: nobody else can attach. */
  names: readonly string[]
  /** Name and arguments, as in redis.conf. */
  directives: readonly (readonly string[])[]
  renames: readonly (readonly [from: string, to: string])[]
  configFile: string
  persistent: boolean
  attachOnly: boolean
  willListen: boolean
  anyPort: boolean
  replays: boolean
  cluster: boolean
}

/** What an event is about; counts as in native/src/binding/engine_holder.h. */
export const EventKind = {
  log: 0, shutdown: 1, message: 2, messagesLost: 3, logLevel: 4, reply: 5, semiSync: 6,
  controlRequest: 7, published: 8,
} as const

export type EventCallback = (kind: number, number: number, payload: string | Buffer) => void

/** Words of `call`, as in native/src/binding/session_binding.cc: length of the key, then of the value; where to. */
export const CallWord = { length: 0, at: 1 } as const
export const CALL_WORDS = 2
/** What a key of that many characters or less may be passed as. */
export const DIRECT_KEY_MAX = 256

/** Functions of one open session. All are synchronous unless they return a promise. */
export interface AddonSession {
  setPages(request: Uint8Array, result: Uint8Array, call: Int32Array): void
  /**
   * These three leave the length of the value, or a code, in the call words. Without a key it is the one in the request
   * page, of the length that the call words say.
   */
  get(key?: string): void
  getText(key?: string): string | undefined
  getMsgpackText(key?: string): string | undefined
  set(keyLength: number, valueLength: number, ttlMs: number): number
  getMany(count: number, requestBytes: number, at: number): number
  command(argumentCount: number, requestBytes: number, at: number): number
  commands(commandCount: number, argumentCount: number, requestBytes: number, at: number): number
  /** As `command`; WAITS if it has to wait: the call words hold its token, and the reply comes as an event. */
  wait(argumentCount: number, requestBytes: number, at: number): number
  /** Whether the call ends by that: with nil, or an error if `aborted`. If not, its reply is on its way. */
  cancelWait(token: number, aborted: boolean): boolean
  forgetWait(token: number): void
  takeReply(at: number): number
  lastError(): string
  select(db: number): number
  setAsciiHead(count: number): void
  stats(): EngineStats
  /** The control plane of a node of a cluster; these throw if the engine is none. */
  openControl(): void
  answerControl(request: number, reply: Uint8Array): void
  setSlotMap(map: Uint8Array): void
  clearSlot(slot: number): number
  deliver(channel: Uint8Array, message: Uint8Array, shard: boolean): void
  setServesUntil(ms: number): void
  setCopyDuty(tag: string, needed: number, servesUntilMs: number, feeds: boolean, why: string): void
  sync(): Promise<unknown>
  listen(anyPort: boolean, directives: readonly (readonly string[])[]): Promise<number>
  close(): Promise<unknown>
}

/** Bytes and offsets are exact below 2^53. */
export interface EngineStats {
  /** In all databases; keys whose time has come count until they are found. */
  keys: number
  /** Bytes that the keyspace has allocated, as in INFO memory. */
  usedMemory: number
  /** Log offsets: everything appended, given to the file system, synced. */
  tail: number
  written: number
  durable: number
  /** Clients on the sockets of listen(). */
  connections: number
}

/** Where an append-only directory lies: dir, appenddirname, appendfilename. */
export interface AofPlace { readonly dir: string; readonly dirname: string; readonly filename: string }

/** Seconds are Unix time, by the index; 0: nothing says. */
export interface SegmentFacts {
  readonly name: string
  readonly seq: number
  readonly size: number
  readonly firstSeconds: number
  readonly lastSeconds: number
}

export interface AofFacts {
  readonly base: SegmentFacts | null
  /** The moment whose data the base holds; null: nothing says. */
  readonly baseSeconds: number | null
  /** In order. */
  readonly segments: readonly SegmentFacts[]
  readonly commands: number
  /** Of a unit at the end that was not whole. */
  readonly droppedBytes: number
}

/** Of a segment: cut at `end`; undatedAt: nothing says when what begins there was written, so the search stopped. */
export interface SegmentCut { readonly end: number; readonly size: number; readonly undatedAt: number | null }

type ProgressCallback = (what: string, done: number, total: number) => void
type WarningCallback = (text: string) => void

export interface Addon {
  readonly version: string
  open(options: AddonOptions, onEvent: EventCallback): Promise<AddonSession>
  checkAof(program: string, args: readonly string[], print: (text: string) => void, readLine: () => string): number
  copyAof(from: AofPlace, toDir: string, onProgress: ProgressCallback, onWarning: WarningCallback): AofFacts
  restoreAof(
    parts: readonly (readonly string[])[], to: AofPlace, onProgress: ProgressCallback, onWarning: WarningCallback,
  ): AofFacts
  verifyAof(where: AofPlace, onProgress: ProgressCallback, onWarning: WarningCallback): AofFacts
  findCut(path: string, what: 'position' | 'seconds', number: number, onProgress: ProgressCallback): SegmentCut
  segmentFacts(path: string): SegmentFacts
  /** The pid of who holds the data directory, '' for nobody. */
  directoryHolder(dir: string): string
  /** flock, without waiting. */
  lockDescriptor(fd: number): boolean
}

/** Of a length: every byte is below 128. */
export const ASCII_BIT = 1 << 30
export const LENGTH_MASK = ASCII_BIT - 1

export const MISSING = -1
export const WRONG_TYPE = -2
export const CLOSED = -3
/** The key is no ASCII string: it has to cross in the page. */
export const NOT_ASCII = -4
/** The reply comes later. */
export const WAITS = -5
/** The data may be older than the session allows. */
export const STALE = -6
/** A node of a cluster: the slot is not simply its own at the moment. The executor says what it is. */
export const ELSEWHERE = -7
/** -(NEEDS + n): the result takes n bytes and did not fit. */
export const NEEDS = 16

/**
 * @throws {AddonError} if there is none for this machine, or the system refuses it
 */
export function loadAddon(): Addon {
  const require = createRequire(import.meta.url)
  let refused: Error | null = null
  for (const name of addonNames(process.platform, process.arch)) {
    try {
      return require(name) as Addon
    } catch (error) {
      // Not the end: an installer that does not know about libcs brought the packages of both.
      if (!isAbsent(error)) refused ??= brokenAddon(name, error)
    }
  }
  throw refused ?? missingAddon({ platform: process.platform, arch: process.arch, libc: libcOfProcess() })
}

/** Asked for only to explain a failure: the report takes long, and longer with what it says of networks. */
function libcOfProcess(): Machine['libc'] {
  if (process.platform !== 'linux') return null
  Object.assign(process.report, { excludeNetwork: true })
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'
}
