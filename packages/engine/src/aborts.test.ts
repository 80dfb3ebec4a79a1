import { describe, expect, it } from 'vitest'
import { whenAborted } from './aborts.js'

/** Counts what a signal is asked for. */
function counted(): { controller: AbortController; added: () => number; removed: () => number } {
  const controller = new AbortController()
  const { signal } = controller
  let added = 0
  let removed = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => { added++; add(...args) }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => { removed++; remove(...args) }
  return { controller, added: () => added, removed: () => removed }
}

describe('a signal that many wait with', () => {
  it('has one listener, and tells all of them once', () => {
    const { controller, added } = counted()
    const told: number[] = []
    for (let i = 0; i < 1000; i++) whenAborted(controller.signal, () => told.push(i))
    expect(added()).toBe(1)
    controller.abort()
    controller.abort()
    expect(told).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  it('does not tell who has left, and keeps no listener for nobody', () => {
    const { controller, added, removed } = counted()
    const told: string[] = []
    const first = whenAborted(controller.signal, () => told.push('first'))
    const second = whenAborted(controller.signal, () => told.push('second'))
    first()
    first()
    expect(removed()).toBe(0)
    second()
    expect(removed()).toBe(1)
    whenAborted(controller.signal, () => told.push('third'))
    second()
    expect([added(), removed()]).toEqual([2, 1])
    controller.abort()
    expect(told).toEqual(['third'])
  })

  it('lets a call that is told take others away', () => {
    const controller = new AbortController()
    const told: string[] = []
    let second = (): void => undefined
    whenAborted(controller.signal, () => {
      told.push('first')
      second()
    })
    second = whenAborted(controller.signal, () => told.push('second'))
    controller.abort()
    expect(told).toEqual(['first'])
  })
})
