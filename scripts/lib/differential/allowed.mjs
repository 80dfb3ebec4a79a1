/**
 * The allow-list: where Slotwise answers otherwise than Redis on purpose, one rule a line, each with its reason. At most
 * 20 rules; what is not here is a bug of ours.
 */
export const rules = [
]

/** @param redis, slotwise  values as decodeFrame gives them */
export const allowed = (command, redis, slotwise) => rules.some(({ applies }) => applies(command, redis, slotwise))
