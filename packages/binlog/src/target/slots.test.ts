import { expect, it } from 'vitest'
import { slotOf, SLOTS, tagOf } from './slots.js'

it('keys have the slots that Redis gives them', () => {
  expect(['123456789', 'foo', 'name', ''].map(slotOf)).toEqual([12_739, 12_182, 5798, 0])
  expect(slotOf('a{foo}b')).toBe(slotOf('foo'))
  expect(slotOf('{foo}{bar}')).toBe(slotOf('foo'))
  expect(slotOf('x{}foo')).not.toBe(slotOf('foo'))
  expect(slotOf('{}')).toBe(slotOf(Buffer.from('{}')))
  expect(slotOf('{{foo}}')).toBe(slotOf('{foo'))
  expect(slotOf('{unclosed')).toBe(slotOf(new Uint8Array(Buffer.from('{unclosed'))))
})

it('every slot has a tag', () => {
  for (let slot = 0; slot < SLOTS; slot++) if (slotOf(`k:{${tagOf(slot)}}`) !== slot) expect.fail(`slot ${slot}`)
})
