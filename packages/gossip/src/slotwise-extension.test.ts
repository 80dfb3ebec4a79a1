import { describe, expect, it } from 'vitest'
import { encodeSlotwise, findSlotwise } from './index.js'

const fields = { version: 1, clusterId: '00112233445566778899aabbccddeeff', shared: true, durableOffset: 2 ** 40,
  acknowledgedOffset: 7, processId: 2 ** 47 + 1, wallMs: 1_700_000_000_123, isSecond: true }

describe('the extension of our own', () => {
  it('comes back as it was, also longer and behind others', () => {
    const extension = encodeSlotwise(fields)
    expect(findSlotwise([{ type: 9, data: new Uint8Array(8) }, extension])).toEqual(fields)
    const longer = new Uint8Array(72)
    longer.set(extension.data)
    expect(findSlotwise([{ ...extension, data: longer }])).toEqual(fields)
    // As nodes of before say it: neither process nor clock.
    const former = { ...extension, data: extension.data.slice(0, 40) }
    expect(findSlotwise([former])).toEqual({ ...fields, processId: 0, wallMs: 0 })
  })

  it('that is too short, of version 0, or has an offset beyond 2^53 is none', () => {
    const { type, data } = encodeSlotwise(fields)
    expect(findSlotwise([])).toBeNull()
    expect(findSlotwise([{ type, data: data.slice(0, 32) }])).toBeNull()
    expect(findSlotwise([encodeSlotwise({ ...fields, version: 0 })])).toBeNull()
    for (const at of [24, 32, 40, 48]) {
      const huge = data.slice()
      huge.fill(255, at, at + 8)
      expect(findSlotwise([{ type, data: huge }])).toBeNull()
    }
  })
})
