/** The command line of slotwise-benchmark: which scenarios, against whom, how long, and where the results go. */
import { join, relative, resolve } from 'node:path'
import { cpus } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import type { RunOptions } from './bench.js'
import { loadPeers, loadScenarios, ROOT } from './catalog.js'
import { markdownOf } from './report-markdown.js'
import { runScenarios, writeReport } from './run.js'
import type { EmbeddedPeer, Peer, Scenario, ServerPeer } from './scenario.js'
import { pinTo } from './server-process.js'

interface CliOptions {
  list?: true
  quick?: true
  record?: true
  runs?: number
  seconds?: number
  warmup?: number
  seed: number
  keys?: number
  subject: string
  against: string
  serverCmd?: string
  serverName: string
  serverCores?: string
  loadCores?: string
  pin: boolean
  portBase: number
  out?: string
}

/** Runs, seconds, warm-up and most keys: enough for a figure, or just enough to see that everything runs. */
const FULL = { runs: 5, seconds: 5, warmup: 1, keys: Infinity }
const QUICK = { runs: 2, seconds: 0.3, warmup: 0.1, keys: 20_000 }

const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('Expected a number above 0.')
  return value
}
const count = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Expected a whole number from 1 on.')
  return value
}

function program(): Command {
  return new Command('slotwise-benchmark')
    .description('Run the scenarios under benchmarks/ against their peers, interleaved, and print ratios.')
    .argument('[scenarios...]', 'names of scenarios; all without one')
    .option('--list', 'list scenarios and peers')
    .option('--quick', 'a short form that shows that everything runs; its figures mean nothing')
    .option('--runs <n>', `interleaved runs of each side (${FULL.runs})`, count)
    .option('--seconds <s>', `length of a measured window (${FULL.seconds})`, positive)
    .option('--warmup <s>', `warm-up before each window (${FULL.warmup})`, positive)
    .option('--keys <n>', 'use at most so many keys, where memory is short', count)
    .option('--seed <n>', 'seed of keys and values', count, 1)
    .option('--subject <peer>', 'the server that is measured', 'slotwise')
    .option('--against <peer>', 'the server it is measured against; the same name: a null comparison', 'redis')
    .option('--server-cmd <command>', "measure this server instead: 'CMD {port} {dir}'; with {directives} at the end it is given redis.conf flags")
    .option('--server-name <name>', 'what to call it', 'custom')
    .option('--server-cores <list>', 'CPU list for the servers (the first core)')
    .option('--load-cores <list>', 'CPU list for the load (the second core)')
    .option('--no-pin', 'let servers and load use every core')
    .option('--port-base <n>', 'first of 100 ports to use', count, 21300)
    .option('--record', 'write the results to benchmarks/results, to be committed')
    .option('--out <dir>', 'write the results there (benchmarks/results/local)')
}

/** @returns the exit code: 1 if a scenario failed, 2 for a wrong command line. */
export async function main(argv: readonly string[]): Promise<number> {
  const command = program()
  command.parse(argv, { from: 'user' })
  const cli = command.opts<CliOptions>()
  const scenarios = await loadScenarios()
  const peers = await loadPeers()
  if (cli.list) {
    console.log(listOf(scenarios, [...peers.values()].map(({ peer }) => peer)))
    return 0
  }
  const names = command.args.length > 0 ? command.args : scenarios.map(({ name }) => name)
  const chosen = names.map((name) => scenarios.find((scenario) => scenario.name === name))
  const unknown = names.filter((_, index) => chosen[index] === undefined)
  if (unknown.length > 0) {
    console.error(`unknown scenario ${unknown.join(', ')}; --list shows what there is`)
    return 2
  }
  const serverPeer = (name: string): ServerPeer => {
    const entry = peers.get(`server:${name}`)
    if (entry === undefined) throw new Error(`unknown server '${name}'; --list shows what there is`)
    return entry.peer as ServerPeer
  }
  const subject = cli.serverCmd === undefined ? serverPeer(cli.subject) : customPeer(cli.serverName, cli.serverCmd)
  const defaults = cli.quick ? QUICK : FULL
  const options: RunOptions = {
    quick: cli.quick ?? false,
    runs: cli.runs ?? defaults.runs,
    runsAsked: cli.runs !== undefined || cli.quick === true,
    seconds: cli.seconds ?? defaults.seconds,
    warmupSeconds: cli.warmup ?? defaults.warmup,
    keysMax: cli.keys ?? defaults.keys,
    seed: cli.seed,
    ...cores(cli),
    portBase: cli.portBase,
    root: ROOT.replace(/\/$/, ''),
    subject,
    reference: serverPeer(cli.against),
    embeddedPeers: new Map([...peers.values()].flatMap(({ peer, path }) =>
      peer.kind === 'embedded' ? [[peer.name, { peer, path }] as const] : [])),
  }
  const startedMs = performance.now()
  const progress = (text: string): void => {
    console.error(`${((performance.now() - startedMs) / 1000).toFixed(0).padStart(5)}s ${text}`)
  }
  const report = await runScenarios(chosen as Scenario[], options, progress)
  const out = cli.out ?? join(ROOT, 'benchmarks', 'results', ...(cli.record ? [] : ['local']))
  const folder = writeReport(report, out)
  console.log(markdownOf(report))
  console.log(`Results: ${relative(process.cwd(), folder) || '.'}/report.json, report.md, ratios.svg`)
  const tally = (status: string): number => report.scenarios.filter((scenario) => scenario.status === status).length
  console.log(`${tally('done')} done, ${tally('failed')} failed, ${tally('skipped')} skipped, ${tally('pending')} pending`)
  return tally('failed') > 0 ? 1 : 0
}

function cores(cli: CliOptions): { serverCores: string | undefined; loadCores: string | undefined } {
  const available = cpus().length
  if (!cli.pin || available < 2 || pinTo('0').length === 0) {
    if (cli.pin) console.error('not pinned: servers and load need two cores and taskset to be kept apart')
    return { serverCores: undefined, loadCores: undefined }
  }
  return { serverCores: cli.serverCores ?? '0', loadCores: cli.loadCores ?? '1' }
}

/**
 * `CMD {port} {dir}`, split at spaces. It takes redis.conf flags only if it says so with {directives}. A server runs in
 * its data directory, so a relative CMD is resolved here, where the user typed it (npm tells where that was).
 */
export function customPeer(name: string, command: string): ServerPeer {
  const words = command.trim().split(/\s+/)
  const [program = ''] = words
  if (program.includes('/')) words[0] = resolve(process.env.INIT_CWD ?? process.cwd(), program)
  return {
    kind: 'server',
    name,
    command: words.filter((word) => word !== '{directives}'),
    directives: words.includes('{directives}') ? 'flags' : 'none',
    install: 'It was given with --server-cmd.',
  }
}

function listOf(scenarios: readonly Scenario[], peers: readonly (ServerPeer | EmbeddedPeer | Peer)[]): string {
  const width = Math.max(...scenarios.map(({ name }) => name.length))
  return [
    'Scenarios:',
    ...scenarios.map(({ name, question, pending }) =>
      `  ${name.padEnd(width)}  ${question}${pending === undefined ? '' : ` (pending: ${pending})`}`),
    `Servers: ${peers.filter(({ kind }) => kind === 'server').map(({ name }) => name).join(', ')}, or any with --server-cmd`,
    `Embedded stores: ${peers.filter(({ kind }) => kind === 'embedded').map(({ name }) => name).join(', ')}`,
  ].join('\n')
}
