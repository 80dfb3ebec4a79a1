/**
 * A Fastify plugin: `fastify.slotwise` is a store for every route, opened when the server is made ready and closed
 * with it.
 * With TypeScript: `declare module 'fastify' { interface FastifyInstance { slotwise: import('slotwise').Store } }`.
 */
import { type AsyncStore, open, type OpenOptions, type ShardsOptions, type Store, type UrlOptions } from 'slotwise'

/** Those of `open()`; or a store that is open already, and stays so: a member of a cluster, say. */
export type FastifySlotwiseOptions =
  OpenOptions | UrlOptions | ShardsOptions | { readonly store: Store | AsyncStore }

/** What of Fastify is used. */
interface Instance {
  decorate(name: string, value: unknown): unknown
  addHook(name: 'onClose', hook: () => Promise<void>): unknown
}

export async function fastifySlotwise(fastify: Instance, options: FastifySlotwiseOptions): Promise<void> {
  if ('store' in options) return void fastify.decorate('slotwise', options.store)
  const store: Store | AsyncStore = await open(options as OpenOptions)
  fastify.decorate('slotwise', store)
  fastify.addHook('onClose', () => store.close())
}

// What the package fastify-plugin sets: it is for the whole server, not only for what is registered beside it.
Object.assign(fastifySlotwise, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@slotwise/adapters',
  [Symbol.for('plugin-meta')]: { name: '@slotwise/adapters', fastify: '>=5' },
})
