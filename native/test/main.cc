// Runs the registered unit tests; prints one line a test that fails and a closing count.
#include <chrono>
#include <cstring>

#include "test.h"

namespace slotwise::test {

int Main(int argc, char** argv) {
  const char* filter = argc > 1 ? argv[1] : "";
  int passed = 0;
  int failed = 0;
  for (const Case& c : Cases()) {
    std::string full = std::string(c.suite) + "." + c.name;
    if (*filter != 0 && full.find(filter) == std::string::npos) continue;
    FailuresInTest() = 0;
    auto start = std::chrono::steady_clock::now();
    c.run();
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
    if (FailuresInTest() == 0) {
      ++passed;
    } else {
      ++failed;
      std::printf("FAILED %s\n", full.c_str());
    }
    if (ms > 1000) std::printf("slow   %s (%lld ms)\n", full.c_str(), static_cast<long long>(ms));
    std::fflush(stdout);
  }
  std::printf("native: %d passed, %d failed\n", passed, failed);
  if (passed + failed == 0) {
    std::printf("no test matches '%s'\n", filter);
    return 1;
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace slotwise::test

int main(int argc, char** argv) { return slotwise::test::Main(argc, argv); }
