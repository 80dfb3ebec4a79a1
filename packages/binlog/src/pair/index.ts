/** `@slotwise/binlog/pair`: two servers that write the same keys. See docs/binlog.md, decision 0022. */
export { PAIR } from './books.js'
export { type Ask, OtherPairError, PairLink } from './pair-link.js'
export { PairSide, type PairSideOptions } from './pair-side.js'
export { type KeyIn, type PairStore, PositionLostError } from './pair-store.js'
