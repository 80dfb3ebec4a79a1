/** A rehearsal that does not get as far as the hand-over would warm nothing. */
import { describe, expect, it } from 'vitest'
import { rehearseHandOver } from './rehearsal.js'

describe('a rehearsal of a hand-over', () => {
  it.each([[1, 1], [300, 300], [16_383, 16_383], [16_384, 16_383]])('of %d slots ends with all of them at the target, for both', (count, last) => {
    const slots = Array.from({ length: last }, (_, index) => index + 1)
    const { source, target } = rehearseHandOver(count)
    for (const { view } of [source, target]) {
      const owners = new Set(slots.map((slot) => view.ownerOf(slot)))
      expect([...owners].map((owner) => owner?.id)).toEqual([target.view.self.id])
    }
    expect(source.facts().migrations.doomed).toEqual([[1, last]])
    expect(source.migration.rows.map(({ state }) => state)).toEqual(['handover'])
    expect(target.migration.rows.map(({ state }) => state)).toEqual(['success'])
  })
})
