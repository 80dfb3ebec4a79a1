// How fast the housekeeping thread puts huge pages together (MakeHugePage). While one is made, page faults and mappings of the
// process wait: 6 to 54 ms were seen, where the host had taken memory or a core away (decision 0035). So beside clients who
// are served one is followed by a rest in proportion to what it took.
#pragma once
#include <cstdint>

namespace slotwise {

class HugePagePace {
 public:
  static constexpr int kARound = 2;
  static constexpr std::int64_t kRest = 300;
  // How many may be made in the round that begins at `now_us`.
  int Most(std::int64_t now_us, bool serving) const { return !serving ? kARound : now_us < rest_until_us_ ? 0 : 1; }
  void Made(std::int64_t begin_us, std::int64_t end_us) { rest_until_us_ = end_us + kRest * (end_us - begin_us); }

 private:
  std::int64_t rest_until_us_ = 0;
};

}  // namespace slotwise
