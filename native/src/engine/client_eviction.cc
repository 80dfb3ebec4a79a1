#include "engine/client_eviction.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>

namespace slotwise {

std::uint64_t ClientMemoryLimit(const Config& config) {
  const std::int64_t configured = config.Int(Directive::kMaxmemoryClients);
  if (configured >= 0) return static_cast<std::uint64_t>(configured);
  const unsigned __int128 all = config.Bytes(Directive::kMaxmemory);
  return static_cast<std::uint64_t>(all * static_cast<std::uint64_t>(-configured) / 100);
}

std::size_t EvictClientsOver(Engine& engine, std::uint64_t limit) {
  const auto evicted = engine.clients().EvictLargest(limit);
  for (const auto& record : evicted) {
    engine.stats().evicted_clients.fetch_add(1, std::memory_order_relaxed);
    engine.logger().Info("Evicting client " + record->address() + " (id " + std::to_string(record->id()) +
                         "): clients take more than maxmemory-clients, and it takes " + std::to_string(record->memory()) + " bytes.");
  }
  return evicted.size();
}

std::string ClientSizes(const ClientRegistry& clients) {
  constexpr int kFirst = 15, kLast = 33;  // powers of two: 32 KiB, 8 GiB
  struct Bucket {
    std::uint64_t bytes = 0, count = 0;
  };
  std::array<Bucket, kLast - kFirst + 1> buckets{};
  for (const auto& record : clients.All()) {
    if (record->no_evict()) continue;
    const int power = std::bit_width(record->memory()) - 1;
    Bucket& b = buckets[static_cast<std::size_t>(std::clamp(power - kFirst + 1, 0, kLast - kFirst))];
    b.bytes += record->memory();
    ++b.count;
  }
  std::string text;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const std::uint64_t from = i == 0 ? 0 : std::uint64_t{1} << (i - 1 + kFirst);
    char line[160];
    int n = std::snprintf(line, sizeof line, "bucket %10llu", static_cast<unsigned long long>(from));
    text.append(line, static_cast<std::size_t>(n));
    if (i + 1 == buckets.size()) n = std::snprintf(line, sizeof line, "+            : ");
    else n = std::snprintf(line, sizeof line, " - %10llu: ", static_cast<unsigned long long>((std::uint64_t{1} << (i + kFirst)) - 1));
    text.append(line, static_cast<std::size_t>(n));
    n = std::snprintf(line, sizeof line, "tot-mem: %10llu, clients: %llu\n", static_cast<unsigned long long>(buckets[i].bytes),
                      static_cast<unsigned long long>(buckets[i].count));
    text.append(line, static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace slotwise
