/** Our library in the same process: memory only, as the other embedded stores here promise no durability either. */
import type { EmbeddedPeer } from '../../apps/benchmark/src/scenario.js'

interface Slotwise {
  open(options: { codec?: string }): Promise<{
    get(key: string): unknown
    getMany(keys: readonly string[]): unknown
    set(key: string, value: unknown): unknown
    close(): Promise<void>
  }>
}

export const peer: EmbeddedPeer = {
  kind: 'embedded',
  name: 'slotwise',
  codecs: ['default', 'text', 'binary'],
  install: 'run `npm run build` first',
  async open({ load, codec }) {
    const slotwise = await load('slotwise') as Slotwise
    return slotwise.open(codec === 'default' ? {} : { codec })
  },
}
