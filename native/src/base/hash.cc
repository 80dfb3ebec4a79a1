#include "base/hash.h"

#include <sys/random.h>

#include <ctime>

namespace slotwise {

std::uint64_t ProcessHashSeed() {
  static const std::uint64_t seed = [] {
    std::uint64_t s = 0;
    if (getrandom(&s, sizeof s, 0) != static_cast<ssize_t>(sizeof s)) s = static_cast<std::uint64_t>(time(nullptr)) * hash_internal::kP0;
    return s | 1;
  }();
  return seed;
}

}  // namespace slotwise
