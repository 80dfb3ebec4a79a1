/**
 * `slotwise cluster up`: starts the nodes, forms the cluster, waits; then ends them. A folder that was used before is
 * the same cluster again. Without one, the data is gone afterwards.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Connection } from '../connection.js'
import { type Terminal, plural } from '../terminal.js'
import { pause } from '../pause.js'
import { UsageError, UserError } from '../user-error.js'
import { readClusterFile, writeClusterFile } from './cluster-file.js'
import { formCluster } from './form.js'
import { LocalNode } from './local-node.js'
import { planCluster } from './plan.js'

export interface UpOptions {
  readonly nodes?: number
  readonly replicas?: number
  readonly port?: number
  readonly host?: string
  readonly dir?: string
  readonly detach?: boolean
  readonly directives: readonly string[]
}

/** From a connection's end to its process's. */
const END_TIMEOUT_MS = 2000
const DEFAULTS = { host: '127.0.0.1', port: 7000, nodes: 6, replicas: 1 }

/** @returns the exit code */
export async function clusterUp(options: UpOptions, terminal: Terminal): Promise<number> {
  const detached = options.detach === true
  if (detached && options.dir === undefined) throw new UsageError('--detach needs --dir, which `slotwise cluster down` asks for')
  const temporary = options.dir === undefined ? mkdtempSync(join(tmpdir(), 'slotwise-cluster-')) : null
  const dir = temporary ?? resolve(options.dir!)
  const nodes: LocalNode[] = []
  let stay = false
  try {
    const shape = shapeOf(options, temporary === null ? readClusterFile(dir) : null)
    const plan = planCluster(shape)
    const interrupt = terminal.interrupted()
    for (const { port } of plan) {
      nodes.push(new LocalNode({
        endpoint: { host: shape.host, port }, dir: join(dir, String(port)), directives: options.directives, detached,
      }))
    }
    const formed = form(plan, nodes)
    formed.catch(() => undefined) // if Ctrl-C came first
    if (await Promise.race([formed.then(() => false), interrupt.then(() => true)])) return 0
    if (temporary === null) writeClusterFile(dir, shape)
    const primaries = plan.filter(({ slots }) => slots !== null).length
    tell(shape, primaries, { dir, temporary: temporary !== null, detached }, terminal)
    stay = detached
    return detached ? 0 : await serve(nodes, interrupt, terminal)
  } finally {
    if (!stay) {
      terminal.onInsist(() => nodes.forEach((node) => node.kill()))
      await Promise.all(nodes.map((node) => node.stop()))
      if (temporary !== null) rmSync(temporary, { recursive: true, force: true, maxRetries: 3 })
    }
  }
}

/** What was asked for, and for the rest what the folder was made with. */
function shapeOf(options: UpOptions, made: Required<Pick<UpOptions, 'host' | 'port' | 'nodes' | 'replicas'>> | null): typeof DEFAULTS {
  const shape = { ...made ?? DEFAULTS }
  for (const name of ['host', 'port', 'nodes', 'replicas'] as const) {
    const wanted = options[name]
    if (wanted === undefined) continue
    if (made !== null && wanted !== made[name])
      throw new UserError(`${options.dir ?? ''} holds a cluster that was made with --${name} ${made[name]}: leave --${name} out, or choose another folder`)
    Object.assign(shape, { [name]: wanted })
  }
  if (isIP(shape.host) === 0) throw new UsageError(`--host ${shape.host}: the nodes of a cluster know each other by address, expected an IP address`)
  return shape
}

async function form(plan: Parameters<typeof formCluster>[0], nodes: readonly LocalNode[]): Promise<void> {
  const connections: Connection[] = []
  try {
    connections.push(...await Promise.all(nodes.map((node) => node.answering())))
    await formCluster(plan, connections)
  } catch (error) {
    // A node that answered may still find the port of its bus taken. What it says is of more use than that it is gone.
    await Promise.race([...nodes.map((node) => node.ended), pause(END_TIMEOUT_MS)])
    throw nodes.find((node) => !node.isRunning)?.failure() ?? error
  } finally {
    for (const connection of connections) connection.close()
  }
}

function tell(
  { host, port, nodes, replicas }: typeof DEFAULTS, primaries: number,
  { dir, temporary, detached }: { dir: string; temporary: boolean; detached: boolean }, terminal: Terminal,
): void {
  terminal.out(`A cluster of ${plural(nodes, 'node')} is ready on ${host}, ports ${port} to ${port + nodes - 1}: ${plural(primaries, 'primary', 'primaries')}, at least ${plural(replicas, 'replica')} each.`)
  if (primaries < 3) terminal.out('With less than three primaries no majority is left to replace one that fails.')
  terminal.out(temporary ? 'Its data is gone when it ends (--dir keeps it).' : `Its data is in ${dir}; logs are in PORT/server.log there.`)
  terminal.out(`  redis-cli -c -p ${port} set name test\n  slotwise cluster status --port ${port}`)
  terminal.out(detached ? `It runs until: slotwise cluster down --dir ${dir}` : 'Ctrl-C ends it.')
}

/** Until Ctrl-C, or until no node is left. One that is killed is what clusters are for. */
async function serve(nodes: readonly LocalNode[], interrupt: Promise<void>, terminal: Terminal): Promise<number> {
  let stopping = false
  for (const node of nodes) {
    void node.ended.then((how) => {
      if (!stopping) terminal.err(`node ${node.endpoint.port} ended (${how}), see ${node.logFile}`)
    })
  }
  const allEnded = Promise.all(nodes.map((node) => node.ended)).then(() => false)
  const interrupted = await Promise.race([interrupt.then(() => true), allEnded])
  stopping = true
  terminal.out(interrupted ? 'Ending the cluster ...' : 'No node is left.')
  return 0
}
