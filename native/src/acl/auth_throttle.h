// AuthThrottle: how long the answer to an AUTH is held back, by the address that it comes from.
//
// Every wrong password raises the level of its address, and time lowers it. The first few cost nothing, so that people
// and tests may mistype; then the delay doubles with each, up to a second. While an address has a delay, all answers to
// it are held back, right ones too: if only wrong ones were, a guesser need not wait for them, but could hang up and try
// again as soon as no answer comes at once. So who shares an address with a guesser logs in up to a second later.
// Addresses are forgotten when their level is back at zero. Their number is bounded; when there is no room, the address
// that has been quiet for longest makes room.
// Any thread. Time is an argument. Elsewhere: holding back (net/io_thread.cc).
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace slotwise {

class AuthThrottle {
 public:
  static constexpr int kFree = 10;                 // failures without a delay
  static constexpr int kLevelMax = 32;
  static constexpr std::int64_t kFirstDelayMs = 4;
  static constexpr std::int64_t kDelayMsMax = 1000;
  static constexpr std::int64_t kForgiveMs = 1000;  // time lowers the level by one in this time
  static constexpr std::size_t kAddressesMax = 4096;

  // `address` without its port. How long to hold the answer back, in ms.
  std::int64_t Failed(std::string_view address, std::int64_t now_ms);
  std::int64_t Succeeded(std::string_view address, std::int64_t now_ms);

  std::size_t address_count() const;

 private:
  struct Level {
    int value = 0;
    std::int64_t since_ms = 0;  // `value` was right at this time
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };

  static void Forgive(Level& level, std::int64_t now_ms);
  static std::int64_t DelayOf(int level);
  void MakeRoom(std::int64_t now_ms);

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Level, Hash, std::equal_to<>> levels_;
};

// "127.0.0.1:50123" -> "127.0.0.1"
std::string_view AddressWithoutPort(std::string_view address);

}  // namespace slotwise
