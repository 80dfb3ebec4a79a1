// A client as a connection would have it, for tests that need messages, records or a second client: what is pushed to it
// is kept, in the order of arrival.
#pragma once
#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/access_control.h"
#include "engine/client_registry.h"
#include "engine_fixture.h"

namespace slotwise::test {

class MailboxSink final : public ClientSink {
 public:
  void Push(std::shared_ptr<const std::string> resp2, std::shared_ptr<const std::string> resp3, std::uint64_t gate) override {
    std::lock_guard<std::mutex> guard(mutex_);
    waiting_.push_back({std::move(resp2), std::move(resp3)});
    gate_ = std::max(gate_, gate);
  }
  void PushInvalidation(std::shared_ptr<const std::string> resp2, std::shared_ptr<const std::string> resp3, std::uint64_t gate) override {
    Push(std::move(resp2), std::move(resp3), gate);
  }
  void Kill() override { killed_.store(true); }
  void WritePushes(OutBuffer& out, int protocol) override {
    if (std::string waiting = Take(protocol); !waiting.empty()) out.Append(waiting);
  }

  // Everything that was pushed since the last call.
  std::string Take(int protocol = 2) {
    std::lock_guard<std::mutex> guard(mutex_);
    std::string text;
    for (auto& m : waiting_) text += protocol == 3 ? *m.resp3 : *m.resp2;
    waiting_.clear();
    return text;
  }
  // The log offset that what was pushed so far depends on.
  std::uint64_t gate() {
    std::lock_guard<std::mutex> guard(mutex_);
    return gate_;
  }
  bool killed() const { return killed_.load(); }

 private:
  struct Pushed { std::shared_ptr<const std::string> resp2, resp3; };
  std::mutex mutex_;
  std::vector<Pushed> waiting_;
  std::uint64_t gate_ = 0;
  std::atomic<bool> killed_{false};
};

// Leaves the engine when it goes, so it must be declared after the fixture.
class TestClient {
 public:
  explicit TestClient(EngineFixture& fixture) : fixture_(fixture), sink(std::make_shared<MailboxSink>()) {
    client.id = fixture.engine->NextClientId();
    client.address = "127.0.0.1:" + std::to_string(50000 + client.id);
    client.local_address = "127.0.0.1:6379";
    client.created_ms = client.last_interaction_ms = fixture.engine->NowMs();
    fixture.engine->acl().BecomeDefault(client);
    client.sink = sink;
    fixture.engine->clients().Add(client);
  }
  ~TestClient() {
    fixture_.engine->clients().Remove(client);
    fixture_.engine->ClientGone(*fixture_.thread, client);
  }
  std::string operator()(const std::string& line) { return fixture_.As(client, line); }

 private:
  EngineFixture& fixture_;

 public:
  std::shared_ptr<MailboxSink> sink;
  Client client;
};

}  // namespace slotwise::test
