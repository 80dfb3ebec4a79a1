// The stream of this server's primary, applied: bytes in, whole commands out, in batches with prefetching, transactions as one
// unit. What is applied goes into the log as it came, in the same critical section, so the end of the log is the position in
// the stream that was applied, whoever looks at it.
//
// A primary is obeyed in what it says about data and in nothing else. Bytes that are not what a primary sends, commands that
// this server does not know or that do not change data, databases that it does not have: each ends the link with an error, and
// the next one begins with a full copy, since skipping a command would leave other data than the primary has. A command that
// fails (as LPUSH on a string) is counted and logged: it failed there too.
// Used by the link's thread only. Source: spec replication.md sections 6, 7, 12.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "resp/parser.h"

namespace slotwise {

class ReplicaStream {
 public:
  explicit ReplicaStream(Engine& engine);
  ~ReplicaStream();
  ReplicaStream(const ReplicaStream&) = delete;
  ReplicaStream& operator=(const ReplicaStream&) = delete;

  // The stream begins, or goes on, in this database; `role`: under which it is obeyed. Bytes of an earlier one are forgotten.
  void Begin(std::uint64_t role, int db);
  Client& client() { return client_; }
  ThreadState& thread() { return thread_; }

  // Where the next bytes go, at least 64 KiB, and how many came.
  std::span<char> Room();
  void Received(std::size_t n) { size_ += n; }
  // Applies what is complete. kNotObeyed: this server has another role by now; kBad: error() says why, and no more may be applied.
  enum class Result { kFine, kNotObeyed, kBad };
  Result Apply();
  const std::string& error() const { return error_; }
  // The primary asked how far this server has come, and is to be answered with this offset before anything else.
  // Called while the commands before it are applied and it is not.
  std::function<void()> on_get_ack;

  std::uint64_t failed() const { return failed_; }
  std::size_t unapplied() const { return size_ - begin_; }

 private:
  bool Admit(std::span<const std::string_view> args, const Command** command);
  Result RunBatch();
  Result RunTransaction();
  Result RunUnit(std::span<PreparedCommand> unit, std::string_view wire);
  bool Refuse(std::string why);

  Engine& engine_;
  ThreadState& thread_;
  Client client_;
  RespParser parser_;
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;       // what lies before is applied
  std::size_t scanned_ = 0;     // and before this, parsed
  std::size_t size_ = 0;
  bool in_transaction_ = false; // begin_ is at its MULTI
  std::vector<std::string_view> parsed_;
  std::vector<std::string_view> args_;
  struct Item {
    std::size_t first_arg;
    std::size_t argc;
    std::string_view wire;
  };
  std::vector<Item> items_;
  std::vector<PreparedCommand> prepared_;
  std::string error_;
  std::string command_error_;
  std::uint64_t failed_ = 0;
  std::int64_t next_warning_ms_ = 0;
};

}  // namespace slotwise
