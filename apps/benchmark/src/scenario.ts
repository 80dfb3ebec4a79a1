/**
 * The vocabulary of a benchmark: what a scenario file says, what it is given, and what one measurement is.
 *
 * A scenario under benchmarks/ imports these as types only and receives everything else through `Bench`, so it has no
 * dependencies of its own and reads as a description: question, workload, output, yardstick, then the steps.
 * A side is one configured peer in a comparison; the first side is the subject, each further one a reference, and every
 * ratio is subject / reference of the same round. Elsewhere: running (bench.ts), peers (benchmarks/peers), reports.
 */

/** What is measured. `better` tells which way a ratio is good; order is the order in reports. */
export const METRICS = {
  cpuUsPerOp: { title: 'CPU', unit: 'us/op', better: 'lower' },
  opsPerSecond: { title: 'throughput', unit: 'op/s', better: 'higher' },
  p50Us: { title: 'p50', unit: 'us', better: 'lower' },
  p99Us: { title: 'p99', unit: 'us', better: 'lower' },
  p999Us: { title: 'p99.9', unit: 'us', better: 'lower' },
  seconds: { title: 'time', unit: 's', better: 'lower' },
  rssBytes: { title: 'RSS', unit: 'MiB', better: 'lower' },
  bytesPerKey: { title: 'RSS per key', unit: 'B', better: 'lower' },
  hitPercent: { title: 'hits', unit: '%', better: 'higher' },
  keys: { title: 'keys held', unit: '', better: 'higher' },
  loopDelayMs: { title: 'loop delay p99', unit: 'ms', better: 'lower' },
  maxMs: { title: 'longest', unit: 'ms', better: 'lower' },
  othersGapMs: { title: 'longest without a write at other shards', unit: 'ms', better: 'lower' },
  lostWrites: { title: 'acknowledged writes lost', unit: '', better: 'lower' },
} as const satisfies Record<string, { title: string; unit: string; better: 'lower' | 'higher' }>

export type Metric = keyof typeof METRICS

/** One run of one side. A metric that does not apply is absent. */
export type Sample = Partial<Record<Metric, number>>

/** How one peer is started. Placeholders in `command`: {node}, {root}, {port}, {dir}. */
export interface ServerPeer {
  kind: 'server'
  /** As it is named on the command line and in reports. */
  name: string
  /** Program and arguments before the directives. */
  command: readonly string[]
  /** How directives such as `appendfsync` are passed: as flags after the command, or not at all. */
  directives: 'flags' | 'none'
  /** Why it might not be there: shown when the program cannot be started. */
  install: string
}

/** A store inside the Node process, opened and filled. Values are strings, or bytes under the 'binary' codec. */
export interface EmbeddedSession {
  get(key: string): unknown
  /** Absent: the peer has no synchronous batch; 32 single gets stand in for it. */
  getMany?(keys: readonly string[]): unknown
  /** May start something asynchronous; `settle` waits for it. */
  set(key: string, value: string | Uint8Array): unknown
  settle?(): Promise<unknown>
  close(): Promise<void> | void
}

export interface EmbeddedPeer {
  kind: 'embedded'
  name: string
  /** Codec variants it has. 'default' is what a user gets without asking. */
  codecs: readonly Codec[]
  install: string
  /** `load` imports a dependency of slotwise-benchmark or a node: module; it rejects when there is none. */
  open(options: { load: (module: string) => Promise<unknown>; dir: string; codec: Codec }): Promise<EmbeddedSession>
}

export type Codec = 'default' | 'text' | 'binary'
export type Peer = ServerPeer | EmbeddedPeer

/** One side of a comparison of servers. */
export interface Side {
  /** Unique within a comparison, for example `slotwise everysec`. */
  label: string
  peer: ServerPeer
  /** redis.conf directives over the common ones (no persistence), for example { appendonly: 'yes' }. */
  directives: Readonly<Record<string, string>>
}

/** What kvload is asked to do; see native/kvload.cc. */
export interface LoadOptions {
  /** 'cache': GET, and a SET of each key that was not there. */
  workload: 'get' | 'set' | 'mix' | 'cache'
  /** Share of GET in a mix. @default 90 */
  getPercent?: number
  keys: number
  valueBytes: number
  /** @default 50 */
  connections?: number
  /** Connections that stay silent. @default 0 */
  idleConnections?: number
  /** @default 1 */
  pipeline?: number
  /** @default 'uniform' */
  distribution?: 'uniform' | 'zipf'
  /** Requests a second, open loop, latency from the intended moment. Absent: closed loop. */
  rate?: number
}

/** Servers of one comparison, all running; whichever is not being measured is stopped with SIGSTOP. */
export interface Servers extends AsyncDisposable {
  /** SET every key once on every side, check DBSIZE, wait until the servers are quiet. */
  fill(options: { keys: number; valueBytes: number }): Promise<void>
  /** Interleaved runs of kvload against each side in turn. Resolves to the samples: [side][round]. */
  compare(name: string, load: LoadOptions): Promise<Sample[][]>
  /** The same with redis-benchmark, one test at a time. p99.9 is absent: the tool does not print it. */
  compareWithRedisBenchmark(name: string, options: RedisBenchmarkOptions): Promise<Sample[][]>
}

export interface RedisBenchmarkOptions {
  /** One of its tests, or a command of one's own: in its words `__rand_int__` stands for a number below `keys`. */
  test: string | readonly string[]
  /** Sent once each before every run, to a server whose data was deleted. Absent: nothing is deleted. */
  prepare?: () => Iterable<readonly string[]>
  requests: number
  connections: number
  pipeline: number
  valueBytes: number
  keys: number
}

/** One started server, for scenarios that measure starting itself. */
export interface RunningServer {
  pid: number
  port: number
  dir: string
  /** Milliseconds of the monotonic clock at which the process was started. */
  startedAtMs: number
  command(...words: string[]): Promise<unknown>
  rssBytes(): Promise<number>
  cpuUs(): Promise<number>
  /** @throws {Error} with the tail of its output if the process has ended. */
  assertAlive(): void
  stop(): Promise<void>
}

/** A compiled script of a scenario, running: see Bench.script. */
export interface RunningScript {
  pid: number
  /** @throws {Error} what the script answered as `error`, or that it has ended, with what it printed. */
  ask<T>(question: object): Promise<T>
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** What a scenario is given. */
export interface Bench {
  /** Short form for smoke tests: small key spaces, short runs. Figures mean nothing then. */
  quick: boolean
  seed: number
  /** `wanted`, or less in the quick form and under --keys. */
  keys(wanted: number): number
  subject(directives?: Record<string, string>, suffix?: string): Side
  reference(directives?: Record<string, string>, suffix?: string): Side
  /** Start one server a side, pinned to the server cores. */
  start(sides: readonly Side[]): Promise<Servers>
  /** Start a single server; `pinned: false` lets it use every core. */
  startOne(side: Side, options?: { pinned?: boolean; dir?: string; waitForPing?: boolean }): Promise<RunningServer>
  /** Run kvload once with any arguments; `--port` and, if known, `--cpu-pid` are added from `server`. */
  kvload(args: readonly string[], server?: RunningServer): Promise<KvloadResult>
  /** Flags for kvload: the cores that servers and load are bound to; none if they are not bound. */
  canaries(): string[]
  /** Run handover once over all the servers, measured by turns of 0.1 s; `--port` is added for each. */
  handover(args: readonly string[], servers: readonly RunningServer[]): Promise<HandoverResult[]>
  /** Start a compiled script of the scenario as a process of its own, which answers what it is asked. */
  script(path: string, args: readonly string[], place: 'server' | 'load' | 'anywhere'): RunningScript
  /** Length of a measured window and of the warm-up before it. */
  windows: { seconds: number; warmupSeconds: number }
  /** Send commands down one connection, as fast as the server takes them. @throws {Error} at an error reply. */
  send(server: RunningServer, commands: Iterable<readonly string[]>): Promise<void>
  /** Resolves when a server's background work (rehashing, rewriting, freeing) has ended, or after 15 s. */
  untilQuiet(server: RunningServer): Promise<void>
  /** An empty directory that is removed at the end, or earlier by `removeDir`. */
  tempDir(): Promise<string>
  removeDir(dir: string): Promise<void>
  /**
   * The general form: in each round, measure every side in turn. `measure` returns samples by case name.
   * @param options.runsMax  Fewer rounds where a figure hardly varies and a round is dear.
   * @param options.runs  As many, where it varies much, unless --runs or --quick says otherwise.
   */
  interleave<S extends { label: string }>(
    sides: readonly S[],
    measure: (side: S, round: number) => Promise<Record<string, Sample>>,
    options?: { runsMax?: number; runs?: number },
  ): Promise<void>
  /** Keep one sample of a side, where a round measures all sides at once. */
  record(name: string, side: string, sample: Sample): void
  /** Embedded peers of this name list that are installed; the others are noted as absent in the report. */
  embeddedPeers(names: readonly string[]): Promise<EmbeddedPeer[]>
  /** Fill and measure one embedded store in a process of its own. Samples by operation. */
  runEmbedded(
    peer: EmbeddedPeer,
    options: { keys: number; valueBytes: number; codec: Codec },
  ): Promise<Record<string, Sample>>
  /** A sentence for the report: what was left out and why. */
  note(text: string): void
  progress(text: string): void
}

/** A figure the project promises: ratio of subject to reference. */
export interface Goal {
  /** Case name as the scenario records it. */
  case: string
  metric: Metric
  /** Label of the reference side. Absent: the first reference. */
  against?: string
  must: number
  aim: number
}

export interface Scenario {
  /** The folder's name and the word on the command line. */
  name: string
  question: string
  workload: string
  output: string
  yardstick: string
  goals?: readonly Goal[]
  /** Set while a scenario only keeps its place: why it cannot run yet. */
  pending?: string
  run(bench: Bench): Promise<void>
}

/** Percentiles in microseconds; 0 of no elements. */
export interface HandoverPercentiles { elements: number; p50: number; p99: number; p999: number }

/** An entry of the JSON that handover prints; `undisturbed`: slices in which no hypervisor took time away. */
export type HandoverResult = Record<'singles' | 'bursts', HandoverPercentiles & { undisturbed: HandoverPercentiles }>

type KvloadLatencies = Record<'mean' | 'p50' | 'p90' | 'p99' | 'p999' | 'p9999' | 'max', number>

/** The JSON that kvload prints. Latencies in microseconds; server fields only with --cpu-pid. */
export interface KvloadResult {
  workload: string
  loop: 'open' | 'closed'
  seconds: number
  ops: number
  opsPerSecond: number
  gets: number
  misses: number
  mismatches: number
  errors: number
  firstError?: string
  /** Open loop: requests that were due and never sent, since the server did not keep up. */
  behind: number
  latencyUs: KvloadLatencies
  /** With --canary: without the moments in which a core stood still, and what share that is (native/undisturbed.h). */
  undisturbedUs?: KvloadLatencies
  undisturbedShare?: number
  /** The longest that one of those cores was not there, and that the load generator did nothing, wherever it was. */
  coreAwayUs?: number
  loadAwayUs?: number
  clientCpuUsPerOp: number
  /** Cores that neither server nor load used but somebody else did: noise. In ticks of 10 ms, so coarse when short. */
  otherCores?: number
  serverCpuUs?: number
  serverCpuUsPerOp?: number
  serverRssBytes?: number
}
