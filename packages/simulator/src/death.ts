/**
 * A primary of a cluster at rest dies and does not come back: a replica that has its data must replace it in time,
 * whatever the cluster has been through before.
 */
import { unserved } from './convergence.js'
import { Violation } from './invariants.js'
import type { World } from './simulated-node.js'

/**
 * @param boundMs  in which time those who are left must serve all slots
 * @returns after how long they did; null if no primary had such a replica
 * @throws {Violation}
 */
export function replaceDead({ queue, nodes, random, log }: World, boundMs: number): number | null {
  const victims = nodes.filter(({ machine }) => {
    const { self } = machine!.view
    return self.isVoter && nodes.some((node) => node.hasDataOf(self.id))
  })
  const victim = victims[Math.floor(random() * victims.length)]
  if (victim === undefined) return null
  victim.crash(random() < 0.5)
  const diedAt = queue.now
  for (;;) {
    const until = queue.now + 100
    while (queue.next(until));
    const why = unserved(nodes)
    if (why === null) return queue.now - diedAt
    if (queue.now - diedAt <= boundMs) continue
    for (const node of nodes) for (const line of node.describe()) log?.(line)
    throw new Violation(`${victim.name} was not replaced in ${boundMs} ms: ${why}`)
  }
}
