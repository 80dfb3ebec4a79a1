/**
 * The faults of one schedule of hundreds of nodes. The small schedule draws which kinds of faults a seed has at all;
 * here a seed is minutes of work, so each has the important ones, at times and to an extent that it draws:
 *   - some nodes are killed at once, half of them primaries; a part comes back meanwhile, the others when all heals;
 *   - a group is cut off from all others, both ways or one, for longer than T, so that its primaries are replaced while
 *     they run; then it meets the others again, each side calling the other failing;
 *   - all the time single ones: kills, crashes between two effects, pauses, isolation, fail-overs by request;
 *   - a network that delays, and in some seeds loses, doubles and reorders.
 * Bounded is what a group is, since every node hears of each suspicion of every other one: 250 nodes cut off from 750
 * are hundreds of millions of reports. Halves are cut in the small schedule.
 */
import type { SimulatedNode, World } from './simulated-node.js'

/** Parts of all nodes: that may crash, that are killed at once, that are cut off together. */
const MORTAL_PART = 0.06
const KILLED_PART_MAX = 0.03
const GROUP_PART_MAX = 0.04

export class LargeChaos {
  forced = 0
  kills = 0
  cuts = 0
  readonly #mortals: readonly SimulatedNode[]

  /** Before the nodes start: those that will never crash keep nothing on disk. */
  constructor(readonly world: World, readonly nodeTimeoutMs: number) {
    const count = Math.max(6, Math.floor(world.nodes.length * MORTAL_PART))
    const isPrimary = (node: SimulatedNode): boolean => node.index < world.nodes.length / 2
    this.#mortals = [
      ...this.#draw(world.nodes.filter(isPrimary), Math.ceil(count / 2)),
      ...this.#draw(world.nodes.filter((node) => !isPrimary(node)), Math.floor(count / 2)),
    ]
    for (const node of world.nodes) node.isMortal = false
    for (const node of this.#mortals) node.isMortal = true
  }

  run(until: number): void {
    const { queue, network, random } = this.world
    const { nodeTimeoutMs } = this
    network.faults = {
      delayMs: random() < 0.7 ? 1 : random() * 50,
      jitterMs: random() < 0.7 ? 5 : random() * 200,
      loss: random() < 0.5 ? 0 : random() * 0.1,
      duplicate: random() < 0.6 ? 0 : random() * 0.2,
      reorder: random() < 0.6 ? 0 : random() * 0.2,
    }
    queue.after(random() * nodeTimeoutMs / 2, () => this.#killMany())
    queue.after((0.2 + random() * 0.6) * nodeTimeoutMs, () => this.#cutOff())
    const single = [
      () => this.#crash(this.#any(this.#mortals)), () => this.#crashBetweenEffects(), () => this.#pause(),
      () => this.#isolate(), () => this.#failover(),
    ]
    while (queue.now < until) {
      const next = Math.min(until, queue.now + 500 + random() * nodeTimeoutMs / 4)
      while (queue.next(next));
      if (queue.now < until) this.#any(single)()
    }
  }

  #any<T>(of: readonly T[]): T { return of[Math.floor(this.world.random() * of.length)]! }

  #draw(nodes: readonly SimulatedNode[], count: number): SimulatedNode[] {
    const left = [...nodes]
    return Array.from({ length: Math.min(count, left.length) }, () =>
      left.splice(Math.floor(this.world.random() * left.length), 1)[0]!)
  }

  #killMany(): void {
    const { random, nodes } = this.world
    const count = Math.max(2, Math.floor(nodes.length * KILLED_PART_MAX * (0.3 + 0.7 * random())))
    // Primaries and replicas lie in halves: of both some.
    const half = Math.ceil(this.#mortals.length / 2)
    const victims = [
      ...this.#draw(this.#mortals.slice(0, half), Math.ceil(count / 2)),
      ...this.#draw(this.#mortals.slice(half), Math.floor(count / 2)),
    ]
    for (const node of victims) this.#crash(node, random() < 0.5)
  }

  #crash(node: SimulatedNode, returns = true): void {
    const { random, queue } = this.world
    this.kills++
    node.crash(random() < 0.5)
    if (!returns) return
    queue.after(random() < 0.5 ? 50 + random() * 300 : random() * 2 * this.nodeTimeoutMs, () => node.start())
  }

  #crashBetweenEffects(): void {
    const node = this.#any(this.#mortals)
    this.kills++
    node.crashAfterEffects = Math.floor(this.world.random() * 2000)
    this.world.queue.after((0.5 + this.world.random()) * this.nodeTimeoutMs, () => node.start())
  }

  #pause(): void {
    const node = this.#any(this.world.nodes)
    node.pausedUntil = this.world.queue.now + this.world.random() * 2 * this.nodeTimeoutMs
  }

  #isolate(): void {
    const { random } = this.world
    this.#cut([this.#any(this.world.nodes)], Math.floor(random() * 3), random() * 2 * this.nodeTimeoutMs)
  }

  #cutOff(): void {
    const { random, nodes } = this.world
    const count = Math.max(3, Math.floor(nodes.length * GROUP_PART_MAX * (0.3 + 0.7 * random())))
    const ways = random() < 0.3 ? Math.floor(random() * 2) + 1 : 0
    this.#cut(this.#draw(nodes, count), ways, (1.2 + random() * 0.8) * this.nodeTimeoutMs)
  }

  /** @param ways  0: both; 1: `group` is not heard; 2: it hears nothing */
  #cut(group: readonly SimulatedNode[], ways: number, lastsMs: number): void {
    const { network, nodes, queue } = this.world
    this.cuts++
    const isInside = new Set(group)
    const pairs: [from: number, to: number][] = []
    for (const inside of group) {
      for (const outside of nodes) {
        if (isInside.has(outside)) continue
        if (ways !== 2) pairs.push([inside.index, outside.index])
        if (ways !== 1) pairs.push([outside.index, inside.index])
      }
    }
    for (const [from, to] of pairs) network.cut(from, to)
    queue.after(lastsMs, () => { for (const [from, to] of pairs) network.mend(from, to) })
  }

  #failover(): void {
    const node = this.#any(this.world.nodes)
    if (this.world.random() < 0.8) return node.command('FAILOVER')
    this.forced++
    node.command('FAILOVER', 'FORCE')
  }
}
