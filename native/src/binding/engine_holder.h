// The engines of this process by name: every JavaScript thread that opens the same name shares one. The last session to
// leave stops the engine. Also where the engine's log lines and requests wait until a JavaScript thread takes them.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace slotwise::binding {

struct OpenOptions {
  std::vector<std::string> names;                              // any of them finds the engine; none: a private engine
  std::vector<std::vector<std::string>> directives;            // name, then its arguments; also `user`
  std::vector<std::pair<std::string, std::string>> renames;    // rename-command
  std::string config_file;
  bool persistent = false;
  bool will_listen = false;                                    // a port that is taken is found before the data is loaded
  bool attach_only = false;                                    // fail if there is no such engine
  bool any_port = false;                                       // Listen: port 0 means any
  bool replays = false;                                        // EngineOptions
  bool cluster = false;                                        // a node of a cluster, whose control plane will be a session
};

struct Event {
  enum class Kind { kLog, kShutdown, kMessage, kMessagesLost, kLogLevel, kReply, kSemiSync, kControlRequest, kPublished } kind;
  // Log level, exit code, place in the values of `loglevel`, token of the call that has waited, SemiSync::State, request for
  // the control plane, whether the channel is a sharded one.
  int number;
  // Of a message: a RESP3 push; of a call: its reply; of semi-sync: how many replicas count; of a request: an array of its
  // protocol and its arguments; of what was published: channel and message.
  std::string text;
};

// Told that events are waiting; any thread.
class EventListener {
 public:
  virtual ~EventListener() = default;
  virtual void OnEvent(const Event& event) = 0;
};

class EngineHolder final : public Logger, public EngineHost {
 public:
  // Creates, or attaches to the engine of that name (waiting while another thread is opening it).
  static Status Open(const OpenOptions& options, EventListener* listener, std::shared_ptr<EngineHolder>* out);
  // Leaves; the last one stops the engine (which syncs the log). The listener is not called after this.
  static Status Leave(std::shared_ptr<EngineHolder> holder, EventListener* listener);

  // One more session, for somebody who is in one already.
  static void Join(EngineHolder& holder);
  // Opens the listening sockets after setting `directives`; `*port` is 0 if only a Unix socket listens.
  Status Listen(const std::vector<std::vector<std::string>>& directives, bool any_port, int* port);

  Engine& engine() { return *engine_; }
  void AddListener(EventListener* listener);

  void Log(LogLevel level, std::string_view message) override;
  void OnShutdown(int exit_code) override;
  void OnLogLevel(int level) override;
  void OnSemiSync(SemiSync::State state, std::int64_t clients) override;
  void OnControlRequest(std::uint32_t request, int protocol, std::span<const std::string_view> args) override;
  void OnPublished(std::string_view channel, std::string_view message, bool shard) override;

 private:
  Status Start(const OpenOptions& options);
  void Emit(Event event);

  // Leaves out `user` lines, which are no values.
  static Status Set(Config& config, const std::vector<std::vector<std::string>>& directives);

  std::vector<std::string> names_;
  std::unique_ptr<Engine> engine_;
  int sessions_ = 0;      // guarded by the registry's mutex
  bool ready_ = false;    // as well
  std::mutex listen_mutex_;
  std::mutex mutex_;
  std::vector<EventListener*> listeners_;
};

}  // namespace slotwise::binding
