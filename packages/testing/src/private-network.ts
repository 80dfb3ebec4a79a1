/**
 * PrivateNetwork: hosts on one machine, each a network namespace with an address of its own, joined by a switch in
 * another namespace; the test process has two addresses there, to be two clients. What one host sends to another can be
 * cut, each way by itself and silently: its packets go to a hardware address that nobody has. So neither side is told
 * anything, as when a cable is pulled; no firewall is needed. The cable of one host can be a bad one, which loses,
 * delays, doubles and reorders what passes: a process of our own in its middle (frame-relay.py), since many kernels
 * have no netem.
 * Needs root and iproute2, for a bad cable python3. What a run made it removes, also when the process ends.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** A host by its number from 0, or one of the two clients. */
export type Place = number | 'client' | 'other client'

/** What happens to a frame on a bad cable, both ways. */
export interface Disturbance {
  readonly delayMs?: number
  /** Up to so much more, for each frame by itself: they overtake each other. */
  readonly jitterMs?: number
  /** Parts of 1. */
  readonly loss?: number
  readonly duplicate?: number
}

const RELAY = join(import.meta.dirname, '..', 'src', 'frame-relay.py')
const NO_DISTURBANCE: Required<Disturbance> = { delayMs: 0, jitterMs: 0, loss: 0, duplicate: 0 }

const NOBODY = '02:de:ad:00:00:01'
const PREFIX_LENGTH = 24
const CLIENTS = { client: 251, 'other client': 252 } as const

let made = 0
let reason: string | null | undefined

const run = (...words: string[]): void => void execFileSync(words[0]!, words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 })

/** Why this machine lets nobody make namespaces, or null. */
export function whyNoNetwork(): string | null {
  if (reason !== undefined) return reason
  const name = `sw-try-${process.pid}`
  try {
    run('ip', 'netns', 'add', name)
    try {
      run('ip', '-n', name, 'link', 'add', 'br0', 'type', 'bridge')
      run('ip', '-n', name, 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth1')
    } finally {
      run('ip', 'netns', 'del', name)
    }
    return reason = null
  } catch (error) {
    return reason = `no network namespaces: ${(error as Error).message.trim().split('\n').at(-1)!}`
  }
}

export class PrivateNetwork implements Disposable {
  readonly #name: string
  readonly #subnet: string
  readonly #cuts: string[][] = []
  readonly #atExit = (): void => this[Symbol.dispose]()
  #relay: ChildProcess | null = null
  #isGone = false

  /** @throws {Error} where `whyNoNetwork` has a reason */
  constructor(readonly hostCount: number) {
    const number = made++
    this.#name = `sw${process.pid}-${number}`
    this.#subnet = `10.${100 + (process.pid >> 8) % 100}.${(process.pid + number) % 256}`
    process.on('exit', this.#atExit)
    try {
      this.#make()
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  addressOf(place: Place): string {
    return `${this.#subnet}.${typeof place === 'number' ? place + 1 : CLIENTS[place]}`
  }

  /** Words that run what follows them on that host. */
  within(host: number): string[] { return ['ip', 'netns', 'exec', this.#hostName(host)] }

  /** What `from` sends to `to` is lost from now on. Clients can be `to` only: they hear nothing then. */
  cutOneWay(from: number, to: Place): void {
    if (from === to) return
    const words = ['-n', this.#hostName(from), 'neigh', 'replace', this.addressOf(to), 'lladdr', NOBODY, 'dev', 'eth0', 'nud', 'permanent']
    run('ip', ...words)
    this.#cuts.push(['-n', this.#hostName(from), 'neigh', 'del', this.addressOf(to), 'dev', 'eth0'])
  }

  /** Between the two groups nothing passes. */
  part(some: readonly Place[], others: readonly Place[]): void {
    for (const [left, right] of [[some, others], [others, some]] as const)
      for (const from of left) for (const to of right) if (typeof from === 'number') this.cutOneWay(from, to)
  }

  /** Puts a relay into the cable of `host`, for good; it passes everything on until it is told to disturb. */
  async relay(host: number): Promise<void> {
    const device = `p${host}`
    run('ip', '-n', this.#name, 'link', 'set', device, 'nomaster')
    run('ip', '-n', this.#name, 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far')
    run('ip', '-n', this.#name, 'link', 'set', 'far', 'master', 'br0', 'up')
    run('ip', '-n', this.#name, 'link', 'set', 'near', 'up')
    for (let other = 0; other < this.hostCount; other++) run(...this.within(other), 'python3', RELAY, '--plain', 'eth0')
    run('python3', RELAY, '--plain', `${this.#name}c`)
    const words = ['netns', 'exec', this.#name, 'python3', RELAY, device, 'near']
    const relay = this.#relay = spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] })
    relay.stdin.on('error', () => undefined) // it is gone
    const ended = once(relay, 'exit').then(([code]: unknown[]) => { throw new Error(`the relay ended with ${String(code)}`) })
    await Promise.race([once(relay.stdout, 'data'), ended])
  }

  /** From now on; what is not said is as on a good cable. After `relay`. */
  disturb(disturbance: Disturbance): void {
    this.#relay!.stdin!.write(`${JSON.stringify({ ...NO_DISTURBANCE, ...disturbance })}\n`)
  }

  heal(): void {
    for (const words of this.#cuts.splice(0)) run('ip', ...words)
    if (this.#relay !== null) this.disturb(NO_DISTURBANCE)
  }

  [Symbol.dispose](): void {
    if (this.#isGone) return
    this.#isGone = true
    process.off('exit', this.#atExit)
    this.#relay?.kill()
    const names = [this.#name, ...Array.from({ length: this.hostCount }, (_, host) => this.#hostName(host))]
    for (const name of names) {
      try {
        run('ip', 'netns', 'del', name) // with all its ends of cables
      } catch {
        // Was never made.
      }
    }
  }

  #hostName(host: number): string { return `${this.#name}h${host}` }

  #make(): void {
    run('ip', 'netns', 'add', this.#name)
    run('ip', '-n', this.#name, 'link', 'add', 'br0', 'type', 'bridge')
    run('ip', '-n', this.#name, 'link', 'set', 'br0', 'up')
    for (let host = 0; host < this.hostCount; host++) {
      const name = this.#hostName(host)
      run('ip', 'netns', 'add', name)
      run('ip', '-n', this.#name, 'link', 'add', `p${host}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
      run('ip', '-n', this.#name, 'link', 'set', `p${host}`, 'master', 'br0', 'up')
      run('ip', '-n', name, 'addr', 'add', `${this.addressOf(host)}/${PREFIX_LENGTH}`, 'dev', 'eth0')
      run('ip', '-n', name, 'link', 'set', 'eth0', 'up')
      run('ip', '-n', name, 'link', 'set', 'lo', 'up')
    }
    // The end that the test process has: gone with the switch.
    const mine = `${this.#name}c`
    run('ip', 'link', 'add', mine, 'type', 'veth', 'peer', 'name', 'clients', 'netns', this.#name)
    run('ip', '-n', this.#name, 'link', 'set', 'clients', 'master', 'br0', 'up')
    for (const client of ['client', 'other client'] as const)
      run('ip', 'addr', 'add', `${this.addressOf(client)}/${PREFIX_LENGTH}`, 'dev', mine)
    run('ip', 'link', 'set', mine, 'up')
  }
}
