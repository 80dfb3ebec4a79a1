// Any bytes as what a primary sends: the first byte says how the rest is cut into pieces, then a snapshot or a stream. Nothing may
// crash, run outside of memory, or take memory that the bytes do not justify. What was applied of a stream is in the log as it
// came; a snapshot that is refused leaves the data as it was.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/replica_load.h"
#include "engine/replica_stream.h"
#include "engine/replication.h"
#include "log/log_buffer.h"
#include "log/log_reader.h"

namespace {

using namespace slotwise;

class Pieces final : public RdbSource {
 public:
  Pieces(std::string_view bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  std::size_t Read(char* into, std::size_t size) override {
    const std::size_t n = std::min({size, piece_, bytes_.size()});
    std::memcpy(into, bytes_.data(), n);
    bytes_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view bytes_;
  std::size_t piece_;
};

struct ReplicaNode {
  ReplicaNode() {
    engine = std::make_unique<Engine>(std::make_unique<Config>(), logger, nullptr);
    if (!engine->Start({}).ok()) std::abort();
    // Nobody listens there, and nobody needs to.
    engine->keyspace().LockAll();
    engine->replication().SetPrimary("127.0.0.1", 1);
    engine->replication().TakeOverStream(std::string(40, 'a'), 0, 0);
    engine->keyspace().UnlockAll();
    stream = std::make_unique<ReplicaStream>(*engine);
  }
  NullLogger logger;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<ReplicaStream> stream;
};

ReplicaNode& TheNode() {
  static ReplicaNode node;
  return node;
}

std::string LogSince(Engine& engine, std::uint64_t offset) {
  std::string out;
  LogReader reader(engine.log(), offset);
  const std::uint64_t end = engine.log().tail();
  for (std::string_view bytes; !(bytes = reader.Peek(end)).empty(); reader.Advance(bytes.size())) out += bytes;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  ReplicaNode& node = TheNode();
  Engine& engine = *node.engine;
  ReplicaStream& stream = *node.stream;
  const std::size_t piece = 1 + data[0] % 64u * 7;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  stream.Begin(engine.replication().role(), 0);
  if (data[1] % 2 == 0) {
    const std::uint64_t keys = engine.keyspace().KeyCount();
    Pieces source(bytes, piece);
    const std::int64_t length = data[1] % 4 == 0 ? static_cast<std::int64_t>(bytes.size()) : -1;
    ReplicaLoad load(engine, source, length, std::string(40, 'm'), [] { return true; });
    if (load.Read().ok()) (void)load.Adopt(stream.thread(), stream.client(), std::string(40, 'b'), 100);
    else if (engine.keyspace().KeyCount() != keys) std::abort();
    return 0;
  }
  const std::uint64_t begin = engine.log().tail();
  const std::string_view all = bytes;
  while (!bytes.empty()) {
    std::span<char> room = stream.Room();
    const std::size_t n = std::min({bytes.size(), piece, room.size()});
    std::memcpy(room.data(), bytes.data(), n);
    stream.Received(n);
    bytes.remove_prefix(n);
    if (stream.Apply() != ReplicaStream::Result::kFine) break;
  }
  if (!all.starts_with(LogSince(engine, begin))) std::abort();
  return 0;
}
