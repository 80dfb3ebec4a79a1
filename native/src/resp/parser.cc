#include "resp/parser.h"

#include <cstring>

#include "base/split_args.h"

namespace slotwise {
namespace {

enum class Line { kOk, kIncomplete, kBad };

// Reads "<digits>\r\n" (or -digits) at `*at`. kBad: not a number as Redis writes it (no leading zero, no -0), or more than 18
// digits.
Line ReadNumber(std::string_view in, std::size_t* at, std::int64_t* value) {
  std::size_t i = *at;
  bool negative = false;
  if (i < in.size() && in[i] == '-') {
    negative = true;
    ++i;
  }
  std::size_t first = i;
  std::uint64_t v = 0;
  while (i < in.size()) {
    unsigned digit = static_cast<unsigned char>(in[i]) - '0';
    if (digit > 9) break;
    if (i - first >= 18) {
      // Too many digits to be any legal length. It still takes a line end to be sure that this is a line.
      const void* end = std::memchr(in.data() + i, '\n', in.size() - i);
      return end == nullptr ? Line::kIncomplete : Line::kBad;
    }
    v = v * 10 + digit;
    ++i;
  }
  if (i == in.size()) return Line::kIncomplete;
  if (in[i] != '\r') {
    const void* end = std::memchr(in.data() + i, '\n', in.size() - i);
    return end == nullptr ? Line::kIncomplete : Line::kBad;
  }
  if (i + 1 == in.size()) return Line::kIncomplete;
  if (in[i + 1] != '\n' || i == first) return Line::kBad;
  if (in[first] == '0' && (negative || i - first > 1)) return Line::kBad;
  *value = negative ? -static_cast<std::int64_t>(v) : static_cast<std::int64_t>(v);
  *at = i + 2;
  return Line::kOk;
}

inline bool IsCrLf(const char* p) {
  std::uint16_t both;
  std::memcpy(&both, p, 2);
  return both == ('\r' | '\n' << 8);
}

// A length of one to three digits with its CR LF at p, of which at least five bytes can be read: returns where it ends, or
// null for anything else.
inline const char* ReadShortNumber(const char* p, std::size_t* value) {
  auto digit = [p](int i) { return static_cast<std::size_t>(static_cast<unsigned char>(p[i])) - '0'; };
  std::size_t v = digit(0);
  if (v > 9) return nullptr;
  *value = v;
  if (IsCrLf(p + 1)) return p + 3;
  if (v == 0 || digit(1) > 9) return nullptr;
  *value = v = v * 10 + digit(1);
  if (IsCrLf(p + 2)) return p + 4;
  if (digit(2) > 9) return nullptr;
  *value = v * 10 + digit(2);
  return IsCrLf(p + 3) ? p + 5 : nullptr;
}

// What nearly every command is: an array that is there to its end, of lengths of three digits at most. Returns its size, or 0
// for whatever else there may be, with `args` as it was.
std::size_t TakeShortCommand(std::string_view input, const ParserLimits& limits, std::vector<std::string_view>& args) {
  constexpr std::ptrdiff_t kHeader = 6;  // of the shortest bulk, "$0 CRLF CRLF"
  const char* p = input.data();
  const char* const end = p + input.size();
  std::size_t count;
  if (end - p < kHeader || (p = ReadShortNumber(p + 1, &count)) == nullptr) return 0;
  if (count == 0 || count > static_cast<std::size_t>(limits.max_args)) return 0;
  const std::size_t before = args.size();
  auto give_up = [&] {
    args.resize(before);
    return std::size_t{0};
  };
  for (; count > 0; --count) {
    std::size_t length;
    if (end - p < kHeader || *p != '$' || (p = ReadShortNumber(p + 1, &length)) == nullptr) return give_up();
    if (static_cast<std::int64_t>(length) > limits.max_bulk) return give_up();
    if (static_cast<std::size_t>(end - p) < length + 2 || !IsCrLf(p + length)) return give_up();
    args.emplace_back(p, length);
    p += length + 2;
  }
  return static_cast<std::size_t>(p - input.data());
}

}  // namespace

RespParser::Result RespParser::Next(std::string_view input, const ParserLimits& limits, std::vector<std::string_view>& args,
                                    std::size_t* consumed) {
  missing_ = 0;
  if (input.empty()) return Result::kIncomplete;
  if (!partial_) {
    if (input[0] != '*') return NextInline(input, limits, args, consumed);
    if (limits.authenticated) [[likely]] {
      if (std::size_t size = TakeShortCommand(input, limits, args); size > 0) {
        *consumed = size;
        return Result::kCommand;
      }
    }
  }

  const std::size_t before = args.size();
  std::size_t at = 1;
  std::int64_t left = 0;
  std::int64_t bulk = -1;
  bool header_done = false;
  if (partial_) {
    at = partial_->position;
    left = partial_->args_left;
    bulk = partial_->bulk;
    header_done = true;
    for (const Span& s : partial_->args) args.emplace_back(input.data() + s.offset, s.size);
  }
  auto incomplete = [&] {
    if (!header_done) return Result::kIncomplete;  // a few bytes: parsing them again is cheaper than remembering
    if (!partial_) partial_ = std::make_unique<Partial>();
    partial_->position = at;
    partial_->args_left = left;
    partial_->bulk = bulk;
    for (std::size_t i = before + partial_->args.size(); i < args.size(); ++i) {
      partial_->args.push_back({static_cast<std::size_t>(args[i].data() - input.data()), args[i].size()});
    }
    if (bulk >= 0) {
      std::size_t end = at + static_cast<std::size_t>(bulk) + 2;
      missing_ = end > input.size() ? end - input.size() : 0;
    }
    args.resize(before);
    return Result::kIncomplete;
  };
  auto fail = [&](const char* why) {
    args.resize(before);
    return Fail(why);
  };

  if (!header_done) {
    switch (ReadNumber(input, &at, &left)) {
      case Line::kIncomplete:
        if (input.size() > limits.max_inline) return fail("Protocol error: too big mbulk count string");
        return Result::kIncomplete;
      case Line::kBad:
        return fail("Protocol error: invalid multibulk length");
      case Line::kOk:
        break;
    }
    if (left > limits.max_args) return fail("Protocol error: invalid multibulk length");
    if (left > 10 && !limits.authenticated) return fail("Protocol error: unauthenticated multibulk length");
    if (left <= 0) {
      *consumed = at;
      return Result::kCommand;
    }
    header_done = true;
  }

  while (left > 0) {
    if (bulk < 0) {
      if (at == input.size()) return incomplete();
      if (input[at] != '$') {
        char c = input[at];
        error_storage_ = "Protocol error: expected '$', got '";
        error_storage_ += c >= 0x20 && c < 0x7f ? c : c == '\r' || c == '\n' ? ' ' : '?';
        error_storage_ += '\'';
        return fail(error_storage_.c_str());
      }
      std::size_t line = at;
      ++at;
      std::int64_t length;
      switch (ReadNumber(input, &at, &length)) {
        case Line::kIncomplete:
          if (input.size() - line > limits.max_inline) return fail("Protocol error: too big bulk count string");
          at = line;
          return incomplete();
        case Line::kBad:
          return fail("Protocol error: invalid bulk length");
        case Line::kOk:
          break;
      }
      if (length < 0 || length > limits.max_bulk) return fail("Protocol error: invalid bulk length");
      if (length > 16384 && !limits.authenticated) return fail("Protocol error: unauthenticated bulk length");
      bulk = length;
    }
    auto length = static_cast<std::size_t>(bulk);
    if (input.size() - at < length + 2) return incomplete();
    if (!IsCrLf(input.data() + at + length)) return fail("Protocol error: expected CRLF after bulk");
    args.emplace_back(input.data() + at, length);
    at += length + 2;
    bulk = -1;
    --left;
  }
  partial_.reset();
  *consumed = at;
  return Result::kCommand;
}

RespParser::Result RespParser::NextInline(std::string_view input, const ParserLimits& limits, std::vector<std::string_view>& args,
                                          std::size_t* consumed) {
  // No command line begins with a control byte: a NUL, or the first byte of a TLS hello.
  auto first = static_cast<unsigned char>(input[0]);
  if (first < 0x20 && first != '\r' && first != '\n' && first != '\t') return Fail("Protocol error: unexpected control byte");
  std::size_t scan = input.size() < limits.max_inline + 1 ? input.size() : limits.max_inline + 1;
  const void* newline = std::memchr(input.data(), '\n', scan);
  if (newline == nullptr) {
    if (input.size() > limits.max_inline) return Fail("Protocol error: too big inline request");
    return Result::kIncomplete;
  }
  auto end = static_cast<std::size_t>(static_cast<const char*>(newline) - input.data());
  std::size_t length = end > 0 && input[end - 1] == '\r' ? end - 1 : end;
  auto words = std::make_unique<std::vector<std::string>>();
  if (!SplitArgs(input.substr(0, length), words.get())) return Fail("Protocol error: unbalanced quotes in request");
  for (const std::string& w : *words) args.emplace_back(w);
  if (!words->empty()) inline_words_.push_back(std::move(words));
  *consumed = end + 1;
  return Result::kCommand;
}

}  // namespace slotwise
