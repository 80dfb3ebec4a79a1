/** @slotwise/engine: the typed face of the addon. See README.md. */
export {
  type AofFacts, type AofPlace, ASCII_BIT, LENGTH_MASK, type EngineStats, type SegmentCut, type SegmentFacts,
} from './addon.js'
export { whenAborted } from './aborts.js'
export { copyAof, type CopyReports, findCut, restoreAof, type RestorePart, segmentFacts, verifyAof } from './backup.js'
export { checkAof, type CheckAofOptions } from './check-aof.js'
export { CommandKeys } from './command-keys.js'
export { type ControlPort, type ControlRequest, type DataPlaneDuty, encodeSlotMap, type SlotMap, type SlotMapNode } from './control-port.js'
export type { HeadReader, ValueReader } from './batch-lookups.js'
export { directoryHolder, lockDescriptor } from './directory-holder.js'
export { Engine, type EngineCommand } from './engine.js'
export type { EngineOptions, LogLevel, RedisLogLevel, SemiSyncStatus } from './engine-options.js'
export {
  AddonError, addonError, CodecError, ListenError, LockedError, LogError, NotOpenError, OpenError, OtherHistoryError,
  PositionTimeoutError, PurgedError, ReadOnlyError, ReplyError, replyError, StaleError, StoreClosedError, StoreError,
  WrongTypeError,
} from './errors.js'
export { globMatcher } from './glob.js'
export { copyBytes, type Page } from './page.js'
export { asBytes, asText, type BulkReader, type Reply, ReplyReader } from './reply.js'
export { SyncQueue } from './sync-queue.js'
export { type Bytes, BYTES_MAX, describe, RequestPage } from './request-page.js'
export type { WaitOptions } from './waits.js'
