// What ZUNION and its like read from: a sorted set, a set (whose members all have the score 1), or no key at all.
// Guarded by the lock of the key's stripe.
#pragma once
#include <cstring>
#include <memory_resource>
#include <optional>
#include <string_view>

#include "values/set_value.h"
#include "values/sorted_set.h"

namespace slotwise {

class MemberSource {
 public:
  // False if the entry is of another type.
  [[nodiscard]] bool Open(const Entry* entry) {
    entry_ = entry;
    return entry->type() == Type::kZSet || entry->type() == Type::kSet;
  }
  bool Same(const MemberSource& other) const { return entry_ == other.entry_; }
  std::size_t size() const {
    if (entry_ == nullptr) return 0;
    return is_set() ? SetValue(entry_).size() : sorted_set().size();
  }
  std::optional<double> Score(std::string_view member) const {
    if (entry_ == nullptr) return std::nullopt;
    if (!is_set()) return sorted_set().Score(member);
    return SetValue(entry_).Contains(member) ? std::optional(1.0) : std::nullopt;
  }
  // visit(member, score) until it returns false. A view lives until the next call: Keep it.
  template <typename F>
  void VisitAll(F&& visit) const {
    if (entry_ == nullptr) return;
    if (!is_set()) return sorted_set().VisitAll(visit);
    IntScratch scratch;
    SetValue(entry_).VisitWhile([&](const ListpackItem& member) { return visit(member.View(scratch), 1.0); });
  }
  // A view of a visited member that lives as long as the source is unchanged, and `bytes`.
  std::string_view Keep(std::string_view member, std::pmr::memory_resource& bytes) const {
    bool lasts = is_set() ? SetValue(entry_).is_table() : !sorted_set().packed();
    if (lasts || member.empty()) return member;
    auto* copy = static_cast<char*>(bytes.allocate(member.size(), 1));
    std::memcpy(copy, member.data(), member.size());
    return {copy, member.size()};
  }

 private:
  bool is_set() const { return entry_->type() == Type::kSet; }
  SortedSet sorted_set() const { return {entry_->encoding(), entry_->pointer()}; }
  const Entry* entry_ = nullptr;
};

}  // namespace slotwise
