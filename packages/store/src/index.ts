/** slotwise: an embeddable, Redis-compatible key-value store. See README.md and docs/library.md. */
export {
  AddonError, CodecError, type EngineStats, ListenError, LockedError, LogError, type LogLevel, NotOpenError, OpenError,
  OtherHistoryError, PositionTimeoutError, PurgedError, ReadOnlyError, type Reply, ReplyError, type SemiSyncStatus,
  StaleError, StoreClosedError, StoreError, WrongTypeError,
} from '@slotwise/engine'
export { AsyncStore } from './async-store.js'
export type { Backend } from './backends/backend.js'
export { isReadOnly, keysOf } from './backends/command-keys.js'
export { cannotAnswer, CopyReads } from './backends/copy-reads.js'
export { type NearCacheOptions, type NearCacheStats, statsTogether } from './backends/near-cache.js'
export { PartitionedBackend } from './backends/partitioned-backend.js'
export type { ReadFrom } from './backends/reading.js'
export type { ServerBackend } from './backends/server-backend.js'
export { slotOf } from './backends/slot.js'
export { connectServer } from './open-remote.js'
export { ConnectionError } from './backends/errors.js'
export { type Batch, BatchError } from './batch.js'
export type { Change, ChangeKind, ChangesOptions } from './changes.js'
export type { Codec } from './codecs/codec.js'
export { type CodecName, codecOf } from './codecs/index.js'
export type {
  AggregateOptions, BitFieldOffset, BitFieldOperation, BitFieldType, BitRange, CopyOptions, ExpireOptions,
  ExpiryOptions, Fields, FieldValues, FlushOptions, GetExOptions, Key, LexLimit, LexRange, ListPosOptions, ListSide,
  PoppedElements, PoppedMembers, RankRange, ScoredMember, ScoreLimit, ScoreRange, Scores, SetOptions, SortOptions,
  ZAddOptions, ZRange,
} from './commands/index.js'
export type { PoppedElement, PoppedMember, WaitOptions } from './commands/waiting.js'
export type { ListenOptions } from './listen-options.js'
export { open } from './open.js'
export type { EvictionPolicy, Logger, OpenOptions, SemiSyncOptions } from './open-options.js'
export type { OldValue } from './past/old-values.js'
export type { Pending } from './pending.js'
export {
  checkReads, type ConnectionOptions, type ShardOptions, type ShardsOptions, type UrlOptions,
} from './remote-options.js'
export type { MemberScanOptions, ScanOptions } from './scan.js'
export { type MultiOptions, Store, type StoreEvents } from './store.js'
export { type Message, SlowSubscriberError, type SubscribeOptions } from './subscriptions.js'
