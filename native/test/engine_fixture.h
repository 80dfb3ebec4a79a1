// An engine in memory for tests: f("SET a 1") -> "+OK\r\n". Words are split as in redis-cli.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/split_args.h"
#include "collecting_logger.h"
#include "engine/engine.h"

namespace slotwise::test {

class EngineFixture {
 public:
  struct Setting {
    std::string name;
    std::string value;
  };
  using Directives = std::initializer_list<Setting>;
  // With {"dir", path} the engine is persistent.
  explicit EngineFixture(Directives directives = {}, EngineHost* host = nullptr) {
    auto config = std::make_unique<Config>();
    EngineOptions options;
    for (const auto& [name, value] : directives) {
      std::vector<std::string> words{value};
      if (name == "replicaof") SplitArgs(value, &words);
      status = config->SetAtStart(name, words);
      if (!status.ok()) std::abort();
      if (name == "dir") options.persistent = true;
      if (name == "cluster-enabled") options.cluster = value == "yes";
    }
    engine = std::make_unique<Engine>(std::move(config), logger, host);
    status = engine->Start(options);
    thread = &engine->AddThread();
    client.id = engine->NextClientId();
    client.authenticated = true;
    client.kind = ClientKind::kEmbedded;
  }
  ~EngineFixture() {
    engine->ClientGone(*thread, client);
    (void)engine->Stop();
  }

  std::string operator()(const std::string& line) {
    std::vector<std::string> words;
    if (!SplitArgs(line, &words)) return "<unbalanced quotes>";
    return Run(words);
  }
  std::string Run(const std::vector<std::string>& words) { return Run(client, words); }
  std::string Run(Client& c, const std::vector<std::string>& words) {
    std::vector<std::string_view> args(words.begin(), words.end());
    OutBuffer out;
    engine->Call(*thread, c, args, out);
    std::string text;
    out.CopyTo(&text);
    return text;
  }
  std::string As(Client& c, const std::string& line) {
    std::vector<std::string> words;
    if (!SplitArgs(line, &words)) return "<unbalanced quotes>";
    return Run(c, words);
  }

  CollectingLogger logger;
  std::unique_ptr<Engine> engine;
  ThreadState* thread = nullptr;
  Client client;
  Status status;
};

}  // namespace slotwise::test
