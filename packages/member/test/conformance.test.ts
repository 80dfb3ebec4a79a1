/** A member is a store with promises like all others. */
import { conformsAsAsyncStore } from '@slotwise/testing'
import type { Member } from '@slotwise/member'
import { open } from 'slotwise'
import { together, withoutClose } from './support.js'

conformsAsAsyncStore('at a member', async () => {
  const cluster = await together(3)
  const [first] = cluster.members as [Member]
  let opened = 0
  return {
    // The first one that the suite opens, which it closes last, is the member; others come by its port.
    open: async () => opened++ === 0 ? withoutClose(first) : open({ url: `redis://127.0.0.1:${first.port}` }),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
})
