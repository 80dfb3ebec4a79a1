// Commands that the control plane answers, which runs in JavaScript: CLUSTER and its relatives. The client waits as for a key;
// the thread that asks does something else meanwhile. Inside EXEC it cannot, and waits; so a transaction may not mix these with
// keys, whose stripes the control plane might need for its answer.
// Also what it hears of without being asked: messages of PUBLISH, which go to other nodes.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "commands/command.h"

namespace slotwise {

class Waiter;

class ControlDesk {
 public:
  explicit ControlDesk(Engine& engine) : engine_(engine) {}
  ControlDesk(const ControlDesk&) = delete;
  ControlDesk& operator=(const ControlDesk&) = delete;

  // --- handlers. The command is answered by the control plane, or with an error if there is none, or it takes too long.
  void Ask(CommandContext& ctx);
  void Published(std::string_view channel, std::string_view message, bool shard);

  // --- the control plane. Any thread; no stripe is held.
  void Open();
  // Everything that still waits is answered with an error.
  void Close();
  // `reply`: in RESP, in the protocol that the request named. Nothing happens if the request is no more.
  void Answer(std::uint32_t request, std::string reply);

 private:
  struct Question {
    std::shared_ptr<Waiter> waiter;  // null: a thread waits on `answered_`
    bool done = false;
    std::string reply;
  };
  std::string AskAndWait(CommandContext& ctx);
  std::uint32_t Put(std::shared_ptr<Question> question);
  void End(Question& question, std::string reply);

  Engine& engine_;
  std::mutex mutex_;
  std::condition_variable answered_;
  bool open_ = false;                                                       // guarded by mutex_, as all below
  std::uint32_t next_request_ = 1;
  std::unordered_map<std::uint32_t, std::shared_ptr<Question>> questions_;
};

}  // namespace slotwise
