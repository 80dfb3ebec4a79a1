/**
 * BenchRun: what a scenario is given. Starts servers, runs the measurements in interleaved rounds, keeps the samples.
 *
 * Interleaved: round 1 measures side A, then B, ..., then round 2 does the same, so a drift of the machine meets all
 * sides alike and ratios are taken within a round. Sides stay up and filled through all rounds; only the one being
 * measured runs, the others are stopped (SIGSTOP). Servers and load have different cores.
 * Whatever a scenario started is stopped in `close`, also after an error.
 * Elsewhere: processes (server-process.ts), the generators (kvload.ts, redis-benchmark.ts), medians (statistics.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedRunner } from './embedded-runner.js'
import { kvloadArgs, runHandover, runKvload, sampleOf } from './kvload.js'
import { runRedisBenchmark } from './redis-benchmark.js'
import { Script } from './script.js'
import { sendAll } from './send-all.js'
import { isPortFree, makeDir, removeDir, ServerProcess, untilQuiet } from './server-process.js'
import type {
  Bench, Codec, EmbeddedPeer, HandoverResult, KvloadResult, LoadOptions, RedisBenchmarkOptions, RunningScript,
  RunningServer, Sample,
  ServerPeer, Servers, Side,
} from './scenario.js'

/** The samples of one case: sides in order, the subject first. */
export interface Comparison {
  case: string
  sides: string[]
  /** [side][round] */
  samples: Sample[][]
}

export interface RunOptions {
  quick: boolean
  runs: number
  /** Whether the command line said so: a scenario with a number of its own keeps to it then. */
  runsAsked: boolean
  seconds: number
  warmupSeconds: number
  seed: number
  /** Most keys any scenario may use. */
  keysMax: number
  /** CPU lists for taskset; undefined: not pinned. */
  serverCores: string | undefined
  loadCores: string | undefined
  portBase: number
  root: string
  subject: ServerPeer
  reference: ServerPeer
  embeddedPeers: ReadonlyMap<string, { peer: EmbeddedPeer; path: string }>
}

/** From here on a report says that it was disturbed: 10 % of a core is what daemons and ticks of 10 ms amount to. */
const OTHER_CORES_NOISY = 0.1

export class BenchRun implements Bench {
  readonly comparisons: Comparison[] = []
  readonly notes: string[] = []
  /** Versions by peer name, as the peers themselves report them. */
  readonly versions = new Map<string, string>()
  readonly #servers = new Set<ServerProcess>()
  readonly #scripts: Script[] = []
  readonly #dirs: string[] = []
  #nextPort: number
  #otherCoresMax = 0

  constructor(readonly options: RunOptions, readonly progress: (text: string) => void) {
    this.#nextPort = options.portBase
  }

  get quick(): boolean { return this.options.quick }
  get seed(): number { return this.options.seed }

  keys(wanted: number): number {
    return Math.min(wanted, this.options.keysMax)
  }

  subject(directives: Record<string, string> = {}, suffix = ''): Side {
    return { label: `${this.options.subject.name}${suffix && ` ${suffix}`}`, peer: this.options.subject, directives }
  }

  reference(directives: Record<string, string> = {}, suffix = ''): Side {
    const { subject, reference } = this.options
    // A null comparison runs one peer against itself; its two sides still need two names.
    const name = reference.name === subject.name ? `${reference.name} (again)` : reference.name
    return { label: `${name}${suffix && ` ${suffix}`}`, peer: reference, directives }
  }

  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text)
  }

  async startOne(
    side: Side,
    options: { pinned?: boolean; dir?: string; waitForPing?: boolean } = {},
  ): Promise<ServerProcess> {
    const { serverCores, root } = this.options
    const server = await ServerProcess.start({
      peer: side.peer,
      directives: side.directives,
      root,
      port: await this.#freePort(),
      ...(options.dir === undefined ? {} : { dir: options.dir }),
      ...((options.pinned ?? true) && serverCores !== undefined ? { cores: serverCores } : {}),
      waitForPing: options.waitForPing ?? true,
    })
    this.#servers.add(server)
    if (options.waitForPing ?? true) await this.recordVersion(side, server)
    return server
  }

  /** Asks INFO once a peer; call it yourself after startOne with waitForPing false. */
  async recordVersion(side: Side, server: RunningServer): Promise<void> {
    if (this.versions.has(side.peer.name)) return
    const info = await server.command('INFO', 'server').catch(() => '')
    const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(String(info))?.[1]
    this.versions.set(side.peer.name, field('slotwise_version') ?? field('redis_version') ?? 'unknown')
  }

  get windows(): { seconds: number; warmupSeconds: number } { return this.options }

  script(path: string, args: readonly string[], place: 'server' | 'load' | 'anywhere'): RunningScript {
    const { serverCores, loadCores } = this.options
    const script = Script.start(path, args, { server: serverCores, load: loadCores, anywhere: undefined }[place])
    this.#scripts.push(script)
    return script
  }

  async start(sides: readonly Side[]): Promise<Servers> {
    const running: { side: Side; server: ServerProcess }[] = []
    for (const side of sides) {
      running.push({ side, server: await this.startOne(side) })
      this.progress(`${side.label} is up`)
    }
    return new RunningSides(this, running)
  }

  async kvload(args: readonly string[], server?: RunningServer): Promise<KvloadResult> {
    const target = server === undefined ? [] : ['--port', String(server.port), '--cpu-pid', String(server.pid)]
    const result = await runKvload(['--seed', String(this.options.seed), ...target, ...args], this.options.loadCores)
    this.noteOthers(result.otherCores ?? 0)
    return result
  }

  canaries(): string[] {
    const cores = [this.options.serverCores, this.options.loadCores].flatMap((list) => parseCores(list ?? ''))
    return [...new Set(cores)].flatMap((core) => ['--canary', String(core)])
  }

  handover(args: readonly string[], servers: readonly RunningServer[]): Promise<HandoverResult[]> {
    return runHandover([...servers.flatMap(({ port }) => ['--port', String(port)]), ...args], this.options.loadCores)
  }

  tempDir(): Promise<string> {
    const dir = makeDir()
    this.#dirs.push(dir)
    return Promise.resolve(dir)
  }

  removeDir(dir: string): Promise<void> {
    removeDir(dir)
    return Promise.resolve()
  }

  send(server: RunningServer, commands: Iterable<readonly string[]>): Promise<void> {
    return sendAll(server.port, commands)
  }

  untilQuiet(server: RunningServer): Promise<void> {
    return untilQuiet(server)
  }

  async interleave<S extends { label: string }>(
    sides: readonly S[],
    measure: (side: S, round: number) => Promise<Record<string, Sample>>,
    options: { runsMax?: number; runs?: number } = {},
  ): Promise<void> {
    const wanted = this.options.runsAsked ? this.options.runs : options.runs ?? this.options.runs
    const rounds = Math.min(wanted, options.runsMax ?? Infinity)
    for (let round = 0; round < rounds; round++) {
      for (const side of sides) {
        for (const [name, sample] of Object.entries(await measure(side, round))) {
          this.record(name, side.label, sample)
          this.progress(`${name}  ${round + 1}/${rounds}  ${side.label}  ${describe(sample)}`)
        }
      }
    }
  }

  record(name: string, side: string, sample: Sample): void {
    let comparison = this.comparisons.find((candidate) => candidate.case === name)
    if (comparison === undefined) this.comparisons.push(comparison = { case: name, sides: [], samples: [] })
    let index = comparison.sides.indexOf(side)
    if (index < 0) {
      index = comparison.sides.push(side) - 1
      comparison.samples.push([])
    }
    comparison.samples[index]?.push(sample)
  }

  async embeddedPeers(names: readonly string[]): Promise<EmbeddedPeer[]> {
    const found: EmbeddedPeer[] = []
    for (const name of names) {
      const entry = this.options.embeddedPeers.get(name)
      if (entry === undefined) throw new Error(`no embedded peer '${name}' under benchmarks/peers`)
      const absent = await this.#embedded.whyAbsent(entry)
      if (absent === undefined) {
        found.push(entry.peer)
        this.versions.set(name, await this.#embedded.version(entry))
      } else {
        this.note(`${name} is absent: ${absent}`)
      }
    }
    return found
  }

  async runEmbedded(
    peer: EmbeddedPeer,
    options: { keys: number; valueBytes: number; codec: Codec },
  ): Promise<Record<string, Sample>> {
    const entry = this.options.embeddedPeers.get(peer.name)
    if (entry === undefined) throw new Error(`no embedded peer '${peer.name}'`)
    const { samples, otherCores } = await this.#embedded.run(entry, options)
    this.noteOthers(otherCores)
    return samples
  }

  /** Keeps the most that other processes took during a window; `close` makes a note of it if it is much. */
  noteOthers(cores: number): void {
    this.#otherCoresMax = Math.max(this.#otherCoresMax, cores)
  }

  /** Stops and removes everything this scenario started. */
  async close(): Promise<void> {
    if (this.#otherCoresMax > OTHER_CORES_NOISY) {
      this.note(`noisy: other processes used up to ${this.#otherCoresMax.toFixed(2)} cores while this was measured; run it again on a quiet machine before quoting it`)
    }
    for (const script of this.#scripts) await script.stop()
    for (const server of this.#servers) await server.stop()
    this.#servers.clear()
    for (const dir of this.#dirs) removeDir(dir)
  }

  get #embedded(): EmbeddedRunner {
    const { seconds, warmupSeconds, seed } = this.options
    return new EmbeddedRunner({ seconds, warmupSeconds, seed })
  }

  async #freePort(): Promise<number> {
    for (let tries = 0; tries < 100; tries++) {
      const port = this.options.portBase + ((this.#nextPort++ - this.options.portBase) % 100)
      if (await isPortFree(port)) return port
    }
    throw new Error(`no free port from ${this.options.portBase} to ${this.options.portBase + 99}`)
  }
}

class RunningSides implements Servers {
  constructor(
    private readonly bench: BenchRun,
    private readonly running: readonly { side: Side; server: ServerProcess }[],
  ) {}

  async fill({ keys, valueBytes }: { keys: number; valueBytes: number }): Promise<void> {
    for (const { side, server } of this.running) {
      const args = ['--prefill', '--connections', '8', '--pipeline', '128']
      const filled = await this.bench.kvload(
        [...args, '--keys', String(keys), '--value-bytes', String(valueBytes)], server,
      )
      const size = await server.command('DBSIZE')
      if (size !== keys) throw new Error(`${side.label}: DBSIZE is ${String(size)} after ${keys} keys were set`)
      this.bench.progress(`filled ${side.label}: ${keys} keys in ${filled.seconds.toFixed(1)} s`)
      await untilQuiet(server)
    }
  }

  async compare(name: string, load: LoadOptions): Promise<Sample[][]> {
    const { seconds, warmupSeconds } = this.bench.options
    const fellBehind = new Map<string, number>()
    const samples = await this.#rounds(name, async (server, label) => {
      const result = await this.bench.kvload(
        [...kvloadArgs(load), '--seconds', String(seconds), '--warmup-seconds', String(warmupSeconds)], server,
      )
      if (result.misses > 0 && load.workload === 'get') throw new Error(`${label}: ${result.misses} keys were not found`)
      if (load.rate !== undefined && result.opsPerSecond < load.rate * 0.99) {
        fellBehind.set(label, Math.min(fellBehind.get(label) ?? Infinity, Math.round(result.opsPerSecond)))
      }
      if (load.rate === undefined && result.clientCpuUsPerOp * result.opsPerSecond > 970_000) {
        this.bench.note(`${name}: the load generator was at its limit with ${label}, which could have answered more; CPU per operation is not touched by this`)
      }
      return sampleOf(result)
    })
    for (const [label, least] of fellBehind) {
      this.bench.note(`${name}: ${label} fell behind, in the worst round ${least} of the ${load.rate ?? 0} op/s that were due`)
    }
    return samples
  }

  compareWithRedisBenchmark(name: string, options: RedisBenchmarkOptions): Promise<Sample[][]> {
    return this.#rounds(name, async (server) => {
      if (options.prepare !== undefined) {
        await server.command('FLUSHALL')
        await sendAll(server.port, options.prepare())
        await untilQuiet(server)
      }
      const before = await server.cpuUs()
      const sample = await runRedisBenchmark(server.port, options, this.bench.options.loadCores)
      const cpuUsPerOp = (await server.cpuUs() - before) / options.requests
      return { ...sample, cpuUsPerOp, rssBytes: await server.rssBytes() }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { server } of this.running) await server.stop()
  }

  async #rounds(
    name: string,
    measure: (server: ServerProcess, label: string) => Promise<Sample>,
  ): Promise<Sample[][]> {
    for (const { server } of this.running) server.pause()
    const sides = this.running.map(({ side, server }) => ({ label: side.label, server }))
    await this.bench.interleave(sides, async ({ server, label }) => {
      server.resume()
      // A resumed server first catches up with its timers.
      await server.command('PING')
      await sleep(20)
      const sample = await measure(server, label)
      server.assertAlive()
      server.pause()
      return { [name]: sample }
    })
    for (const { server } of this.running) server.resume()
    return this.bench.comparisons.find((comparison) => comparison.case === name)?.samples ?? []
  }
}

/** One sample in one line, for progress. */
function describe(sample: Sample): string {
  const parts: string[] = []
  if (sample.cpuUsPerOp !== undefined) parts.push(`${sample.cpuUsPerOp.toPrecision(3)} us/op`)
  if (sample.opsPerSecond !== undefined) parts.push(`${Math.round(sample.opsPerSecond)} op/s`)
  if (sample.p99Us !== undefined) parts.push(`p99 ${sample.p99Us.toPrecision(3)} us`)
  if (sample.seconds !== undefined) parts.push(`${sample.seconds.toFixed(2)} s`)
  if (sample.rssBytes !== undefined) parts.push(`${Math.round(sample.rssBytes / 2 ** 20)} MiB`)
  return parts.join('  ')
}

/** As taskset has it: `0`, `0-2`, `0,3`. */
function parseCores(list: string): number[] {
  return list.split(',').filter((part) => part !== '').flatMap((part) => {
    const [first = '', last = first] = part.split('-')
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i)
  })
}
