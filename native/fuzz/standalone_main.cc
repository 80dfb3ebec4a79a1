// Drives a fuzz target where libFuzzer is not available (g++): random mutations of the corpus, without feedback. Knows
// the libFuzzer flags that the Makefile passes; others are ignored. A crash leaves its input in ./crash-standalone.
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kInputSizeMax = 1 << 16;
constexpr const char* kTokens[] = {"\r\n", "*1\r\n", "$0\r\n\r\n", "$-1\r\n", "*0\r\n", "\n", "\0", "MULTI", "EXEC", "SELECT",
                                   "2147483647", "9223372036854775807", "-1", "536870912", "#TS:", "REDIS"};

Bytes current;  // for the crash handler

void SaveCrash(int signal_number) {
  if (FILE* file = std::fopen("crash-standalone", "wb")) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
  }
  constexpr char kText[] = "input saved to ./crash-standalone\n";
  (void)!write(2, kText, sizeof(kText) - 1);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void ReadCorpus(const std::string& path, std::vector<Bytes>* corpus) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return;
  if (S_ISDIR(st.st_mode)) {
    DIR* dir = opendir(path.c_str());
    while (dirent* entry = dir != nullptr ? readdir(dir) : nullptr) {
      if (entry->d_name[0] != '.') ReadCorpus(path + "/" + entry->d_name, corpus);
    }
    if (dir != nullptr) closedir(dir);
    return;
  }
  std::ifstream file(path, std::ios::binary);
  corpus->emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void Mutate(Bytes* bytes, const std::vector<Bytes>& corpus, std::mt19937_64& random) {
  auto at = [&] { return static_cast<std::ptrdiff_t>(bytes->empty() ? 0 : random() % bytes->size()); };
  switch (random() % 8) {
    case 0:
      if (!bytes->empty()) (*bytes)[static_cast<std::size_t>(at())] ^= static_cast<std::uint8_t>(1u << (random() % 8));
      break;
    case 1:
      if (!bytes->empty()) (*bytes)[static_cast<std::size_t>(at())] = static_cast<std::uint8_t>(random());
      break;
    case 2: bytes->insert(bytes->begin() + at(), static_cast<std::uint8_t>(random())); break;
    case 3: {
      if (bytes->empty()) break;
      auto begin = at();
      auto count = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(1 + random() % 16), static_cast<std::ptrdiff_t>(bytes->size()) - begin);
      bytes->erase(bytes->begin() + begin, bytes->begin() + begin + count);
      break;
    }
    case 4: {
      const char* token = kTokens[random() % std::size(kTokens)];
      std::size_t length = std::max<std::size_t>(1, std::strlen(token));
      bytes->insert(bytes->begin() + at(), token, token + length);
      break;
    }
    case 5: bytes->resize(static_cast<std::size_t>(at())); break;
    case 6: {  // the tail of another input
      if (corpus.empty()) break;
      const Bytes& other = corpus[random() % corpus.size()];
      if (other.empty()) break;
      bytes->resize(static_cast<std::size_t>(at()));
      bytes->insert(bytes->end(), other.begin() + static_cast<std::ptrdiff_t>(random() % other.size()), other.end());
      break;
    }
    default: {  // a piece twice
      if (bytes->empty()) break;
      auto begin = at();
      auto count = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(1 + random() % 64), static_cast<std::ptrdiff_t>(bytes->size()) - begin);
      Bytes piece(bytes->begin() + begin, bytes->begin() + begin + count);
      bytes->insert(bytes->begin() + at(), piece.begin(), piece.end());
      break;
    }
  }
  if (bytes->size() > kInputSizeMax) bytes->resize(kInputSizeMax);
}

}  // namespace

int main(int argc, char** argv) {
  long seconds = 60;
  long runs_max = -1;
  unsigned timeout = 0;
  std::uint64_t seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  std::vector<Bytes> corpus;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg.rfind("-max_total_time=", 0) == 0) seconds = std::atol(arg.c_str() + 16);
    else if (arg.rfind("-runs=", 0) == 0) runs_max = std::atol(arg.c_str() + 6);
    else if (arg.rfind("-seed=", 0) == 0) seed = std::strtoull(arg.c_str() + 6, nullptr, 10);
    else if (arg.rfind("-timeout=", 0) == 0) timeout = static_cast<unsigned>(std::atoi(arg.c_str() + 9));
    else if (arg[0] != '-') ReadCorpus(arg, &corpus);
  }
  for (int number : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGALRM}) signal(number, SaveCrash);
  std::printf("standalone fuzzer: %zu inputs, %ld s, seed %llu\n", corpus.size(), seconds, static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (const Bytes& input : corpus) {
    current = input;
    LLVMFuzzerTestOneInput(current.data(), current.size());
  }
  auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] { return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count(); };
  std::uint64_t runs = 0;
  while (elapsed() < seconds && (runs_max < 0 || runs < static_cast<std::uint64_t>(runs_max))) {
    current = corpus.empty() ? Bytes{} : corpus[random() % corpus.size()];
    for (std::uint64_t i = 0, n = 1 + random() % 6; i < n; ++i) Mutate(&current, corpus, random);
    if (timeout > 0 && runs % 256 == 0) alarm(timeout + 1);
    LLVMFuzzerTestOneInput(current.data(), current.size());
    ++runs;
    // Without coverage to guide it, keep a drifting population so that mutations add up.
    if (random() % 64 == 0 && corpus.size() < 4096) corpus.push_back(current);
    if ((runs & (runs - 1)) == 0) std::printf("#%llu\t%lld s\n", static_cast<unsigned long long>(runs), static_cast<long long>(elapsed()));
  }
  alarm(0);
  std::printf("done: %llu runs in %lld s\n", static_cast<unsigned long long>(runs), static_cast<long long>(elapsed()));
  return 0;
}
