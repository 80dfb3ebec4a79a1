/** The command families, for the files that use them. */
export type { BitFieldOffset, BitFieldOperation, BitFieldType, BitRange } from './bits.js'
export { type CopyOptions, type ExpireOptions, type FlushOptions, KeyCommands } from './keys.js'
export { type Answer, type Key, type Mode, wholeNumber } from './sender.js'
export { type ExpiryOptions, type GetExOptions, type SetOptions } from './strings.js'
