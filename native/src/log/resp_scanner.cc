#include "log/resp_scanner.h"

#include <cstdio>
#include <cstring>

namespace slotwise {
namespace {

constexpr std::uint64_t kArgumentSizeMin = 6;  // "$0\r\n\r\n"

enum class Header { kOk, kNeedMore, kBadNumber, kBadCrLf };

// The digits behind `*` or `$` and the CR LF. On kOk `*pos` is behind it; else it is where the offending byte is.
inline Header ReadHeader(const char* p, const char* end, std::uint64_t max, const char** pos, std::uint64_t* value) {
  const char* limit = end - p > static_cast<std::ptrdiff_t>(kScanHeaderSizeMax) ? p + kScanHeaderSizeMax : end;
  const char* q = p;
  std::uint64_t n = 0;
  while (q < limit && static_cast<unsigned char>(*q - '0') <= 9) {
    n = n * 10 + static_cast<unsigned char>(*q - '0');
    if (n > max) {
      *pos = q;
      return Header::kBadNumber;
    }
    ++q;
  }
  *pos = q;
  if (q == limit) return limit == end ? Header::kNeedMore : Header::kBadNumber;
  if (q == p) return Header::kBadNumber;
  if (*q != '\r') return Header::kBadCrLf;
  if (q + 1 == end) return Header::kNeedMore;
  if (q[1] != '\n') {
    *pos = q + 1;
    return Header::kBadCrLf;
  }
  *pos = q + 2;
  *value = n;
  return Header::kOk;
}

Scan Bad(ScanBad::What what, std::ptrdiff_t at, std::ptrdiff_t element) {
  Scan scan;
  scan.result = ScanResult::kBad;
  scan.bad = {what, static_cast<std::size_t>(at), static_cast<std::size_t>(element)};
  return scan;
}

Scan NeedMore(std::uint64_t need, std::uint64_t least = 0) {
  Scan scan;
  scan.result = ScanResult::kNeedMore;
  scan.need = static_cast<std::size_t>(need);
  scan.least = least > need ? least : need;
  return scan;
}

Scan ScanAnnotation(std::string_view bytes) {
  std::size_t end = bytes.substr(0, kScanAnnotationSizeMax).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() < kScanAnnotationSizeMax) return NeedMore(bytes.size() + 1);
    return Bad(ScanBad::What::kLine, kScanAnnotationSizeMax - 1, 0);
  }
  Scan scan;
  scan.result = ScanResult::kAnnotation;
  scan.size = end + 1;
  return scan;
}

}  // namespace

Scan ScanCommand(std::string_view bytes, std::vector<std::string_view>* argv) {
  argv->clear();
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  if (bytes.empty()) return NeedMore(1);
  if (*begin == '#') return ScanAnnotation(bytes);
  if (*begin != '*') return Bad(ScanBad::What::kStart, 0, 0);
  const char* p = begin + 1;
  std::uint64_t count = 0;
  const char* pos = p;
  switch (ReadHeader(p, end, INT32_MAX, &pos, &count)) {
    case Header::kOk: break;
    case Header::kNeedMore: return NeedMore(bytes.size() + 1);
    case Header::kBadNumber: return Bad(ScanBad::What::kNumber, pos - begin, 0);
    case Header::kBadCrLf: return Bad(ScanBad::What::kCrLf, pos - begin, 0);
  }
  if (count == 0) return Bad(ScanBad::What::kNumber, 1, 0);
  p = pos;
  for (std::uint64_t i = 0; i < count; ++i) {
    const char* element = p;
    if (p == end) return NeedMore(bytes.size() + 1, bytes.size() + (count - i) * kArgumentSizeMin);
    if (*p != '$') return Bad(ScanBad::What::kPrefix, p - begin, p - begin);
    std::uint64_t length = 0;
    switch (ReadHeader(p + 1, end, kScanArgumentSizeMax, &pos, &length)) {
      case Header::kOk: break;
      case Header::kNeedMore: return NeedMore(bytes.size() + 1);
      case Header::kBadNumber: return Bad(ScanBad::What::kNumber, pos - begin, element - begin);
      case Header::kBadCrLf: return Bad(ScanBad::What::kCrLf, pos - begin, element - begin);
    }
    p = pos;
    std::uint64_t left = static_cast<std::uint64_t>(end - p);
    if (left < length + 2) {
      // Bytes that are there and wrong are an error now; bytes that are missing are not.
      if (left == length + 1 && p[length] != '\r') return Bad(ScanBad::What::kCrLf, p + length - begin, element - begin);
      std::uint64_t need = static_cast<std::uint64_t>(p - begin) + length + 2;
      return NeedMore(need, need + (count - i - 1) * kArgumentSizeMin);
    }
    if (p[length] != '\r' || p[length + 1] != '\n') {
      return Bad(ScanBad::What::kCrLf, p + length + (p[length] == '\r' ? 1 : 0) - begin, element - begin);
    }
    argv->emplace_back(p, static_cast<std::size_t>(length));
    p += length + 2;
  }
  Scan scan;
  scan.result = ScanResult::kCommand;
  scan.size = static_cast<std::size_t>(p - begin);
  return scan;
}

std::string ScanBad::Describe(std::string_view bytes) const {
  char found[16] = "the end";
  if (at < bytes.size()) {
    auto c = static_cast<unsigned char>(bytes[at]);
    std::snprintf(found, sizeof(found), c > ' ' && c < 127 ? "'%c'" : "byte 0x%02x", static_cast<unsigned>(c));
  }
  const char* expected = "";
  switch (what) {
    case What::kStart: expected = "'*'"; break;
    case What::kPrefix: expected = "'$'"; break;
    case What::kNumber: expected = "a number in range"; break;
    case What::kCrLf: expected = "CR LF"; break;
    case What::kLine: expected = "the end of an annotation line"; break;
  }
  return std::string("expected ") + expected + ", found " + found;
}

bool IsCommand(std::string_view name, std::string_view lower) {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((name[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

}  // namespace slotwise
