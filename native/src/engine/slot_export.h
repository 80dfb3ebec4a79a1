// The sending end of a slot migration: the keys of some slots and then what happens to them, sent to another node of ours as
// commands, over an ordinary connection. A thread of its own.
//
// Image and log, without a snapshot of everything: a slot's image is taken under its stripe, and stamped with the end of the log
// at that moment. Of the log, which is followed all the while, a record of the slot is sent on if it begins at or behind the
// stamp; what lies before is in the image. So nothing is buffered for slots that were not visited yet, nothing is copied on
// write, and keys of other slots are never looked at.
// A slot of many keys is walked in pieces, its stripe let go in between. Keys that the log names meanwhile are sent again, as
// whole images, until few are left; these are sent under the stripe, and that moment is the stamp.
//
// When little of the log is left, the control plane is told `near`: it writes down what it has to before writers wait for that.
// After its Finish(), at a moment when next to nothing is left, writes to the slots are held back (Cluster::Hold), the rest is
// sent, and once the other node has answered everything (its answers wait for what it promises its clients) the control plane is
// told `ready`. From then on the hold is the control plane's to end. Whatever goes wrong before ends the hold here, and is told
// as `failed`.
//
// A connection that breaks before that is told as `lost`, and made again: frames are numbered, those that were not answered are
// sent again, and the target applies each number once. So what has arrived is not sent twice, whatever of the walk was done.
// Meanwhile the log is followed as far as there is room for it, behind that as long as it is kept. Where that cannot be (the
// target imports nothing under this name any more, or the log is gone) it is told as `again`: from the start, or not at all.
// Elsewhere: the connection (slot_export_link.cc), who decides (packages/cluster, migration), the receiving end (slot_import.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "cluster/slot_hold.h"
#include "keyspace/entry.h"
#include "resp/parser.h"

namespace slotwise {

class Cluster;
class Engine;
class LogReader;

class SlotExport {
 public:
  // What the control plane is told, as a request that nobody waits for:
  // SLOTWISE.EXPORTED job `near`|`ready`|`lost`|`again`|`failed` [why].
  static constexpr std::string_view kTold = "SLOTWISE.EXPORTED";

  SlotExport(Engine& engine, Cluster& cluster);
  ~SlotExport();
  SlotExport(const SlotExport&) = delete;
  SlotExport& operator=(const SlotExport&) = delete;

  struct Request {
    std::string job;
    std::string host;
    int port = 0;
    SlotSet slots;
  };
  // False: another one is under way.
  bool Start(Request request);
  // `near` was heard, and writers may be held back now. False: nothing of that name is under way.
  bool Finish(std::string_view job);
  // Ends what is under way. When it returns, nothing more is sent, and nothing is told. A hold ends, too.
  void Stop();

  enum class Phase { kNone, kConnecting, kCopying, kFollowing, kHeld, kWaiting };
  struct Info {
    std::string job;
    Phase phase = Phase::kNone;
    std::uint64_t keys = 0;         // images sent
    std::uint64_t bytes = 0;        // in all
    std::uint64_t slots_done = 0;
    std::uint64_t commands = 0;     // of the log
    std::uint64_t log_left = 0;     // bytes of the log not looked at yet
    // Of the last hold, from its beginning on: until no write was under way, and until the rest had arrived.
    std::int64_t sealed_us = 0;
    std::int64_t settled_us = 0;
  };
  Info info() const;

 private:
  static constexpr std::size_t kFrameBytes = 64 * 1024;  // the target runs one without doing anything else
  static constexpr int kPollMs = 5;

  void Run();
  bool Export();
  bool CopySlots();
  bool CopySlot(int slot);
  bool WalkSlot(int slot);
  bool UntilLittleIsLeft();
  bool HandOver();
  bool HoldAndSettle(std::uint64_t breaks, bool* settled);
  // Looks at the log as far as it goes. Takes no stripe.
  bool Follow();
  bool LogIsGone();
  bool Record(std::span<const std::string_view> args, std::string_view wire, std::uint64_t offset);
  void AppendImage(const Entry* entry);
  void AppendKey(int slot, std::string_view key);  // its image, or its deletion; the stripe is held
  static void AppendCommand(std::initializer_list<std::string_view> words, std::string& out);
  void EndCommand();
  // slot_export_link.cc
  bool Connect();
  bool Listen();
  bool Resume(std::string why);
  // One turn of the connection: sends, reads answers, waits at most so long.
  bool Turn(int wait_ms);
  bool MakeRoom();
  bool Settle(std::int64_t until_ms, bool* settled);
  bool Receive();
  bool AskLine(std::string_view bytes, std::string* line);
  bool Fail(std::string why);
  bool Again(std::string why);
  bool Broken(std::string why);
  void Tell(std::initializer_list<std::string_view> words);

  Engine& engine_;
  Cluster& cluster_;
  std::mutex control_mutex_;  // of Start() and Stop()
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> running_{false};
  std::atomic<bool> may_finish_{false};
  Request request_;           // constant while the thread runs

  // The thread's.
  int fd_ = -1;
  std::string error_;
  std::string link_error_;            // of the connection, which may be made again
  bool again_ = false;                // it failed, but might not if it were begun anew
  std::uint64_t breaks_ = 0;          // connections that broke
  std::int64_t give_up_ms_ = 0;       // while the target answers nothing, since one broke
  std::unique_ptr<LogReader> reader_;
  RespParser parser_;
  std::string log_;                   // read and not parsed yet
  std::uint64_t log_begin_ = 0;       // the log offset of its first byte
  std::vector<std::string_view> args_;
  std::vector<std::uint64_t> stamps_; // by slot
  std::unordered_set<std::string> dirty_;  // keys of the slot that is walked, which the log names
  std::string frame_;                 // whole commands
  std::deque<std::string> frames_;
  std::string out_;                   // wrapped, under way
  std::size_t out_sent_ = 0;
  std::string in_;
  std::deque<std::string> unanswered_;
  std::uint64_t answered_ = 0;        // the number of the last frame that was; the next one is that of unanswered_.front()
  std::int64_t progress_ms_ = 0;

  std::atomic<Phase> phase_{Phase::kNone};
  std::atomic<std::uint64_t> keys_{0}, bytes_{0}, slots_done_{0}, commands_{0}, log_left_{0};
  std::atomic<std::int64_t> sealed_us_{0}, settled_us_{0};
};

}  // namespace slotwise
