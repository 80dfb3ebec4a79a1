#include "values/hyperloglog.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace slotwise::hyperloglog {
namespace {

constexpr int kIndexBits = 14;
constexpr int kHashBits = 64 - kIndexBits;
constexpr int kMaxRegister = 63;
constexpr int kSparseMaxValue = 32;
constexpr int kSparseMaxRun = 4;      // of equal values
constexpr int kShortZerosMax = 64;
constexpr int kLongZerosMax = 16384;

std::uint64_t Murmur64A(std::string_view key, std::uint64_t seed) {
  constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995ull;
  constexpr int kShift = 47;
  std::uint64_t h = seed ^ key.size() * kMultiplier;
  const char* p = key.data();
  std::size_t left = key.size();
  for (; left >= 8; p += 8, left -= 8) {
    std::uint64_t k;
    std::memcpy(&k, p, sizeof k);
    k *= kMultiplier;
    k ^= k >> kShift;
    h = (h ^ k * kMultiplier) * kMultiplier;
  }
  if (left > 0) {
    std::uint64_t rest = 0;
    std::memcpy(&rest, p, left);
    h = (h ^ rest) * kMultiplier;
  }
  h ^= h >> kShift;
  h *= kMultiplier;
  return h ^ h >> kShift;
}

struct Hit {
  int index;
  std::uint8_t value;
};
Hit HitOf(std::string_view element) {
  std::uint64_t hash = Murmur64A(element, 0xadc83b19ull);
  std::uint64_t rest = hash >> kIndexBits | std::uint64_t{1} << kHashBits;
  return {static_cast<int>(hash & (kRegisters - 1)), static_cast<std::uint8_t>(std::countr_zero(rest) + 1)};
}

// --- dense
const std::uint8_t* Bytes(const char* p) { return reinterpret_cast<const std::uint8_t*>(p); }

unsigned DenseGet(const char* bytes, int index) {
  const std::uint8_t* p = Bytes(bytes) + kHeaderSize + index * 6 / 8;
  int shift = index * 6 % 8;
  unsigned v = static_cast<unsigned>(p[0]) >> shift;
  if (shift > 2) v |= static_cast<unsigned>(p[1]) << (8 - shift);
  return v & kMaxRegister;
}

void DenseSet(char* bytes, int index, unsigned value) {
  auto* p = reinterpret_cast<std::uint8_t*>(bytes) + kHeaderSize + index * 6 / 8;
  int shift = index * 6 % 8;
  p[0] = static_cast<std::uint8_t>((p[0] & ~(kMaxRegister << shift)) | value << shift);
  if (shift > 2) p[1] = static_cast<std::uint8_t>((p[1] & ~(kMaxRegister >> (8 - shift))) | value >> (8 - shift));
}

Result RaiseDense(char* bytes, int index, std::uint8_t value) {
  if (DenseGet(bytes, index) >= value) return Result::kSame;
  DenseSet(bytes, index, value);
  return Result::kChanged;
}

// --- sparse
struct Run {
  int value;   // 0: zeros
  int length;
  std::size_t size;  // in bytes
};
Run RunAt(std::string_view bytes, std::size_t at) {
  auto b = static_cast<std::uint8_t>(bytes[at]);
  if (b & 0x80) return {(b >> 2 & 31) + 1, (b & 3) + 1, 1};
  if (b & 0x40) return {0, ((b & 63) << 8 | (at + 1 < bytes.size() ? static_cast<std::uint8_t>(bytes[at + 1]) : 0)) + 1, 2};
  return {0, b + 1, 1};
}
char ValueRun(int value, int length) { return static_cast<char>((value - 1) << 2 | (length - 1) | 0x80); }
void AppendZeros(std::string& out, int length) {
  if (length > kShortZerosMax) {
    out += static_cast<char>((length - 1) >> 8 | 0x40);
    out += static_cast<char>((length - 1) & 255);
  } else if (length > 0) {
    out += static_cast<char>(length - 1);
  }
}

// visit(first index, run) for all runs. False if they do not cover the registers exactly.
template <typename F>
bool ForEachRun(std::string_view bytes, F&& visit) {
  int index = 0;
  for (std::size_t at = kHeaderSize; at < bytes.size();) {
    Run run = RunAt(bytes, at);
    if (run.length > kRegisters - index) return false;
    visit(index, run);
    index += run.length;
    at += run.size;
  }
  return index == kRegisters;
}

// Joins neighbours of equal value near `at`, five runs at most.
void JoinRuns(std::string& bytes, std::size_t at) {
  for (int looked = 0; at < bytes.size() && looked < 5; ++looked) {
    Run run = RunAt(bytes, at);
    if (run.value != 0 && at + 1 < bytes.size()) {
      Run next = RunAt(bytes, at + 1);
      if (next.value == run.value && run.length + next.length <= kSparseMaxRun) {
        bytes[at + 1] = ValueRun(run.value, run.length + next.length);
        bytes.erase(at, 1);
        continue;
      }
    }
    at += run.size;
  }
}

Result RaiseSparse(std::string& bytes, int index, std::uint8_t value, std::size_t sparse_max) {
  std::size_t at = kHeaderSize, previous = kHeaderSize;
  int first = 0;
  Run run{};
  for (; at < bytes.size(); first += run.length) {
    run = RunAt(bytes, at);
    if (index < first + run.length) break;
    previous = at;
    at += run.size;
  }
  if (at >= bytes.size()) return Result::kCorrupt;
  if (run.value >= value) return Result::kSame;
  std::string split;
  int before = index - first, behind = first + run.length - 1 - index;
  if (run.value == 0) AppendZeros(split, before);
  else if (before > 0) split += ValueRun(run.value, before);
  split += ValueRun(value, 1);
  if (run.value == 0) AppendZeros(split, behind);
  else if (behind > 0) split += ValueRun(run.value, behind);
  if (split.size() > run.size && bytes.size() + split.size() - run.size > sparse_max) {
    return MakeDense(bytes) ? RaiseDense(bytes.data(), index, value) : Result::kCorrupt;
  }
  bytes.replace(at, std::min(run.size, bytes.size() - at), split);
  JoinRuns(bytes, previous);
  return Result::kChanged;
}

// --- the estimate
using Histogram = std::array<int, kMaxRegister + 1>;

double Sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double y = 1, z = x, before;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (before != z);
  return z;
}

double Tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1, z = 1 - x, before;
  do {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  } while (before != z);
  return z / 3;
}

std::uint64_t EstimateFrom(const Histogram& counts) {
  constexpr double kAlpha = 0.721347520444481703680;  // 0.5 / ln 2
  constexpr double kCount = kRegisters;
  double z = kCount * Tau((kCount - counts[kHashBits + 1]) / kCount);
  for (int i = kHashBits; i >= 1; --i) {
    z += counts[static_cast<std::size_t>(i)];
    z *= 0.5;
  }
  z += kCount * Sigma(counts[0] / kCount);
  return static_cast<std::uint64_t>(std::llround(kAlpha * kCount * kCount / z));
}

}  // namespace

std::string Empty() {
  std::string bytes("HYLL\1\0\0\0\0\0\0\0\0\0\0\0", kHeaderSize);
  AppendZeros(bytes, kLongZerosMax);
  return bytes;
}

bool IsValid(std::string_view bytes) {
  if (bytes.size() < kHeaderSize || !bytes.starts_with("HYLL")) return false;
  auto encoding = static_cast<std::uint8_t>(bytes[4]);
  return encoding == 1 || (encoding == 0 && bytes.size() == kDenseSize);
}

Result AddDense(char* bytes, std::string_view element) {
  Hit hit = HitOf(element);
  return RaiseDense(bytes, hit.index, hit.value);
}

Result Add(std::string& bytes, std::string_view element, std::size_t sparse_max) {
  Hit hit = HitOf(element);
  return Raise(bytes, hit.index, hit.value, sparse_max);
}

Result Raise(std::string& bytes, int index, std::uint8_t value, std::size_t sparse_max) {
  if (!IsDense(bytes) && value > kSparseMaxValue && !MakeDense(bytes)) return Result::kCorrupt;
  return IsDense(bytes) ? RaiseDense(bytes.data(), index, value) : RaiseSparse(bytes, index, value, sparse_max);
}

bool MakeDense(std::string& bytes) {
  if (IsDense(bytes)) return true;
  std::string dense(kDenseSize, '\0');
  std::memcpy(dense.data(), bytes.data(), kHeaderSize);
  dense[4] = 0;
  bool good = ForEachRun(bytes, [&](int index, const Run& run) {
    for (int i = 0; i < run.length && run.value != 0; ++i) DenseSet(dense.data(), index + i, static_cast<unsigned>(run.value));
  });
  if (good) bytes = std::move(dense);
  return good;
}

bool MergeInto(Registers& registers, std::string_view bytes) {
  if (IsDense(bytes)) {
    for (int i = 0; i < kRegisters; ++i) {
      auto v = static_cast<std::uint8_t>(DenseGet(bytes.data(), i));
      auto& r = registers[static_cast<std::size_t>(i)];
      if (v > r) r = v;
    }
    return true;
  }
  return ForEachRun(bytes, [&](int index, const Run& run) {
    for (int i = index; i < index + run.length; ++i) {
      auto& r = registers[static_cast<std::size_t>(i)];
      if (run.value > r) r = static_cast<std::uint8_t>(run.value);
    }
  });
}

std::uint64_t Estimate(const Registers& registers) {
  Histogram counts{};
  for (std::uint8_t r : registers) ++counts[r & kMaxRegister];
  return EstimateFrom(counts);
}

bool Estimate(std::string_view bytes, std::uint64_t* cardinality) {
  Histogram counts{};
  bool good = true;
  if (IsDense(bytes)) {
    for (int i = 0; i < kRegisters; ++i) ++counts[DenseGet(bytes.data(), i)];
  } else {
    good = ForEachRun(bytes, [&](int, const Run& run) { counts[static_cast<std::size_t>(run.value)] += run.length; });
  }
  if (good) *cardinality = EstimateFrom(counts);
  return good;
}

bool Cached(std::string_view bytes, std::uint64_t* cardinality) {
  std::memcpy(cardinality, bytes.data() + 8, sizeof *cardinality);
  return (*cardinality >> 63) == 0;
}
void StoreCached(char* bytes, std::uint64_t cardinality) { std::memcpy(bytes + 8, &cardinality, sizeof cardinality); }

std::string Decode(std::string_view bytes) {
  std::string text;
  for (std::size_t at = kHeaderSize; at < bytes.size();) {
    Run run = RunAt(bytes, at);
    if (!text.empty()) text += ' ';
    if (run.value != 0) text += "v:" + std::to_string(run.value) + ',' + std::to_string(run.length);
    else text += (run.size == 2 ? "Z:" : "z:") + std::to_string(run.length);
    at += run.size;
  }
  return text;
}

}  // namespace slotwise::hyperloglog
