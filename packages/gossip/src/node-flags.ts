/**
 * What a node is, as bits: on the wire, in the table and, as words, in CLUSTER NODES and nodes.conf.
 * Source: Redis 7.0 cluster bus. Only ever append: other nodes and files hold these numbers.
 */
export const NodeFlag = {
  primary: 1,
  replica: 2,
  pfail: 4,
  fail: 8,
  myself: 16,
  handshake: 32,
  noAddress: 64,
  meet: 128,
  migrateTo: 256,
  noFailover: 512,
} as const

export const ROLE_FLAGS = NodeFlag.primary | NodeFlag.replica
export const FAILURE_FLAGS = NodeFlag.pfail | NodeFlag.fail

/** Bits that a gossip entry or header may set: more is cut off before it enters a table. */
export const KNOWN_FLAGS = 1023

const words: readonly (readonly [bit: number, word: string])[] = [
  [NodeFlag.myself, 'myself'],
  [NodeFlag.primary, 'master'],
  [NodeFlag.replica, 'slave'],
  [NodeFlag.pfail, 'fail?'],
  [NodeFlag.fail, 'fail'],
  [NodeFlag.handshake, 'handshake'],
  [NodeFlag.noAddress, 'noaddr'],
  [NodeFlag.noFailover, 'nofailover'],
]

/** The words of CLUSTER NODES, in Redis's order. */
export function flagsText(flags: number): string {
  const text = words.filter(([bit]) => (flags & bit) !== 0).map(([, word]) => word).join(',')
  return text === '' ? 'noflags' : text
}

/** The flags that `text` names, or null if it has a word that is none. */
export function parseFlags(text: string): number | null {
  if (text === 'noflags') return 0
  let flags = 0
  for (const name of text.split(',')) {
    const row = words.find(([, word]) => word === name)
    if (row === undefined) return null
    flags |= row[0]
  }
  return flags
}
