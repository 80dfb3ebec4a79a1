// Runs the registered unit tests; prints one line a test that fails and a closing count.
//   slotwise_tests [--jobs N] [FILTER]     FILTER: a part of "Suite.Name"
// With N > 1 that many processes share the tests out. One that dies in a test fails that test, and another goes on.
#include <sys/mman.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "test.h"

namespace slotwise::test {
namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);
constexpr int kJobsMax = 16;

// In memory that all processes share.
struct Progress {
  std::atomic<std::size_t> next{0};
  std::atomic<int> passed{0};
  std::atomic<int> failed{0};
  std::atomic<std::size_t> running[kJobsMax];  // of each process; kNone: no test
};

std::string FullName(const Case& c) { return std::string(c.suite) + "." + c.name; }

// Has this process started a second thread, whether or not it has ended? glibc knows and never forgets.
bool HasHadThreads() {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded == 0;
#else
  return false;
#endif
}

void RunOne(const Case& c, Progress& progress) {
  FailuresInTest() = 0;
  auto start = std::chrono::steady_clock::now();
  const bool had_threads = HasHadThreads();
  c.run();
  if (c.has_one_thread && HasHadThreads() != had_threads) Fail(__FILE__, __LINE__, FullName(c) + " is a ONE_THREAD_TEST and started a thread");
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start).count();
  if (FailuresInTest() == 0) {
    ++progress.passed;
  } else {
    ++progress.failed;
    std::printf("FAILED %s\n", FullName(c).c_str());
  }
  if (ms > 1000) std::printf("slow   %s (%lld ms)\n", FullName(c).c_str(), static_cast<long long>(ms));
  std::fflush(stdout);
}

void RunRest(const std::vector<Case>& cases, Progress& progress, std::atomic<std::size_t>& running) {
  for (std::size_t i; (i = progress.next.fetch_add(1)) < cases.size();) {
    running = i;
    RunOne(cases[i], progress);
    running = kNone;
  }
}

pid_t StartProcess(const std::vector<Case>& cases, Progress& progress, std::atomic<std::size_t>& running) {
  running = kNone;
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  RunRest(cases, progress, running);
  std::exit(0);  // with what sanitizers have to say at the end
}

void RunInProcesses(const std::vector<Case>& cases, Progress& progress, int jobs) {
  pid_t pids[kJobsMax];
  for (int job = 0; job < jobs; ++job) pids[job] = StartProcess(cases, progress, progress.running[job]);
  for (int status, left = jobs; left > 0;) {
    const pid_t pid = wait(&status);
    if (pid < 0) return;
    for (int job = 0; job < jobs; ++job) {
      if (pids[job] != pid) continue;
      --left;
      if (status == 0) break;
      ++progress.failed;
      const std::size_t at = progress.running[job];
      std::printf("FAILED %s: the process ended with status 0x%x\n", at == kNone ? "after the last test" : FullName(cases[at]).c_str(),
                  static_cast<unsigned>(status));
      if (at == kNone) break;
      pids[job] = StartProcess(cases, progress, progress.running[job]);
      ++left;
    }
  }
}

}  // namespace

int Main(int argc, char** argv) {
  int jobs = 1;
  int at = 1;
  if (argc > 2 && std::strcmp(argv[1], "--jobs") == 0) {
    jobs = std::atoi(argv[2]);
    at = 3;
  }
  if (jobs < 1 || jobs > kJobsMax || argc > at + 1) {
    std::printf("usage: slotwise_tests [--jobs 1..%d] [FILTER]\n", kJobsMax);
    return 1;
  }
  std::vector<Case> cases;
  for (const Case& c : Cases()) {
    if (argc == at || FullName(c).find(argv[at]) != std::string::npos) cases.push_back(c);
  }
  // First, while no other test has started threads.
  std::stable_partition(cases.begin(), cases.end(), [](const Case& c) { return c.has_one_thread; });
  if (cases.empty()) {
    std::printf("no test matches '%s'\n", argc > at ? argv[at] : "");
    return 1;
  }
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  Progress& progress = *new (shared) Progress();
  if (jobs == 1) RunRest(cases, progress, progress.running[0]);
  else RunInProcesses(cases, progress, jobs);
  std::printf("native: %d passed, %d failed\n", progress.passed.load(), progress.failed.load());
  return progress.failed == 0 ? 0 : 1;
}

}  // namespace slotwise::test

int main(int argc, char** argv) { return slotwise::test::Main(argc, argv); }
