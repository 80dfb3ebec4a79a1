/** The command families, for the files that use them. */
export type { BitFieldOffset, BitFieldOperation, BitFieldType, BitRange } from './bits.js'
export { type CopyOptions, type ExpireOptions, type FlushOptions, KeyCommands } from './keys.js'
export type { Fields, FieldValues } from './hashes.js'
export type { ListPosOptions, ListSide, PoppedElements } from './lists.js'
export type { SortOptions } from './sort.js'
export type {
  AggregateOptions, LexLimit, LexRange, PoppedMembers, RankRange, ScoredMember, ScoreLimit, ScoreRange, Scores,
  ZAddOptions, ZRange,
} from './sorted-sets.js'
export { type Answer, type Key, type Mode, wholeNumber } from './sender.js'
export { type ExpiryOptions, type GetExOptions, type SetOptions } from './strings.js'
