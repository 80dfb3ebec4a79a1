// Semi-sync with a second channel, simulated: one primary, one replica, both of the replica's threads, its disk. At every step one of
// many things happens: bytes arrive, a connection is cut, a thread gets its turn, the process is killed, the power goes. What must
// hold: bytes are applied one after the other, each once and the right one, and what was acknowledged while semi-sync was on is in
// the data or in a relay. A failure names its seed.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/relay_file.h"
#include "recording_files.h"
#include "replication/dual_channel.h"
#include "test.h"

namespace slotwise::test {
namespace {

using Type = DualChannelEvent::Type;
using Do = DualChannelEffect::Type;
using State = DualChannel::State;

const std::string kId(40, 'a');
const std::string kDir = "/data";

char ByteAt(std::int64_t offset) { return static_cast<char>((static_cast<std::uint64_t>(offset) * 0x9e3779b97f4a7c15ull) >> 56); }

struct Tally {
  std::uint64_t merged = 0, killed = 0, cut = 0, relayed = 0, protected_bytes = 0, promoted_with_hole = 0, applied_from_disk = 0;
};

class World {
 public:
  World(std::uint64_t seed, Tally& tally) : seed_(seed), random_(seed), tally_(tally), durable_(Chance(50)) { Restart(); }

  void Run(int steps) {
    for (int i = 0; i < steps && FailuresInTest() == 0; ++i) Step();
    if (Chance(50)) Promote();
    else Settle();
  }

 private:
  bool Chance(unsigned percent) { return random_() % 100 < percent; }
  std::int64_t Below(std::int64_t n) { return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n)); }
  void Wrong(const std::string& what) { Fail(__FILE__, __LINE__, what + " (seed " + std::to_string(seed_) + ")"); }

  // --- the primary: the history, semi-sync with one replica that has to acknowledge.
  void Write() {
    tail_ += 1 + Below(40);
    unit_ends_.push_back(tail_);
  }
  std::int64_t UnitEnd(std::int64_t offset) const {  // of the last whole unit up to `offset`
    auto it = std::upper_bound(unit_ends_.begin(), unit_ends_.end(), offset);
    return it == unit_ends_.begin() ? 0 : *(it - 1);
  }
  void FallBack() {
    fallen_back_ = true;
    asked_ = tail_;
    Invite();
  }
  void Invite() {
    if (!fallen_back_ || !stands_by_ || invited_) return;
    invited_ = true;
    lines_.push_back("+LAGGING");
  }
  void Acked(std::int64_t link, std::int64_t relay) {
    link_acked_ = std::max(link_acked_, link);
    relay_acked_ = std::max(relay_acked_, relay);
    const std::int64_t acked = std::max(link_acked_, relay_acked_);
    if (fallen_back_) {
      if (acked < asked_) return;
      fallen_back_ = false;
      promise_ = std::max(promise_, acked);
    } else if (acked > promise_) {
      tally_.protected_bytes += static_cast<std::uint64_t>(acked - promise_);
      promised_.push_back({promise_ + 1, acked});
      promise_ = acked;
    }
  }
  void Hear(const std::string& text) {
    if (text.find("start") != std::string::npos) {
      invited_ = false;
      if (!fallen_back_) return lines_.push_back("+NO");
      channel_sends_ = tail_ + 1;
      promise_ = std::max(promise_, tail_);  // without anybody having it
      relay_acked_ = 0;
      stands_by_ = false;
      lines_.push_back("+RELAY " + kId + " " + std::to_string(channel_sends_) + (durable_ ? " durable" : " received"));
    } else {
      lines_.push_back("+OK");
      stands_by_ = true;
      invited_ = false;
      channel_sends_ = 0;
      Invite();
    }
  }

  // --- the replica's process.
  void Restart() {
    machine_ = std::make_unique<DualChannel>(random_());
    DualChannelOptions options;
    options.name = std::string(40, 'n');
    if (Chance(20)) options.size_max = 200;
    machine_->set_options(options);
    for_link_.clear();
    for_channel_.clear();
    up_ = false;
    merge_.reset();
    take_over_ = handed_over_ = false;
    CloseChannel();
    position_.id = kId;
    std::vector<std::string> unreadable;
    for (const FoundRelay& found : FindRelays(*files_, kDir, &unreadable)) {
      DualChannelEvent event{Type::kFound};
      event.relay = {found.id, found.start, found.end};
      Tell(event);
    }
  }
  void Tell(DualChannelEvent event) {
    event.position = {kId, applied_};
    if (event.type == Type::kApplied || event.type == Type::kUnfollow) event.number = safe_;
    event.offered = true;
    if (event.type == Type::kLinkDown || event.type == Type::kFollow || event.type == Type::kUnfollow) for_link_.clear();
    if (event.type == Type::kTick) now_ += 2000;
    for (DualChannelEffect& effect : machine_->Step(event, now_)) {
      switch (effect.type) {
        case Do::kInfo:
        case Do::kWarn: break;
        case Do::kMerge:
        case Do::kTakeOver:
        case Do::kReconnect: for_link_.push_back(std::move(effect)); break;
        case Do::kDrop: (void)files_->Unlink(RelayPath(kDir, effect.relay.start)); break;
        case Do::kSetAside:
          ++tally_.promoted_with_hole;
          (void)SetRelayAside(*files_, kDir, effect.relay.start);
          break;
        case Do::kClose: handed_over_ = false; [[fallthrough]];
        default: for_channel_.push_back(std::move(effect));
      }
    }
  }

  // --- the channel's thread.
  void CloseChannel() {
    open_ = stands_by_ = invited_ = false;
    writer_.reset();
    lines_.clear();
    channel_sends_ = 0;
    relay_acked_ = 0;
  }
  void ChannelTurn() {
    Tell({Type::kTick});
    while (!for_channel_.empty()) {
      const DualChannelEffect effect = std::move(for_channel_.front());
      for_channel_.pop_front();
      switch (effect.type) {
        case Do::kConnect:
          open_ = true;
          Tell({Type::kOpened});
          break;
        case Do::kSend: Hear(effect.text); break;
        case Do::kBegin:
          ++tally_.relayed;
          if (!RelayWriter::Create(*files_, kDir, kId, effect.relay.start, durable_, &writer_).ok()) Wrong("a relay cannot be made");
          Tell({Type::kReceived});
          break;
        case Do::kAcknowledge:
          if (open_ && writer_) Acked(0, effect.relay.end - 1);
          break;
        case Do::kStop:
          open_ = false;
          handed_over_ = true;
          writer_.reset();
          Tell({Type::kStopped});
          break;
        case Do::kClose: CloseChannel(); break;
        default: Wrong("an effect for the other thread");
      }
    }
  }
  void ChannelReceives() {
    if (!open_) return;
    if (!lines_.empty()) {
      DualChannelEvent event{Type::kLine};
      event.text = lines_.front();
      lines_.pop_front();
      return Tell(event);
    }
    if (!writer_ || machine_->Full()) return;
    const std::int64_t n = std::min<std::int64_t>(tail_ + 1 - channel_sends_, 1 + Below(300));
    if (n <= 0) return;
    std::string bytes;
    for (std::int64_t i = 0; i < n; ++i) bytes += ByteAt(channel_sends_ + i);
    channel_sends_ += n;
    Status status = writer_->Append(bytes);
    if (status.ok() && durable_) status = writer_->Sync();
    if (!status.ok()) return Wrong("a relay cannot be written");
    DualChannelEvent event{Type::kReceived};
    event.number = n;
    Tell(event);
  }

  // --- the link's thread.
  // The bytes [offset, ...) of whatever source; whole units are applied.
  void Apply(std::int64_t offset, std::string_view bytes) {
    if (offset != received_ + 1) return Wrong("byte " + std::to_string(offset) + " comes where " + std::to_string(received_ + 1) + " is next");
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] != ByteAt(offset + static_cast<std::int64_t>(i))) return Wrong("another byte than the primary's");
    }
    received_ += static_cast<std::int64_t>(bytes.size());
    applied_ = std::max(applied_, UnitEnd(received_));
  }
  bool ApplyFrame() {
    std::string_view bytes = merge_->Next();
    if (bytes.empty()) return false;
    const std::int64_t first = merge_->next() - static_cast<std::int64_t>(bytes.size());
    if (received_ + 1 < first) return Wrong("a hole before the relay"), false;
    bytes.remove_prefix(std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(received_ + 1 - first)));
    if (!bytes.empty()) Apply(received_ + 1, bytes);
    return true;
  }
  void ApplyCovering() {
    for (;;) {
      const RelaySpan* relay = machine_->Covering({kId, applied_});
      if (relay == nullptr) return;
      if (!RelayReader::Open(*files_, RelayPath(kDir, relay->start), &merge_).ok()) return Wrong("a relay that is counted on is not there");
      ++tally_.applied_from_disk;
      const std::int64_t before = applied_;
      received_ = applied_;
      while (ApplyFrame()) {
      }
      merge_.reset();
      if (applied_ == before) return;
    }
  }
  void Connect() {
    ApplyCovering();
    received_ = applied_;
    up_ = true;
    link_acked_ = durable_ ? safe_ : applied_;
    Tell({Type::kLinkUp});
  }
  void Cut() {
    if (!up_) return;
    up_ = false;
    merge_.reset();
    take_over_ = false;
    Tell({Type::kLinkDown});
  }
  void LinkTurn() {
    if (!up_) return Connect();
    if (merge_) {
      const bool more = ApplyFrame();
      if (!more && take_over_) {
        if (!handed_over_) return Cut();
        if (received_ + 1 != merge_->next() || merge_->next() != channel_sends_) return Wrong("the channel goes on at " + std::to_string(channel_sends_) + ", the relay ends at " + std::to_string(merge_->next()) + ", and " + std::to_string(received_ + 1) + " is next");
        merge_.reset();
        take_over_ = handed_over_ = false;
        ++tally_.merged;
        CloseChannel();
        Tell({Type::kTakenOver});
      }
    } else {
      const std::int64_t n = std::min<std::int64_t>(tail_ - received_, 1 + Below(120));
      std::string bytes;
      for (std::int64_t i = 1; i <= n; ++i) bytes += ByteAt(received_ + i);
      if (n > 0) Apply(received_ + 1, bytes);
    }
    Acked(durable_ ? safe_ : applied_, 0);
    Follow();
  }
  void Follow() {
    Tell({Type::kApplied});
    while (!for_link_.empty()) {
      const DualChannelEffect effect = std::move(for_link_.front());
      for_link_.pop_front();
      if (effect.type == Do::kReconnect) return Cut();
      if (effect.type == Do::kTakeOver) take_over_ = merge_ != nullptr;
      if (effect.type != Do::kMerge) continue;
      if (!RelayReader::Open(*files_, RelayPath(kDir, effect.relay.start), &merge_).ok()) return Wrong("a live relay is not there");
      received_ = applied_;  // what is not a whole unit comes again
    }
  }

  // --- what happens.
  void Step() {
    const std::int64_t what = Below(1000);
    if (what < 300) Write();
    else if (what < 500) LinkTurn();
    else if (what < 650) ChannelTurn();
    else if (what < 850) ChannelReceives();
    else if (what < 900) safe_ = applied_;
    else if (what < 930) FallBack();
    else if (what < 945) Cut();
    else if (what < 960) CutChannel();
    else if (what < 965) Crash(false);
    else if (what < 970 && durable_) Crash(true);
    else if (what < 975) Stall();
  }
  void CutChannel() {
    if (!open_) return;
    DualChannelEvent event{Type::kFailed};
    event.text = "cut";
    Tell(event);
  }
  // The link's thread does nothing for a while: what makes a gap.
  void Stall() {
    for (int i = 0; i < 30; ++i) Write();
    if (!fallen_back_) FallBack();
    for (int i = 0; i < 10; ++i) {
      ChannelTurn();
      ChannelReceives();
      if (Chance(50)) Write();
    }
  }
  void Crash(bool power) {
    writer_.reset();
    merge_.reset();
    if (power) {
      ++tally_.cut;
      RecordingFiles after = files_->AfterPowerCut([&](unsigned n) { return static_cast<unsigned>(random_() % n); }, "boot-2");
      files_ = std::make_unique<RecordingFiles>(after);
      applied_ = UnitEnd(safe_ + Below(applied_ - safe_ + 1));
      applied_ = std::max(applied_, safe_);
      safe_ = applied_;
    } else {
      ++tally_.killed;
      files_ = std::make_unique<RecordingFiles>(files_->Killed());
    }
    received_ = applied_;
    Restart();
    Judge(/*promoted=*/false);
  }

  // Everything that was promised is in the data or in a relay, of which `promoted` has only what is set aside.
  void Judge(bool promoted) {
    std::vector<std::pair<std::int64_t, std::int64_t>> held;
    for (const std::string& path : files_->Paths()) {
      if (path.find("semi-sync-relay.") == std::string::npos) continue;
      if (promoted && path.find(".kept") == std::string::npos) continue;
      std::unique_ptr<RelayReader> reader;
      if (!RelayReader::Open(*files_, path, &reader).ok()) continue;
      while (!reader->Next().empty()) {
      }
      held.push_back({reader->start(), reader->next() - 1});
    }
    for (const auto& [first, last] : promised_) {
      for (std::int64_t at = std::max(first, applied_ + 1); at <= last;) {
        auto holds = std::find_if(held.begin(), held.end(), [&](const auto& h) { return h.first <= at && at <= h.second; });
        if (holds == held.end()) return Wrong("byte " + std::to_string(at) + " was promised, and is neither applied (" + std::to_string(applied_) + ") nor in a relay");
        at = holds->second + 1;
      }
    }
    if (safe_ == applied_) std::erase_if(promised_, [&](const auto& p) { return p.second <= applied_; });
  }
  // The primary is gone, and this one takes over.
  void Promote() {
    Tell({Type::kFollow});
    if (machine_->Covering({kId, applied_}) != nullptr) Cut(), ApplyCovering();
    for (const RelaySpan& relay : machine_->relays()) {
      // What could be applied is.
      if (relay.start <= applied_ + 1 && UnitEnd(relay.end - 1) > applied_) Wrong("a relay that could be applied was not");
    }
    Tell({Type::kUnfollow});
    Judge(/*promoted=*/false);
  }
  // All is well from now on: the replica ends with what the primary has, and no relay is left.
  void Settle() {
    for (int i = 0; i < 3000 && (applied_ < tail_ || !machine_->relays().empty() || !up_); ++i) {
      LinkTurn();
      ChannelTurn();
      ChannelReceives();
      safe_ = applied_;
    }
    if (applied_ != tail_) Wrong("it does not come to the end: " + std::to_string(applied_) + " of " + std::to_string(tail_));
    if (!machine_->relays().empty() && !machine_->live()) Wrong("a relay is left");
    Judge(false);
  }

  const std::uint64_t seed_;
  Twister random_;
  Tally& tally_;
  const bool durable_;
  std::int64_t now_ = 0;
  std::unique_ptr<RecordingFiles> files_ = std::make_unique<RecordingFiles>();

  std::int64_t tail_ = 0;
  std::vector<std::int64_t> unit_ends_;
  bool fallen_back_ = false;
  std::int64_t asked_ = 0, promise_ = 0, link_acked_ = 0, relay_acked_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> promised_;
  bool stands_by_ = false, invited_ = false;

  std::unique_ptr<DualChannel> machine_;
  std::deque<DualChannelEffect> for_link_, for_channel_;
  StreamPosition position_;
  std::int64_t applied_ = 0, safe_ = 0;
  std::int64_t received_ = 0;  // of the source that is read: applied, and the beginning of a unit
  bool up_ = false;
  std::unique_ptr<RelayReader> merge_;
  bool take_over_ = false, handed_over_ = false;
  bool open_ = false;
  std::deque<std::string> lines_;
  std::int64_t channel_sends_ = 0;
  std::unique_ptr<RelayWriter> writer_;
};

ONE_THREAD_TEST(DualChannel, WhateverIsCutOrKilledNothingIsMissingAndNothingComesTwice) {
  Tally tally;
  constexpr std::uint64_t kSeeds = 3000;
  for (std::uint64_t seed = 1; seed <= kSeeds && FailuresInTest() == 0; ++seed) World(seed, tally).Run(600);
  std::printf("dual channel: %llu relays, %llu merged, %llu applied from the disk, %llu set aside; %llu kills, %llu power cuts; %llu bytes promised\n",
              static_cast<unsigned long long>(tally.relayed), static_cast<unsigned long long>(tally.merged), static_cast<unsigned long long>(tally.applied_from_disk),
              static_cast<unsigned long long>(tally.promoted_with_hole), static_cast<unsigned long long>(tally.killed), static_cast<unsigned long long>(tally.cut),
              static_cast<unsigned long long>(tally.protected_bytes));
  // It happened.
  EXPECT_TRUE(tally.merged > 100 && tally.applied_from_disk > 100 && tally.promoted_with_hole > 100);
}

}  // namespace
}  // namespace slotwise::test
