// A primary and a replica in one process, for what a replica says of the data that it serves.
#pragma once
#include <unistd.h>

#include <functional>
#include <string>

#include "engine/replica_link.h"
#include "engine/replication.h"
#include "listening_fixture.h"
#include "test.h"

namespace slotwise::test {

inline bool Until(const std::function<bool()>& condition) {
  for (int i = 0; i < 20000; ++i) {
    if (condition()) return true;
    usleep(1000);
  }
  return false;
}

inline std::string ReplicationField(EngineFixture& f, const std::string& name) {
  const std::string info = f("INFO replication");
  std::size_t at = info.find("\r\n" + name + ":");
  if (at == std::string::npos) return "<none>";
  at += name.size() + 3;
  return info.substr(at, info.find("\r\n", at) - at);
}

struct Followed : Listening {
  Followed() : Listening({{"repl-diskless-sync-delay", "0"}}) {}
};

struct Replicating : Listening {
  explicit Replicating(Followed& primary) : Listening({{"repl-diskless-sync-delay", "0"}}) {
    Follow(primary);
    if (!Until([&] { return ReplicationField(*this, "master_link_status") == "up"; })) Fail(__FILE__, __LINE__, "no link");
  }
  void Follow(Listening& primary) { (*this)("REPLICAOF 127.0.0.1 " + std::to_string(primary.port())); }
  // Nothing of the stream is applied for so long.
  void Pause(int ms) { engine->replication().link().Pause(ms); }
};

}  // namespace slotwise::test
