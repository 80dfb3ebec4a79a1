// Error texts that several commands share, as Redis words them: clients match on them.
#pragma once

namespace slotwise::errors {

inline constexpr const char* kWrongType = "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr const char* kSyntax = "ERR syntax error";
inline constexpr const char* kNotInteger = "ERR value is not an integer or out of range";
inline constexpr const char* kNotFloat = "ERR value is not a valid float";
inline constexpr const char* kNoSuchKey = "ERR no such key";
inline constexpr const char* kSameObject = "ERR source and destination objects are the same";
inline constexpr const char* kOutOfRangeIndex = "ERR index out of range";
inline constexpr const char* kOutOfRange = "ERR value is out of range";
inline constexpr const char* kStringTooLong = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr const char* kDbOutOfRange = "ERR DB index is out of range";
inline constexpr const char* kInvalidDbIndex = "ERR invalid DB index";
inline constexpr const char* kOutOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";
inline constexpr const char* kSnapshotFailed =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are "
    "disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error "
    "option). Please check the Redis logs for details about the RDB error.";
inline constexpr const char* kNoReplicas = "NOREPLICAS Not enough good replicas to write.";
inline constexpr const char* kReadOnly = "READONLY You can't write against a read only replica.";
inline constexpr const char* kMasterDown = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
inline constexpr const char* kLoading = "LOADING Redis is loading the dataset in memory";
inline constexpr const char* kTooStale = "STALE This replica cannot prove that its data is as new as SLOTWISE.STALENESS asks.";
inline constexpr const char* kNoSemiSyncReplicas = "NOREPLICAS Not enough replicas for semi-sync (repl-semi-sync-strict): nothing was written.";
inline constexpr const char* kNoAuth = "NOAUTH Authentication required.";
inline constexpr const char* kExecAbort = "EXECABORT Transaction discarded because of previous errors.";

}  // namespace slotwise::errors
