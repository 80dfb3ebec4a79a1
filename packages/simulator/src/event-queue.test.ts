import { randomOf } from '@slotwise/gossip'
import { expect, it } from 'vitest'
import { EventQueue } from './event-queue.js'

it('events come by their time, those of one moment as they were entered, also those that are entered meanwhile', () => {
  const random = randomOf(3)
  const queue = new EventQueue()
  const entered: { at: number; order: number }[] = []
  const seen: { at: number; order: number }[] = []
  const enter = (): void => {
    const event = { at: queue.now + Math.floor(random() * 20), order: entered.length }
    entered.push(event)
    const happen = (): void => {
      expect(queue.now).toBe(event.at)
      seen.push(event)
      if (random() < 0.49 && entered.length < 20_000) for (let n = 0; n < 2; n++) enter()
    }
    queue.at(event.at, random() < 0.5 ? happen : { happen })
  }
  for (let n = 0; n < 3000; n++) enter()
  for (let until = 0; queue.size > 0; until += 7) {
    while (queue.next(until));
    expect(queue.now).toBe(until)
  }
  expect(seen.length).toBe(entered.length)
  expect(seen).toEqual(entered.toSorted((left, right) => left.at - right.at || left.order - right.order))
})
