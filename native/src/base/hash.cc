#include "base/hash.h"

#include <sys/random.h>

#include <cstdlib>
#include <ctime>

namespace slotwise {

std::uint64_t ProcessHashSeed() {
  static const std::uint64_t seed = [] {
    std::uint64_t s = 0;
#ifdef SLOTWISE_TESTING
    // What a test or a fuzz target finds it finds again.
    if (const char* given = std::getenv("SLOTWISE_HASH_SEED")) s = std::strtoull(given, nullptr, 10);
#else
    if (getrandom(&s, sizeof s, 0) != static_cast<ssize_t>(sizeof s)) s = static_cast<std::uint64_t>(time(nullptr)) * hash_internal::kP0;
#endif
    return s | 1;
  }();
  return seed;
}

}  // namespace slotwise
