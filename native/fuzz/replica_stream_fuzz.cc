// Any bytes as what a primary sends: the first byte says how the rest is cut into pieces, then a snapshot or a stream. Nothing may
// crash, run outside of memory, or take memory that the bytes do not justify. What was applied of a stream is in the log as it
// came; a snapshot that is refused leaves the data as it was.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cron.h"
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

void Feed(ReplicaStream& stream, std::string_view bytes, std::size_t piece) {
  while (!bytes.empty()) {
    std::span<char> room = stream.Room();
    const std::size_t n = std::min({bytes.size(), piece, room.size()});
    std::memcpy(room.data(), bytes.data(), n);
    stream.Received(n);
    bytes.remove_prefix(n);
    if (stream.Apply() != ReplicaStream::Result::kFine) return;
  }
}

// Tables are in memory that a leak check does not look at, and point to their entries at odd addresses: none may be alive when
// it comes.
void ForgetAll(Engine& engine) {
  std::vector<Database*> empty = engine.keyspace().MakeHidden();
  engine.keyspace().LockAll();
  std::vector<Database*> old = engine.keyspace().ExchangeAll(empty);
  engine.keyspace().UnlockAll();
  for (Database* database : old) engine.keyspace().Recycle(database);
  while (engine.cron()->lazyfree_pending() > 0) usleep(100);
}

void LoadSnapshot(ReplicaNode& node, std::string_view bytes, std::size_t piece, bool marked) {
  Engine& engine = *node.engine;
  Feed(*node.stream, "*3\r\n$3\r\nSET\r\n$3\r\nold\r\n$1\r\n1\r\n", SIZE_MAX);
  if (engine.keyspace().KeyCount() != 1) std::abort();
  Pieces source(bytes, piece);
  const std::int64_t length = marked ? -1 : static_cast<std::int64_t>(bytes.size());
  ReplicaLoad load(engine, source, length, std::string(40, 'm'), [] { return true; });
  if (load.Read().ok()) (void)load.Adopt(node.stream->thread(), node.stream->client(), std::string(40, 'b'), 100);
  else if (engine.keyspace().KeyCount() != 1) std::abort();
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
    LoadSnapshot(node, bytes, piece, /*marked=*/data[1] % 4 == 2);
  } else {
    const std::uint64_t begin = engine.log().tail();
    Feed(stream, bytes, piece);
    if (!bytes.starts_with(LogSince(engine, begin))) std::abort();
  }
  ForgetAll(engine);
  return 0;
}
