// One numbered database: 16384 slot tables and the operations on single keys. Every method but the counters expects the
// caller to hold the lock of the key's stripe (Keyspace). Nothing here knows of time, expiry rules, propagation or
// watching: that is CommandContext's work.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "keyspace/key_ref.h"
#include "keyspace/slot_tables.h"

namespace slotwise {

class Database {
 public:
  using Place = SlotTable::Place;

  // `new_access`: what a new entry's access field is set to (keyspace/access.h); null: 0. Must outlive the database.
  // `phase`: what an entry's phase is set to whenever it is put in (snapshot/snapshot_pass.h); null: 0.
  explicit Database(const std::atomic<std::uint32_t>* new_access = nullptr, const std::atomic<std::uint8_t>* phase = nullptr);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  SlotTable& Table(int slot) { return tables_[slot]; }
  const SlotTable& Table(int slot) const { return tables_[slot]; }

  Place Find(const KeyRef& key) const { return tables_[key.slot].Find(key.key, key.hash); }

  // Stores a string, replacing whatever is at `place` (null place: the key is absent). The encoding is Redis's choice
  // for the bytes: int, embstr up to 44 bytes, raw. Returns the new entry; its access field is copied from the old one.
  Entry* SetString(const KeyRef& key, Place place, std::string_view value, std::int64_t expire_at_ms);
  // Stores an integer, in place when the entry already holds one.
  Entry* SetInt(const KeyRef& key, Place place, std::int64_t value, std::int64_t expire_at_ms);
  // Stores the object of a non-string type; takes ownership of `object`.
  Entry* SetObject(const KeyRef& key, Place place, Type type, Encoding encoding, void* object, std::int64_t expire_at_ms);
  // Makes the string at `place` (or a new empty one) at least `size` bytes long, raw, zero-filled past its old end, not
  // shared, and returns its first byte for writing. `entry` receives the entry, which may have moved.
  char* GrowString(const KeyRef& key, Place place, std::size_t size, Entry** entry);
  // Sets or (kNoExpire) removes the expiry. The entry may move; returns where it is now.
  Entry* SetExpire(const KeyRef& key, Place place, std::int64_t expire_at_ms);
  // Removes the key and frees its value. Objects with many allocations may be freed by FreeLater.
  void Erase(const KeyRef& key, Place place);
  // Takes the entry out without freeing it (MOVE, RENAME).
  Entry* Detach(const KeyRef& key, Place place);
  // Puts an entry that was detached under its own key, which must be absent.
  void Attach(const KeyRef& key, Entry* entry);
  // Removes every key of the slot.
  void ClearSlot(int slot);

  // Exact when all stripes are held, else a sum of moments.
  std::uint64_t KeyCount() const;
  std::uint64_t ExpiringCount() const;
  // Whether there has ever been a key. Lock-free: most numbered databases are never used.
  bool used() const { return slot_size_max_.load(std::memory_order_relaxed) > 0; }
  // The first slot >= `from` that holds a key, or kSlotCount. Lock-free.
  int NextNonEmptySlot(int from) const;
  // A random slot, weighted by its number of keys; -1 if there are none. Lock-free.
  int RandomSlot(Random& random) const;

  static void FreeEntry(Entry* entry);

  // Which number it had when the snapshot under way began; -1: it is not part of one. Changed under all stripes, or (to
  // -1) by the snapshot at its end.
  int snapshot_index() const { return snapshot_index_.load(std::memory_order_acquire); }
  void set_snapshot_index(int index) { snapshot_index_.store(index, std::memory_order_release); }

 private:
  // Call after any change of a table's size; keeps the counters and the bitmap.
  void Counted(int slot, std::int64_t keys_before, std::int64_t expiring_before);
  void Stamp(Entry* entry) const {
    if (new_access_ != nullptr) entry->set_access(new_access_->load(std::memory_order_relaxed));
  }
  static constexpr int kCounterShards = 64;
  struct alignas(64) Counter {
    std::atomic<std::int64_t> keys{0};
    std::atomic<std::int64_t> expiring{0};
  };

  // Every entry that is put into a table passes here.
  void Settle(Entry* entry) const {
    if (phase_ != nullptr) entry->set_phase(phase_->load(std::memory_order_relaxed));
  }

  const std::atomic<std::uint32_t>* new_access_;
  const std::atomic<std::uint8_t>* phase_;
  std::atomic<int> snapshot_index_{-1};
  SlotTables tables_;
  std::array<Counter, kCounterShards> counters_;
  std::array<std::atomic<std::uint64_t>, kSlotCount / 64> non_empty_{};
  std::atomic<std::uint32_t> slot_size_max_{0};  // no slot has ever had more keys
};

}  // namespace slotwise
