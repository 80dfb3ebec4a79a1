// One walk over all keys as they were at one moment, while writers go on: no fork, no copy of anything that nobody changes.
//
// Every entry carries one bit, its phase. Begin() flips the keyspace's phase under all locks; from then on an entry whose
// phase is the old one has not been seen to. Who sees to it writes it to the snapshot and sets its bit: the walk when it
// comes by, or a writer that is about to change it (BeforeChange, under the lock of the stripe, before its handler runs).
// New entries are born with the new phase and are no part of the snapshot. So each key is written once, in the state of
// the moment, and the memory in use is the images that writers made since the walk last looked.
//
// A flushed or swapped database stays what it was for the walk (Keyspace::HoldForSnapshot). A pass that is given up still
// walks to the end, without writing, so that all entries have the same phase again.
// Cost for writers: one load a command while nothing is under way; else one look-up a key, and the first change of a key pays
// for encoding its value, which for a collection of millions takes as long as saving it does.
// Why not fork: page tables are copied for 10 ms a GiB, and memory doubles under writes. Why not versions of buckets: they
// must hold tables still, a bit an entry need not.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "keyspace/keyspace.h"

namespace slotwise {

class SnapshotPass {
 public:
  // Appends what the snapshot holds of one entry. Called under the stripe's lock; must be quick and take no lock.
  using Encode = std::function<void(const Entry* entry, std::string& out)>;
  // Receives encoded entries of the database that had this number, in no order. Called without locks, by Walk()'s thread.
  using Emit = std::function<Status(int db, std::string_view entries)>;

  SnapshotPass(Keyspace& keyspace, Encode encode) : keyspace_(keyspace), encode_(std::move(encode)) {}
  SnapshotPass(const SnapshotPass&) = delete;
  SnapshotPass& operator=(const SnapshotPass&) = delete;

  // All stripes are held: this is the moment.
  void Begin();
  // The stripe of the key is held, and some thread may be in Walk(): an entry of `db` is about to be changed or removed.
  void BeforeChange(Database& db, const KeyRef& key);
  void BeforeChange(Database& db, Entry* entry);
  // Walks to the end and hands everything over. The first failure of `emit` is returned, after the walk.
  // `pace` is called now and then, without locks (progress, sleeping).
  Status Walk(const Emit& emit, const std::function<void(std::uint64_t walked)>& pace = {});
  // How many keys are walked between two calls of `pace`.
  void set_paced_keys(std::uint64_t n) { paced_keys_ = n; }
  // After Walk(), once no stripe holder can be in BeforeChange() any more.
  void End();

  // Gives up: nothing is written from now on; Walk() still goes to its end and returns `why`.
  void Cancel(Status why);

  std::uint64_t keys(int db) const { return counts_[static_cast<std::size_t>(db)].keys; }          // at the moment of Begin()
  std::uint64_t expiring(int db) const { return counts_[static_cast<std::size_t>(db)].expiring; }
  std::uint64_t total_keys() const;
  std::uint64_t walked() const { return walked_.load(std::memory_order_relaxed); }
  std::uint64_t images() const { return images_.load(std::memory_order_relaxed); }                 // made by writers

 private:
  struct Count {
    std::uint64_t keys;
    std::uint64_t expiring;
  };
  // Images in pieces that do not move: while the disk keeps the walk waiting there may be many megabytes of them, and whoever
  // had to copy those into a larger string would hold up every other writer.
  using Pieces = std::vector<std::string>;
  Status HandOver(const Emit& emit);
  std::string TakeSpare();

  Keyspace& keyspace_;
  Encode encode_;
  std::vector<Database*> databases_;
  std::vector<Count> counts_;
  std::uint64_t paced_keys_ = 1024;
  std::atomic<bool> cancelled_{false};
  std::atomic<std::uint64_t> walked_{0};
  std::atomic<std::uint64_t> images_{0};
  std::mutex mutex_;           // a leaf: guards the next three
  std::vector<Pieces> side_;   // by database: images that writers made
  Pieces spare_;               // empty, with the memory of pieces that were handed over
  Status failure_;
};

}  // namespace slotwise
