// Splits what a client sent into commands: arrays of bulk strings (RESP) or inline lines. Arguments are views into the
// input buffer, nothing is copied; only what an incomplete command has already been found to contain is remembered, so
// that a big command arriving in pieces is not parsed again from its start.
// Lengths are checked when they are read; no memory is taken on a client's word.
// Errors and limits: Redis's own texts ("Protocol error: ..."). One deliberate difference: the two bytes after a bulk
// must be CR LF. Source: Redis protocol specification.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise {

struct ParserLimits {
  std::int64_t max_args = 1024 * 1024;
  std::int64_t max_bulk = 512ll * 1024 * 1024;   // proto-max-bulk-len
  std::size_t max_inline = 64 * 1024;            // also the longest length line
  bool authenticated = true;                     // false: at most 10 arguments of 16 KiB
};

class RespParser {
 public:
  enum class Result { kCommand, kIncomplete, kError };

  // `input` begins where the last complete command ended, and is the same bytes as before (wherever they lie now) plus
  // what has arrived since. kCommand: the command's views were added to `args` (possibly none: an empty line, "*0") and
  // `*consumed` is the number of its bytes. kIncomplete: more input is needed. kError: error() says why, in Redis's words
  // without "ERR". `args` is as it was after these two.
  Result Next(std::string_view input, const ParserLimits& limits, std::vector<std::string_view>& args, std::size_t* consumed);

  const char* error() const { return error_; }
  // The bulk being read needs this many more bytes than are there (0: unknown): how much to read at least.
  std::size_t missing() const { return missing_; }
  // Of an incomplete command: how many bytes of it need not be looked at again, and what is remembered about them.
  std::size_t parsed() const { return partial_ ? partial_->position : 0; }
  std::size_t memory() const { return partial_ ? sizeof(Partial) + partial_->args.capacity() * sizeof(Span) : 0; }
  // Inline commands unquote their words; the unquoted bytes live here until the next call of Recycle().
  void Recycle() { if (!inline_words_.empty()) inline_words_.clear(); }

 private:
  struct Span { std::size_t offset; std::size_t size; };
  struct Partial {
    std::size_t position = 0;      // parsed up to here
    std::int64_t args_left = 0;
    std::int64_t bulk = -1;        // length of the bulk under way; -1: its header comes next
    std::vector<Span> args;
  };

  Result NextInline(std::string_view input, const ParserLimits& limits, std::vector<std::string_view>& args, std::size_t* consumed);
  Result Fail(const char* why) { error_ = why; partial_.reset(); return Result::kError; }

  std::unique_ptr<Partial> partial_;
  std::vector<std::unique_ptr<std::vector<std::string>>> inline_words_;
  const char* error_ = "";
  std::string error_storage_;
  std::size_t missing_ = 0;
};

}  // namespace slotwise
