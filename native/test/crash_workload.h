// A seeded run of the log against a model of what it promised, for the crash and fault tests: appends units, flushes,
// lets time pass, and can judge any recovered state. The rule is one sentence: what comes back is a prefix of what was
// appended, unit by unit, and it contains everything that was promised.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "log/log_buffer.h"
#include "log_support.h"

namespace slotwise::test {

enum class CrashKind { kKill, kPowerCut };

class Workload {
 public:
  Workload(RecordingFiles& files, FsyncPolicy policy, std::uint64_t seed) : files_(files), random_(seed) {
    options_ = TestOptions(policy);
    options_.timestamps = seed % 4 == 3;
    limits_.retained_bytes_max = seed % 5 == 4 ? 2048 : 1 << 20;
    limits_.unsynced_bytes_max = seed % 3 == 2 ? 4096 : 1 << 20;
    limits_.journal_bytes = (seed % 3 == 0 ? 5 : seed % 3 == 1 ? 9 : 17) * kJournalBlockSize;
  }

  const CommitLogOptions& options() const { return options_; }
  AofLog* log() { return log_.get(); }
  ManualClock& clock() { return clock_; }
  Twister& random() { return random_; }

  // Loads what is there and opens the log. Units recovered must be those known so far.
  Status Start() {
    NullLogger logger;
    Loaded loaded = Load(files_, logger, options_);
    if (!loaded.status.ok()) return loaded.status;
    return AofLog::Open(files_, logger_, options_, clock_, limits_, &log_);
  }

  // From now on the policy changes now and then; promised is what was durable, and after a kill what was acknowledged.
  void ChangePolicies() { changing_ = true; }

  // From now on the AOF is rewritten now and then.
  void AlsoRewrite() { rewriting_ = true; }
  std::uint64_t rewrites() const { return rewrites_; }

  void Step() {
    if (rewriting_ && random_() % 5 == 0) Rewrite();
    if (changing_ && random_() % 4 == 0) {
      static constexpr FsyncPolicy kPolicies[] = {FsyncPolicy::kAlways, FsyncPolicy::kEverySec, FsyncPolicy::kNo, FsyncPolicy::kAlways};
      log_->SetFsyncPolicy(kPolicies[random_() % 4]);
    }
    AppendSome();
    unsigned action = static_cast<unsigned>(random_() % 10);
    if (action < 6) log_->Flush();
    NoteAcks();
    if (action >= 4) {
      clock_.now += random_() % 700;
      log_->Tick(clock_.now);
      NoteAcks();
    }
  }

  // As the engine does it (engine/aof_rewrite.cc), with the effects so far for a data set. What fails is given up.
  void Rewrite() {
    Status status = log_->PrepareRotation();
    NoteAcks();
    if (status.ok() && random_() % 4 != 0) status = log_->Sync();
    if (random_() % 2 == 0) AppendSome();
    const AofPaths& paths = log_->paths();
    BaseWriter out(files_, paths, /*rdb=*/false);
    if (status.ok()) status = out.Open();
    if (!status.ok()) return log_->CancelRotation();
    log_->Rotate(/*keeps_stream=*/random_() % 2 == 0);
    std::string base;
    for (const ModelUnit& unit : units_) {
      for (const std::string& effect : unit.effects) AppendAsCommands(effect, &base);
    }
    AppendSome();
    status = log_->WaitRotated();
    NoteAcks();
    for (std::size_t at = 0; status.ok() && at < base.size(); at += 3000) {
      status = out.Append(std::string_view(base).substr(at, 3000));
      AppendSome();
      if (random_() % 2 == 0) log_->Flush();
      clock_.now += random_() % 300;
      log_->Tick(clock_.now);
      NoteAcks();
    }
    NewBase made;
    if (status.ok()) status = out.Finish(&made);
    if (!status.ok()) return log_->CancelRotation();
    status = log_->InstallBase(made, /*keep_history=*/random_() % 4 == 0);
    if (status.ok()) ++rewrites_;
    NoteAcks();
  }

  void AppendSome() {
    LogUnit unit;
    ModelUnit model;
    unsigned kind = static_cast<unsigned>(random_() % 8);
    int count = kind < 5 ? 1 : kind < 7 ? 2 + static_cast<int>(random_() % 3) : 3;
    bool atomic = kind != 7;
    unit.set_atomic(atomic);
    int db = static_cast<int>(random_() % 3);
    std::vector<ModelUnit> independent;
    for (int i = 0; i < count; ++i) {
      std::size_t size = random_() % 4 == 0 ? 400 + random_() % 1400 : random_() % 40;
      std::string value(size, '\0');
      // Also bytes that look like RESP or like a hole.
      for (char& c : value) c = "\r\n$*3\0abcXYZ"[random_() % 12];
      std::string key = "k" + std::to_string(++counter_);
      AddEffect(&unit, db, {"SET", key, value}, &model);
      if (random_() % 3 == 0) db = static_cast<int>(random_() % 3);
    }
    std::uint64_t end = log_->Append(unit);
    if (atomic) {
      model.end = end;
      units_.push_back(std::move(model));
    } else {
      // Independent effects: each may survive without the next; all are acknowledged together.
      for (std::string& effect : model.effects) units_.push_back({end, {std::move(effect)}, 0});
    }
  }

  void NoteAcks() {
    std::uint64_t promise = log_->Promise();
    for (std::size_t i = acked_; i < units_.size() && units_[i].end <= promise; ++i) {
      units_[i].acked_at = clock_.now;
      acked_ = i + 1;
    }
    durable_ = std::max(durable_, log_->durable());
    if (log_->healthy()) trouble_since_ = 0;
    else if (trouble_since_ == 0) trouble_since_ = clock_.now;
  }
  // Closes (or only ends, as a process without SHUTDOWN would) and starts again on the same disk; all units remain.
  Status Restart(bool clean) {
    if (clean) {
      Status status = log_->Close();
      if (!status.ok()) return status;
    }
    NoteAcks();
    log_.reset();
    Status status = Start();
    if (!status.ok()) return status;
    // Recovery made them durable; their old offsets mean nothing to the new log.
    for (ModelUnit& unit : units_) unit.end = 0;
    acked_ = units_.size();
    durable_ = log_->durable();
    return status;
  }
  // The log is gone (crash, failed start): offsets of a later one start anew, so what counts now must be restated.
  void Forget() { log_.reset(); }

  // How many units must be there after a crash at this moment.
  std::size_t Floor(CrashKind kind) {
    if (log_ != nullptr) NoteAcks();
    std::size_t n = 0;
    // A disk that refuses to sync from some moment on has cost the two seconds before that moment.
    std::uint64_t now = trouble_since_ != 0 ? trouble_since_ : clock_.now;
    for (const ModelUnit& unit : units_) {
      bool promised = unit.end <= durable_ || (unit.acked_at != 0 &&
          (kind == CrashKind::kKill || options_.fsync == FsyncPolicy::kAlways ||
           (options_.fsync == FsyncPolicy::kEverySec && unit.acked_at + 2000 < now)));
      if (!promised) break;
      ++n;
    }
    return n;
  }

  // Empty if `effects` is a legal recovery with at least `floor` units, else what is wrong. `*units` becomes how many.
  std::string Judge(const std::vector<std::string>& effects, std::size_t floor, std::size_t* units = nullptr) const {
    std::size_t at = 0;
    std::size_t n = 0;
    for (; n < units_.size() && at < effects.size(); ++n) {
      for (const std::string& effect : units_[n].effects) {
        if (at == effects.size()) return "unit " + std::to_string(n) + " came back half";
        if (effects[at] != effect) return "effect " + std::to_string(at) + " is not what was written";
        ++at;
      }
    }
    if (at < effects.size()) return "more effects than were appended";
    if (units != nullptr) *units = n;
    if (n < floor) return "only " + std::to_string(n) + " units, " + std::to_string(floor) + " were promised";
    return {};
  }

  std::size_t unit_count() const { return units_.size(); }
  CollectingLogger& logger() { return logger_; }

 private:
  // "db SET key value" as SELECT and SET.
  static void AppendAsCommands(const std::string& effect, std::string* out) {
    std::vector<std::string> words(1);
    for (char c : effect) {
      if (c == ' ' && words.size() < 4) words.emplace_back();
      else words.back() += c;
    }
    char select[48];
    out->append(select, EncodeSelect(std::stoi(words[0]), select));
    out->append("*" + std::to_string(words.size() - 1) + "\r\n");
    for (std::size_t i = 1; i < words.size(); ++i) out->append("$" + std::to_string(words[i].size()) + "\r\n" + words[i] + "\r\n");
  }

  RecordingFiles& files_;
  Twister random_;
  bool changing_ = false;
  bool rewriting_ = false;
  std::uint64_t rewrites_ = 0;
  CommitLogOptions options_;
  AofLogLimits limits_;
  ManualClock clock_;
  CollectingLogger logger_;
  std::unique_ptr<AofLog> log_;
  std::vector<ModelUnit> units_;
  std::size_t acked_ = 0;
  std::uint64_t durable_ = 0;
  std::uint64_t trouble_since_ = 0;
  std::uint64_t counter_ = 0;
};

}  // namespace slotwise::test
