import { describe, expect, it } from 'vitest'
import { UsageError } from '../user-error.js'
import { planCluster } from './plan.js'

describe('the plan of a cluster', () => {
  it('covers every slot once, in order, and gives every primary its replicas', () => {
    for (const [nodes, replicas] of [[6, 1], [3, 0], [9, 2], [7, 1], [1, 0], [100, 4]] as const) {
      const plan = planCluster({ nodes, replicas, port: 7000 })
      expect(plan.map(({ port }) => port)).toEqual(Array.from({ length: nodes }, (_, index) => 7000 + index))
      let next = 0
      for (const { slots } of plan) {
        if (slots === null) continue
        expect(slots[0]).toBe(next)
        next = slots[1] + 1
      }
      expect(next).toBe(16_384)
      const followersOf = (index: number): number => plan.filter(({ primary }) => primary === index).length
      const followers = plan.flatMap(({ slots }, index) => slots === null ? [] : [followersOf(index)])
      expect(Math.min(...followers)).toBeGreaterThanOrEqual(replicas)
    }
  })

  it.each([
    [{ nodes: 0, replicas: 0, port: 7000 }],
    [{ nodes: 2, replicas: 2, port: 7000 }],
    [{ nodes: 6, replicas: 1, port: 55_531 }],
    [{ nodes: 6, replicas: 1, port: 0 }],
  ])('%j is refused', (wanted) => {
    expect(() => planCluster(wanted)).toThrow(UsageError)
  })

  it('the last port may be the last that a bus allows', () => {
    expect(planCluster({ nodes: 6, replicas: 1, port: 55_530 }).at(-1)?.port).toBe(55_535)
  })
})
