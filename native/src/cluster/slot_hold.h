// Slots whose commands wait, for the moments in which they change hands: first those that write, then all. And slots that are
// being imported. Both are sets that any thread asks about while another one changes them.
// Elsewhere: when (engine/slot_export.h, engine/slot_import.h), holding the connections back (net), who comes in between (engine/cluster.h).
#pragma once
#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>

#include "slots/hash_slot.h"

namespace slotwise {

using SlotSet = std::bitset<kSlotCount>;

// One writer at a time. While it changes, a reader may see a mixture.
class SharedSlotSet {
 public:
  void Set(const SlotSet& slots) {
    for (std::size_t word = 0; word < words_.size(); ++word) {
      std::uint64_t bits = 0;
      for (std::size_t i = 0; i < 64; ++i) bits |= std::uint64_t{slots[word * 64 + i]} << i;
      words_[word].store(bits, std::memory_order_relaxed);
    }
  }
  bool Has(int slot) const {
    const auto at = static_cast<std::size_t>(slot);
    return (words_[at / 64].load(std::memory_order_relaxed) >> (at % 64) & 1) != 0;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kSlotCount / 64> words_{};
};

class SlotHold {
 public:
  enum class Mode : int { kNone, kWrites, kAll };

  void Hold(const SlotSet& slots, Mode mode) {
    slots_.Set(slots);
    mode_.store(mode, std::memory_order_release);
  }
  void Release() { mode_.store(Mode::kNone, std::memory_order_release); }
  Mode mode() const { return mode_.load(std::memory_order_acquire); }
  bool any() const { return mode() != Mode::kNone; }
  bool Has(int slot) const { return slots_.Has(slot); }

 private:
  SharedSlotSet slots_;
  std::atomic<Mode> mode_{Mode::kNone};
};

}  // namespace slotwise
