/**
 * The allow-list: where Slotwise answers otherwise than Redis on purpose, each rule with its reason. At most 20 rules;
 * what is not here is a bug of ours.
 */
export const rules = [
  {
    what: 'the text of HELP', reason: 'facts are Redis\'s, sentences are ours; it lists what this server has',
    applies: (command, redis, slotwise) => /^help$/i.test(command[1] ?? '') && Array.isArray(redis) && Array.isArray(slotwise),
  },
]

/** @param redis, slotwise  values as decodeFrame gives them */
export const allowed = (command, redis, slotwise) => rules.some(({ applies }) => applies(command, redis, slotwise))
