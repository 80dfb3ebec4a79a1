#include "snapshot/lzf.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace slotwise {
namespace {

constexpr std::size_t kMaxLiteral = 32;
constexpr std::size_t kMaxOffset = 8192;
constexpr std::size_t kMinMatch = 3;
constexpr std::size_t kMaxMatch = 264;
constexpr unsigned kHashBits = 14;

std::uint32_t Three(const std::uint8_t* p) { return p[0] | static_cast<std::uint32_t>(p[1]) << 8 | static_cast<std::uint32_t>(p[2]) << 16; }

void Literals(std::string& out, const std::uint8_t* from, std::size_t n) {
  while (n > 0) {
    std::size_t run = std::min(n, kMaxLiteral);
    out.push_back(static_cast<char>(run - 1));
    out.append(reinterpret_cast<const char*>(from), run);
    from += run;
    n -= run;
  }
}

}  // namespace

std::size_t LzfCompress(std::string_view bytes, std::size_t limit, std::string& out) {
  const std::size_t start = out.size();
  auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const std::size_t size = bytes.size();
  // Position + 1 of the last place where three bytes with this hash stood; 0: none.
  std::uint32_t last[1u << kHashBits] = {};
  std::size_t at = 0;
  std::size_t literal = 0;  // first byte not written yet
  while (at + kMinMatch <= size) {
    std::uint32_t hash = (Three(in + at) * 2654435761u << 8) >> (32 - kHashBits);
    std::size_t candidate = last[hash];
    last[hash] = static_cast<std::uint32_t>(at + 1);
    std::size_t offset = candidate == 0 ? 0 : at - (candidate - 1);
    if (offset == 0 || offset > kMaxOffset || std::memcmp(in + at, in + candidate - 1, kMinMatch) != 0) {
      ++at;
      continue;
    }
    std::size_t most = std::min(size - at, kMaxMatch);
    std::size_t n = kMinMatch;
    while (n < most && in[at + n] == in[at - offset + n]) ++n;
    Literals(out, in + literal, at - literal);
    std::size_t code = n - 2;
    std::size_t back = offset - 1;
    out.push_back(static_cast<char>((code < 7 ? code : 7) << 5 | back >> 8));
    if (code >= 7) out.push_back(static_cast<char>(code - 7));
    out.push_back(static_cast<char>(back & 255));
    at += n;
    literal = at;
    if (out.size() - start > limit) break;
  }
  Literals(out, in + literal, size - literal);
  std::size_t compressed = out.size() - start;
  if (compressed <= limit) return compressed;
  out.resize(start);
  return 0;
}

bool LzfDecompress(std::string_view bytes, char* out, std::size_t size) {
  auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const std::uint8_t* end = in + bytes.size();
  std::size_t at = 0;
  while (in < end) {
    std::size_t code = *in++;
    if (code < kMaxLiteral) {
      std::size_t n = code + 1;
      if (n > static_cast<std::size_t>(end - in) || n > size - at) return false;
      std::memcpy(out + at, in, n);
      in += n;
      at += n;
      continue;
    }
    std::size_t n = code >> 5;
    if (n == 7) {
      if (in == end) return false;
      n += *in++;
    }
    if (in == end) return false;
    std::size_t back = ((code & 31) << 8 | *in++) + 1;
    n += 2;
    if (back > at || n > size - at) return false;
    // Byte by byte where the two overlap: a reference may run into what it is writing.
    if (back >= n) std::memcpy(out + at, out + at - back, n);
    else for (std::size_t i = 0; i < n; ++i) out[at + i] = out[at + i - back];
    at += n;
  }
  return at == size;
}

}  // namespace slotwise
