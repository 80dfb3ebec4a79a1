// Reads one command of an AOF from a buffer: strict RESP (array of bulk strings, CR LF checked, lengths bounded before
// anything is allocated) or a `#` annotation. Pure: the caller owns the buffer and knows where the file ends. The loader
// and check_aof share it, so what one accepts the other calls valid.
// Source: specs aof.md sections 3.1, 7, 8.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise {

inline constexpr std::uint64_t kScanArgumentSizeMax = 512ull << 20;  // proto-max-bulk-len of Redis
inline constexpr std::size_t kScanAnnotationSizeMax = 1024;
inline constexpr std::size_t kScanHeaderSizeMax = 32;  // "*2147483647\r\n" fits; zero padding beyond this does not

enum class ScanResult {
  kCommand,     // argv is filled, `size` bytes
  kAnnotation,  // a `#` line, `size` bytes with its line end
  kNeedMore,    // the buffer ends inside it: look again with `need` bytes; it is certainly not shorter than `least`
  kBad,         // not RESP: see `bad`
};

struct ScanBad {
  enum class What {
    kStart,   // neither `*` nor `#` where a command should begin
    kPrefix,  // not `$` where an argument should begin
    kNumber,  // count or length is not a number, or out of range
    kCrLf,    // a header or an argument is not followed by CR LF
    kLine,    // an annotation that does not end
  };
  What what = What::kStart;
  std::size_t at = 0;       // of the offending byte, from the start of the command
  std::size_t element = 0;  // of the header or argument that contains it
  std::string Describe(std::string_view bytes) const;  // "expected '$', found 'x'"
};

struct Scan {
  ScanResult result = ScanResult::kNeedMore;
  std::size_t size = 0;
  std::size_t need = 0;
  std::uint64_t least = 0;
  ScanBad bad;
};

// `argv` is cleared; its views point into `bytes`.
Scan ScanCommand(std::string_view bytes, std::vector<std::string_view>* argv);

// ASCII, without regard to case. `lower` is lower case.
bool IsCommand(std::string_view name, std::string_view lower);

}  // namespace slotwise
