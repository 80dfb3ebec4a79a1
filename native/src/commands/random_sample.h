// Samples of a collection for SRANDMEMBER, HRANDFIELD and ZRANDMEMBER, each one fair: every member, and every subset of the
// asked size, is as likely as any other.
//
// Distinct members: of things that come one after the other, `count` of `size` are chosen by taking each with the
// probability (still needed) / (still to come); nothing is remembered. When few of many are wanted, drawing until they are
// distinct is cheaper than going through all.
// Source: Knuth, algorithm S; Redis 7.0 for when which is used.
#pragma once
#include <cstdint>
#include <unordered_set>

#include "base/random.h"
#include "commands/command.h"
#include "engine/client.h"

namespace slotwise {

class SequentialSample {
 public:
  SequentialSample(Random& random, std::uint64_t size, std::uint64_t count) : random_(random), left_(size), needed_(count) {}
  // Whether the next thing is part of the sample.
  bool TakesNext() {
    bool takes = random_.Below(left_--) < needed_;
    needed_ -= takes;
    return takes;
  }
  bool complete() const { return needed_ == 0; }

 private:
  Random& random_;
  std::uint64_t left_;
  std::uint64_t needed_;
};

// A sample of so few distinct members is drawn, one of more is gone through for.
inline bool DrawsDistinct(std::uint64_t size, std::uint64_t count) { return count * 3 <= size; }

// emit(const Item*) for `count` distinct items of a table of many more.
template <typename Table, typename F>
void DrawDistinct(const Table& table, Random& random, std::uint64_t count, F&& emit) {
  std::unordered_set<const void*> drawn;
  drawn.reserve(count);
  while (drawn.size() < count) {
    const auto* item = table.RandomItem(random);
    if (drawn.insert(item).second) emit(item);
  }
}

// A negative count asks for that many draws with repetition: a few bytes that could make a reply without end.
class RepeatedDraws {
 public:
  // False, after the error reply, if nobody could want that many.
  static bool Allowed(CommandContext& ctx, std::uint64_t count) {
    constexpr std::uint64_t kMost = std::uint64_t{1} << 27;
    if (count <= kMost) return true;
    ctx.Error(errors::kOutOfRange);
    return false;
  }
  // Calls emit() `count` times; a reply of more than a gigabyte ends with the connection.
  template <typename F>
  static void Run(CommandContext& ctx, std::uint64_t count, F&& emit) {
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
    std::uint64_t start = ctx.reply.buffer().appended();
    for (; count > 0; --count) {
      emit();
      if (ctx.reply.buffer().appended() - start <= kMostBytes) continue;
      ctx.client.close_after_reply = true;
      return;
    }
  }
};

}  // namespace slotwise
