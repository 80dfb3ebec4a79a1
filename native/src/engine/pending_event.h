// What a command, an expiry or an eviction tells others than its client: keyspace notifications, messages published inside
// EXEC, invalidations of CLIENT TRACKING.
//
// They are kept by the thread (ThreadState::events) until the log has the effects that they tell of, and sent while the
// stripes are still held, so that they are in the order of the log (Engine::SendEvents). Each message carries the offset that
// its receiver's connection waits for, as a reply does: nobody hears of a write that can still vanish.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "engine/client.h"

namespace slotwise {

struct PendingEvent {
  enum class Kind : std::uint8_t { kMessage, kShardMessage, kInvalidation };
  Kind kind = Kind::kMessage;
  std::string channel, message;                     // unless it is an invalidation
  std::uint64_t told_already = 0;                   // the id of a subscriber that has seen it; 0: none
  std::shared_ptr<ClientSink> sink;                 // of an invalidation: who gets it,
  std::shared_ptr<const std::string> resp2, resp3;  // in both protocols
};

}  // namespace slotwise
