/**
 * The allow-list: where Slotwise answers otherwise than Redis on purpose, each rule with its reason. At most 20 rules;
 * what is not here is a bug of ours.
 */

const untilNul = (items) => items.map((item) => String(item).split('\0', 1)[0])
const sameItems = (a, b) => a.map(String).sort().join('\n') === b.map(String).sort().join('\n')

export const rules = [
  {
    what: 'the text of HELP', reason: 'facts are Redis\'s, sentences are ours; it lists what this server has',
    applies: (command, redis, slotwise) => /^help$/i.test(command[1] ?? '') && Array.isArray(redis) && Array.isArray(slotwise),
  },
  {
    what: 'SORT ALPHA of elements that are equal up to a NUL', reason: 'Redis compares with strcoll, which ends there; ours come in the order of their bytes',
    applies: (command, redis, slotwise) => /^sort(_ro)?$/i.test(command[0]) && Array.isArray(redis) && Array.isArray(slotwise) &&
      sameItems(redis, slotwise) && untilNul(redis).join('\n') === untilNul(slotwise).join('\n'),
  },
  {
    what: 'OBJECT REFCOUNT of a copy of a small integer', reason: 'nothing is shared here; every small integer says that it is, as after a SET',
    applies: (command, redis, slotwise) => /^object$/i.test(command[0]) && /^refcount$/i.test(command[1] ?? '') &&
      redis === ':1' && slotwise === ':2147483647',
  },
]

/** @param redis, slotwise  values as decodeFrame gives them */
export const allowed = (command, redis, slotwise) => rules.some(({ applies }) => applies(command, redis, slotwise))
