/**
 * The command line of `slotwise`: what there is, and which options it takes. Exit codes: 0 done, 1 it failed, 2 the
 * arguments make no sense; those of server, backup, restore and check-aof are those programs' own.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { bench, type BenchOptions } from './bench.js'
import { clusterDown } from './cluster/down.js'
import { clusterStatus, type StatusOptions } from './cluster/status.js'
import { clusterUp, type UpOptions } from './cluster/up.js'
import { become, type ServerProgram } from './delegate.js'
import { type Endpoint, parseEndpoint } from './endpoint.js'
import { importFrom, type ImportOptions } from './import/import.js'
import { monitor } from './monitor.js'
import { processTerminal, type Terminal } from './terminal.js'
import { UsageError, UserError } from './user-error.js'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** @returns the exit code; null: the program that this process became sets it */
export async function runCli(args: readonly string[]): Promise<number | null> {
  let exitCode: number | null = 0
  const program = cli((code) => exitCode = code)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!(error instanceof UserError)) throw error
    process.stderr.write(`slotwise: ${error.message}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

function cli(end: (exitCode: number | null) => void): Command {
  const program = new Command('slotwise')
    .description('Slotwise: a Redis-compatible store as a server, as a cluster on this machine, and what belongs to it.')
    .version(version)
    .enablePositionalOptions()
    .showHelpAfterError('(--help says more)')
    .exitOverride()
  program.addHelpText('after', `
Examples:
  slotwise server --port 7000 --dir ./data --appendonly yes
  slotwise cluster up                      six nodes on ports 7000 to 7005, gone after Ctrl-C
  slotwise cluster up --dir ./cluster      the same, kept
  slotwise import redis://10.0.0.5:6379 --to 127.0.0.1:7000
`)
  const terminal = processTerminal()

  type Words = (given: string[]) => string[]
  const asTheyAre: Words = (given) => given
  const passOn = (name: string, description: string, server: ServerProgram, words: Words = asTheyAre): void => {
    program.command(name).description(description).usage('[arguments ...]')
      .helpOption(false).allowUnknownOption().allowExcessArguments().passThroughOptions()
      .argument('[arguments...]')
      .action(async (given: string[]) => {
        end(null)
        await become(server, words(given))
      })
  }
  passOn('server', 'run a server: redis.conf, --directive value ...', 'slotwise-server')
  clusterCommands(program, terminal, end)
  addEndpoint(program.command('monitor').description('every command that a server runs, as it runs'))
    .action(async (server: string | undefined, options: Identity) =>
      end(await monitor(endpointOf(server, options), terminal)))
  passOn('backup', 'copy the append-only files of a server, list and verify copies', 'slotwise-backup',
    (given) => ['create', 'list', 'verify', 'restore'].includes(given[0] ?? '') || given.includes('--help') || given.includes('-h') ? given : ['create', ...given])
  passOn('restore', 'make a data directory from a backup, up to a position or a second', 'slotwise-backup', (given) => ['restore', ...given])
  passOn('check-aof', 'check append-only files, and repair them', 'slotwise-check-aof')
  addEndpoint(program.command('bench').description('a first impression of a server: SET and GET over random keys'))
    .option('--requests <count>', 'of each kind', atLeast(1), 100_000)
    .option('--clients <count>', 'connections', atLeast(1), 50)
    .option('--pipeline <count>', 'commands under way on each', atLeast(1), 1)
    .option('--size <bytes>', 'of a value', atLeast(0), 64)
    .option('--keys <count>', 'how many different ones; they stay there, as slotwise-bench:N', atLeast(1), 100_000)
    .action(async (server: string | undefined, options: Identity & BenchOptions) =>
      end(await bench(endpointOf(server, options), options, terminal)))
  program.command('import').description('copy a running Redis into a server, live, and make that a primary')
    .argument('<source>', 'redis://[USER:PASSWORD@]HOST:PORT')
    .option('--to <target>', 'an empty server', '127.0.0.1:6379')
    .addOption(new Option('--method <method>', 'replication copies one moment and then every write; scan copies key by key; auto tries the first')
      .choices(['auto', 'replication', 'scan']).default('auto'))
    .option('--follow', 'stay a replica, up to date, until Ctrl-C')
    .option('--replace', 'remove what the target has')
    .option('--connect-timeout-ms <ms>', 'how long the source may take to let a replica in', atLeast(1), 15_000)
    .action(async (source: string, options: ImportOptions) => end(await importFrom(source, options, terminal)))
  return program
}

function clusterCommands(program: Command, terminal: Terminal, end: (exitCode: number) => void): void {
  const cluster = program.command('cluster').description('a cluster on this machine: up, status, down')
  cluster.command('up').description('start one, and wait until every node agrees')
    .argument('[directives...]', 'behind --: for every node, such as -- --maxmemory 100mb')
    .option('--nodes <count>', 'how many (default: 6)', atLeast(1))
    .option('--replicas <count>', 'of each primary (default: 1)', atLeast(0))
    .option('--port <port>', 'of the first node; the others follow (default: 7000)', atLeast(1))
    .option('--host <address>', 'to listen on (default: 127.0.0.1)')
    .option('--dir <folder>', 'keep the data here; the same folder is the same cluster again')
    .option('--detach', 'return when it is ready; needs --dir')
    .action(async (directives: string[], options: Omit<UpOptions, 'directives'>) =>
      end(await clusterUp({ ...options, directives }, terminal)))
  cluster.command('status').description('its nodes and their slots; live on a terminal; exit code 1 if it is not whole')
    .option('--dir <folder>', 'of a cluster that was started with --dir')
    .option('--port <port>', 'of any node (default: 7000)', atLeast(1))
    .option('--host <address>', 'of any node (default: 127.0.0.1)')
    .option('--user <name>').option('--password <password>', 'or REDISCLI_AUTH in the environment')
    .option('--once', 'on a terminal too')
    .action(async (options: StatusOptions) => end(await clusterStatus({ ...password(), ...options }, terminal)))
  cluster.command('down').description('end one that was started with --dir')
    .requiredOption('--dir <folder>')
    .action(async (options: { dir: string }) => end(await clusterDown(options, terminal)))
}

interface Identity { readonly user?: string; readonly password?: string }

const addEndpoint = (command: Command): Command => command
  .argument('[server]', 'HOST:PORT, PORT or redis://... (default: 127.0.0.1:6379)')
  .option('--user <name>').option('--password <password>', 'or REDISCLI_AUTH in the environment')

const password = (): Identity => process.env.REDISCLI_AUTH === undefined ? {} : { password: process.env.REDISCLI_AUTH }

function endpointOf(server: string | undefined, { user, password: given }: Identity): Endpoint {
  const identity = { ...user !== undefined && { user }, ...given !== undefined && { password: given } }
  return { ...password(), ...parseEndpoint(server ?? '6379'), ...identity }
}

const atLeast = (min: number) => (text: string): number => {
  const number = Number(text)
  if (!/^\d{1,9}$/.test(text) || number < min) throw new InvalidArgumentError(`expected a whole number, ${min} or more`)
  return number
}
