// What the string and bitmap commands share: replying with a string in whatever form it is stored, the size limit, and
// telling about a key that was set.
#pragma once
#include <charconv>
#include <cstdint>
#include <string_view>

#include "commands/command.h"
#include "config/config.h"
#include "engine/engine.h"
#include "keyspace/entry.h"
#include "values/blob.h"
#include "values/string_value.h"

namespace slotwise {

// The string at an entry as a bulk reply; a long one goes by reference and may be replaced or deleted right after.
inline void ReplyString(ReplyWriter& reply, const Entry* e) {
  if (e->encoding() == Encoding::kInt) return reply.BulkInteger(e->int_value());
  if (e->external()) return reply.BulkBlob(e->pointer<Blob>());
  reply.Bulk({e->value_bytes(), e->inline_length()});
}

// proto-max-bulk-len, which bounds values as well as arguments. What the log replays was within the limit of its time.
inline std::uint64_t StringLimit(const CommandContext& ctx) {
  return ctx.replaying() ? UINT64_MAX : ctx.engine.config().Bytes(Directive::kProtoMaxBulkLen);
}

// Whether a string of `size` bytes may have `more` bytes after them; if not, replies with the error.
inline bool FitsString(CommandContext& ctx, std::uint64_t size, std::uint64_t more) {
  std::uint64_t total;
  if (!__builtin_add_overflow(size, more, &total) && total <= StringLimit(ctx)) return true;
  ctx.Error(errors::kStringTooLong);
  return false;
}

// Reports a change of a string: `event`, and before it "new" if the key did not exist.
inline void StringChanged(CommandContext& ctx, const KeyRef& key, bool existed, std::string_view event) {
  ctx.Changed(key);
  if (!existed) ctx.Notify(kNotifyNew, "new", key.key);
  ctx.Notify(kNotifyString, event, key.key);
}

// An integer as an argument to propagate; the view lives as long as the object.
class IntegerText {
 public:
  explicit IntegerText(std::int64_t v) : end_(std::to_chars(bytes_, bytes_ + sizeof bytes_, v).ptr) {}
  IntegerText(const IntegerText&) = delete;
  IntegerText& operator=(const IntegerText&) = delete;
  std::string_view view() const { return {bytes_, static_cast<std::size_t>(end_ - bytes_)}; }

 private:
  char bytes_[24];
  char* end_;
};

}  // namespace slotwise
