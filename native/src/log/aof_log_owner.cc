// Who may write: see the head of aof_log.h. Nothing here says who it is; the lock of the data directory does (data_dir_lock.h).
#include <cerrno>
#include <cstring>

#include "log/aof_log.h"

namespace slotwise {
namespace {

constexpr std::uint64_t kLookMs = 100;
// An owner that does not know yet may be making a file; its next number must not be one of ours.
constexpr std::uint64_t kNumbersLeftOut = 16;

}  // namespace

// The clock is read here and not taken from the caller, who may have read it before a pause.
bool AofLog::IsLost(bool always_look) {
  if (!options_.owned) return false;
  if (trouble_ == Trouble::kLost) return true;
  const std::uint64_t now = clock_.NowMs();
  if (!always_look && now < owned_at_ + kLookMs) return false;
  if (options_.owned()) {
    owned_at_ = now;
    return false;
  }
  logger_.Error("Another process has taken over the data directory " + paths_.data_dir + ": nothing is written or acknowledged any more");
  StartTrouble(Trouble::kLost, EOWNERDEAD, "Errors writing to the AOF file: another process has taken over the data directory");
  if (options_.on_lost) options_.on_lost();
  return true;
}

// The segment of the owner before ends where it was when it was loaded, whatever is appended to it from now on.
Status AofLog::TakeOver() {
  // A segment that was made for a rotation and never begun goes: the one before may still be appended to.
  while (manifest_.incr.size() > 1 && NeverWritten(files_, IndexPath(paths_.InDir(manifest_.incr.back().name)))) {
    abandoned_.push_back(manifest_.incr.back().name);
    manifest_.incr.pop_back();
  }
  const AofFileInfo last = manifest_.incr.back();
  SegmentIndex index;
  Status status = ReadSegmentIndex(files_, IndexPath(paths_.InDir(last.name)), &index);
  if (!status.ok()) return status;
  if (!index.closed || index.damaged) return Status::Error(EINVAL, "The AOF file " + last.name + " was not loaded");
  const std::uint64_t end = index.covered_end();
  next_seq_ += kNumbersLeftOut;
  next_base_seq_ += kNumbersLeftOut;
  const std::uint64_t seq = next_seq_++;
  // The journal is the other's until it is gone: what it still writes goes to a file without a name.
  files_.Unlink(paths_.journal);
  status = AofSegment::Create(files_, paths_, seq, end, &segment_);
  if (!status.ok()) return status;
  manifest_.incr.push_back(segment_->info);
  logger_.Info("The data directory was taken over: " + last.name + " ends at byte " + std::to_string(end) + ", and the AOF goes on in " +
               segment_->info.name);
  return status;
}

Status AofLog::CheckOwned() const {
  if (!options_.owned || options_.owned()) return Status::Ok();
  return Status::Error(EOWNERDEAD, "Another process has taken over the data directory " + paths_.data_dir);
}

// A manifest of an owner that is none any more would undo what the next one did.
Status AofLog::Persist(const AofManifest& manifest) {
  if (Status status = CheckOwned(); !status.ok()) return status;
  return PersistManifest(files_, paths_.dir, paths_.manifest_name, manifest);
}

}  // namespace slotwise
