/**
 * Four HTTP services that are members of one cluster, autocannon in front of each, and one of them is killed: three
 * primaries, of which the first has a copy, and that is the one. What went wrong where is counted by service.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join as joinPath } from 'node:path'
import type { JoinOptions, MemberStatus } from '@slotwise/member'
import { waitFor } from '@slotwise/testing'
import { folders, ports, replicated } from './support.js'

const load = (module: string): Promise<unknown> => import(module)
interface Run extends Promise<{ '2xx': number; non2xx: number; errors: number; timeouts: number }> {
  stop(): void
  on(event: 'response', listener: () => void): void
}
const autocannon = (await load('autocannon') as { default: (options: object) => Run }).default

export interface Settings {
  /** T: how long a silent member is waited for. */
  readonly nodeTimeoutMs: number
  /** Connections of autocannon to each service. */
  readonly connections: number
  /** Requests a second to each service. @default as many as go */
  readonly rate?: number
  readonly beforeMs: number
  readonly afterMs: number
}

export interface Outcome {
  /** From the kill until a write to the dead service's slots was done at another one. */
  readonly recoveredMs: number
  /** Requests that were done, and those that failed, at the three that live. */
  readonly done: number
  readonly failed: number
  /** Requests to the dead service that had been done before. */
  readonly doneAtVictim: number
  /** Keys that its replica had before the kill, and that are not there after it. */
  readonly lost: number
}

interface Service { readonly process: ChildProcess; readonly port: number }

const live = new Set<ChildProcess>()
process.once('exit', () => { for (const child of live) child.kill('SIGKILL') })

async function started(options: JoinOptions): Promise<Service> {
  const child = fork(joinPath(import.meta.dirname, 'fixtures', 'service.mjs'), [JSON.stringify(options)], { execArgv: ['--no-warnings'] })
  live.add(child)
  child.once('exit', () => live.delete(child))
  const [message] = await Promise.race([
    once(child, 'message'), once(child, 'exit').then(([code]) => { throw new Error(`a service ended with ${String(code)}`) }),
  ]) as [{ port: number }]
  return { process: child, port: message.port }
}

async function statusOf({ process: child }: Service): Promise<MemberStatus> {
  const answer = once(child, 'message') as Promise<[{ status: MemberStatus }]>
  child.send('status')
  return (await answer)[0].status
}

const urlOf = ({ port }: Service, key = ''): string => `http://127.0.0.1:${port}/${key}`
const put = (service: Service, key: string): Promise<Response> => fetch(urlOf(service, key), { method: 'PUT' })

export async function killOneOfFour(settings: Settings): Promise<Outcome> {
  const { nodeTimeoutMs, connections, rate, beforeMs, afterMs } = settings
  await using dirs = folders()
  const free = await ports(4)
  const common = {
    codec: 'text', replicas: 1, nodeTimeoutMs, commandTimeoutMs: 60_000, joinTimeoutMs: 180_000, directives: { 'repl-diskless-sync-delay': 0 },
  } as const
  const services = await Promise.all([0, 1, 2, 3].map((index) => started({
    dir: dirs.use(), port: free[index]!, busPort: free[4 + index]!, ...common,
    ...(index === 0 ? { members: 4 } : { seeds: [`127.0.0.1:${free[0]}`] }),
  })))
  try {
    const [victim, ...others] = services as [Service, ...Service[]]
    // That somebody copies it is news that takes a PING.
    await waitFor(async () => {
      const { id, members } = await statusOf(victim)
      return members.some(({ primaryId }) => primaryId === id)
    }, { timeoutMs: 30_000, what: 'a copy of the first service' })
    const keys = Array.from({ length: 300 }, (_, index) => `key:${index}`)
    for (const key of keys) if (!(await put(others[0]!, key)).ok) throw new Error('a write failed before anything happened')
    await waitFor(() => replicated(free[0]!), { timeoutMs: 30_000, what: 'the copy' })

    const runs = services.map((service) => autocannon({
      url: urlOf(service), connections, duration: 600, timeout: 120, ...rate !== undefined && { overallRate: rate },
      requests: keys.flatMap((key) => [{ method: 'GET', path: `/${key}` }, { method: 'PUT', path: `/${key}` }]),
    }))
    let answered = 0
    runs[0]!.on('response', () => { answered++ })
    await new Promise((resolve) => setTimeout(resolve, beforeMs))
    await waitFor(() => answered > 0, { timeoutMs: 60_000, what: 'answers of the first service' })
    const killedMs = performance.now()
    victim.process.kill('SIGKILL')
    // As a balancer would: nobody is sent there any more.
    runs[0]!.stop()
    // Some key of each slot range; one that was in flight may fail, the next is kept until it can be done.
    await Promise.all(keys.map((key) => waitFor(async () => (await put(others[1]!, key)).ok, { timeoutMs: 120_000, what: 'a write' })))
    const recoveredMs = performance.now() - killedMs
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    for (const run of runs) run.stop()
    const [atVictim, ...results] = await Promise.all(runs)
    const found = await Promise.all(keys.map(async (key) => (await fetch(urlOf(others[2]!, key))).text()))
    const sum = (of: (result: Awaited<Run>) => number): number =>
      results.reduce((total, result) => total + of(result), 0)
    return {
      recoveredMs, done: sum((result) => result['2xx']), failed: sum(({ non2xx, errors, timeouts }) => non2xx + errors + timeouts),
      doneAtVictim: atVictim!['2xx'], lost: found.filter((value, index) => value !== keys[index]).length,
    }
  } finally {
    await Promise.all(services.map(async ({ process: child }) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }))
  }
}
