#include "snapshot/snapshot_pass.h"

namespace slotwise {
namespace {

// What the walk does before it lets a stripe go: other commands of the stripe wait so long, some microseconds.
constexpr std::size_t kEntriesAtOnce = 64;
constexpr std::size_t kBytesAtOnce = 32 * 1024;
// What it gathers before it hands over.
constexpr std::size_t kPieceBytes = 256 * 1024;
// How far the last image of a piece may reach beyond it before the piece grows.
constexpr std::size_t kPieceMargin = 16 * 1024;
constexpr std::size_t kSparePiecesMax = 16;

}  // namespace

void SnapshotPass::Begin() {
  databases_ = keyspace_.HoldForSnapshot();
  side_.resize(databases_.size());
  for (Database* db : databases_) counts_.push_back({db->KeyCount(), db->ExpiringCount()});
}

void SnapshotPass::BeforeChange(Database& db, const KeyRef& key) {
  if (db.snapshot_index() < 0) return;  // made after the moment
  if (Database::Place place = db.Find(key)) BeforeChange(db, place.entry());
}

void SnapshotPass::BeforeChange(Database& db, Entry* entry) {
  int index = db.snapshot_index();
  if (index < 0 || entry->phase() == keyspace_.phase()) return;
  entry->set_phase(keyspace_.phase());
  images_.fetch_add(1, std::memory_order_relaxed);
  if (cancelled_.load(std::memory_order_relaxed)) return;
  std::lock_guard<std::mutex> guard(mutex_);
  Pieces& pieces = side_[static_cast<std::size_t>(index)];
  if (pieces.empty() || pieces.back().size() >= kPieceBytes) pieces.push_back(TakeSpare());
  encode_(entry, pieces.back());
}

std::string SnapshotPass::TakeSpare() {
  if (spare_.empty()) {
    std::string piece;
    piece.reserve(kPieceBytes + kPieceMargin);
    return piece;
  }
  std::string piece = std::move(spare_.back());
  spare_.pop_back();
  return piece;
}

Status SnapshotPass::HandOver(const Emit& emit) {
  std::vector<Pieces> images(databases_.size());
  {
    std::lock_guard<std::mutex> guard(mutex_);
    images.swap(side_);
  }
  for (std::size_t db = 0; db < images.size(); ++db) {
    for (std::string& piece : images[db]) {
      if (Status s = emit(static_cast<int>(db), piece); !s.ok()) return s;
      piece.clear();
      std::lock_guard<std::mutex> guard(mutex_);
      if (spare_.size() < kSparePiecesMax) spare_.push_back(std::move(piece));
    }
  }
  return Status::Ok();
}

Status SnapshotPass::Walk(const Emit& emit, const std::function<void(std::uint64_t)>& pace) {
  std::string piece;
  const std::uint8_t phase = keyspace_.phase();
  std::uint64_t paced = 0;
  auto give = [&](int db) {
    if (cancelled_.load(std::memory_order_relaxed)) {
      piece.clear();
      return;
    }
    Status s = piece.empty() ? Status::Ok() : emit(db, piece);
    piece.clear();
    if (s.ok()) s = HandOver(emit);
    if (!s.ok()) Cancel(s);
  };
  for (std::size_t i = 0; i < databases_.size(); ++i) {
    Database& db = *databases_[i];
    for (int slot = db.NextNonEmptySlot(0); slot < kSlotCount; slot = db.NextNonEmptySlot(slot + 1)) {
      std::uint64_t cursor = 0;
      FutexLock& lock = keyspace_.StripeForSlot(slot).lock;
      do {
        std::size_t seen = 0;
        std::size_t before = piece.size();
        bool cancelled = cancelled_.load(std::memory_order_relaxed);
        lock.Lock();
        do {
          cursor = db.Table(slot).Scan(cursor, [&](Entry* entry) {
            ++seen;
            if (entry->phase() == phase) return;
            entry->set_phase(phase);
            walked_.fetch_add(1, std::memory_order_relaxed);
            if (!cancelled) encode_(entry, piece);
          });
        } while (cursor != 0 && seen < kEntriesAtOnce && piece.size() - before < kBytesAtOnce);
        lock.Unlock();
        if (piece.size() >= kPieceBytes) give(static_cast<int>(i));
      } while (cursor != 0);
      if (pace && walked() - paced >= paced_keys_) {
        paced = walked();
        pace(paced);
      }
    }
    give(static_cast<int>(i));
  }
  // Every entry has been seen to; writers that were about to add an image have done so when all stripes were free once.
  keyspace_.LockAll();
  keyspace_.UnlockAll();
  give(0);
  std::lock_guard<std::mutex> guard(mutex_);
  return failure_;
}

void SnapshotPass::End() { keyspace_.ReleaseForSnapshot(databases_); }

void SnapshotPass::Cancel(Status why) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (failure_.ok()) failure_ = std::move(why);
  cancelled_.store(true, std::memory_order_relaxed);
}

std::uint64_t SnapshotPass::total_keys() const {
  std::uint64_t n = 0;
  for (const Count& c : counts_) n += c.keys;
  return n;
}

}  // namespace slotwise
