// What ZUNION and its like read from: a sorted set, a set (whose members all have the score 1), or no key at all.
// Guarded by the lock of the key's stripe.
#pragma once
#include <cstring>
#include <memory_resource>
#include <optional>
#include <string_view>

#include "values/sorted_set.h"

namespace slotwise {

class MemberSource {
 public:
  // False if the entry is of another type.
  [[nodiscard]] bool Open(const Entry* entry) {
    entry_ = entry;
    return entry->type() == Type::kZSet;
  }
  bool Same(const MemberSource& other) const { return entry_ == other.entry_; }
  std::size_t size() const { return entry_ == nullptr ? 0 : sorted_set().size(); }
  std::optional<double> Score(std::string_view member) const { return entry_ == nullptr ? std::nullopt : sorted_set().Score(member); }
  // visit(member, score) until it returns false. A view lives until the next call: Keep it.
  template <typename F>
  void VisitAll(F&& visit) const {
    if (entry_ != nullptr) sorted_set().VisitAll(visit);
  }
  // A view of a visited member that lives as long as the source is unchanged, and `bytes`.
  std::string_view Keep(std::string_view member, std::pmr::memory_resource& bytes) const {
    if (!sorted_set().packed() || member.empty()) return member;
    auto* copy = static_cast<char*>(bytes.allocate(member.size(), 1));
    std::memcpy(copy, member.data(), member.size());
    return {copy, member.size()};
  }

 private:
  SortedSet sorted_set() const { return {entry_->encoding(), entry_->pointer()}; }
  const Entry* entry_ = nullptr;
};

}  // namespace slotwise
