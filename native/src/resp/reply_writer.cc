#include "resp/reply_writer.h"

#include <array>
#include <charconv>

#include "base/double_text.h"

namespace slotwise {
namespace {

constexpr std::size_t kBlobByReference = 16 * 1024;

constexpr auto kTwoDigits = [] {
  std::array<char, 200> digits{};
  for (std::size_t i = 0; i < 100; ++i) {
    digits[2 * i] = static_cast<char>('0' + i / 10);
    digits[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return digits;
}();

// The digits of n into p; returns their end. What std::to_chars does for any number, cheaper for those below 100 million.
inline char* WriteDigits(char* p, std::int64_t n) {
  constexpr std::size_t kMost = 8;
  if (n < 0 || n >= 100'000'000) return std::to_chars(p, p + 21, n).ptr;
  auto rest = static_cast<std::uint32_t>(n);
  char digits[kMost];
  std::size_t at = kMost;
  while (rest >= 10) {
    at -= 2;
    std::memcpy(digits + at, &kTwoDigits[rest % 100 * 2], 2);
    rest /= 100;
  }
  if (rest > 0 || at == kMost) digits[--at] = static_cast<char>('0' + rest);
  std::memcpy(p, digits + at, kMost - at);
  return p + (kMost - at);
}

// "<kind><n>\r\n" into p; returns the length. p has room for 24 bytes.
inline std::size_t WriteHeader(char* p, char kind, std::int64_t n) {
  p[0] = kind;
  char* end;
  if (n >= 0 && n < 10) {
    p[1] = static_cast<char>('0' + n);
    end = p + 2;
  } else {
    end = WriteDigits(p + 1, n);
  }
  end[0] = '\r';
  end[1] = '\n';
  return static_cast<std::size_t>(end + 2 - p);
}

}  // namespace

void ReplyWriter::Header(char kind, std::int64_t n) { out_.Commit(WriteHeader(out_.Reserve(24), kind, n)); }

void ReplyWriter::Simple(std::string_view text) {
  char* p = out_.Reserve(text.size() + 3);
  *p = '+';
  std::memcpy(p + 1, text.data(), text.size());
  std::memcpy(p + 1 + text.size(), "\r\n", 2);
  out_.Commit(text.size() + 3);
}

void ReplyWriter::Error(std::string_view message) {
  ++errors_;
  while (message.ends_with('\r') || message.ends_with('\n')) message.remove_suffix(1);  // as Redis
  std::size_t space = message.find(' ');
  if (space == std::string_view::npos) space = message.size();
  code_size_ = static_cast<std::uint8_t>(space < sizeof code_ ? space : sizeof code_);
  std::memcpy(code_, message.data(), code_size_);
  char* p = out_.Reserve(message.size() + 3);
  *p = '-';
  for (std::size_t i = 0; i < message.size(); ++i) p[1 + i] = message[i] == '\r' || message[i] == '\n' ? ' ' : message[i];
  std::memcpy(p + 1 + message.size(), "\r\n", 2);
  out_.Commit(message.size() + 3);
}

void ReplyWriter::Integer(std::int64_t v) { Header(':', v); }

void ReplyWriter::Bulk(std::string_view bytes) {
  char* p = out_.Reserve(bytes.size() + 26);
  std::size_t n = WriteHeader(p, '$', static_cast<std::int64_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(p + n, bytes.data(), bytes.size());
  n += bytes.size();
  p[n] = '\r';
  p[n + 1] = '\n';
  out_.Commit(n + 2);
}

void ReplyWriter::BulkBlob(Blob* blob) {
  if (blob->size() < kBlobByReference) return Bulk(blob->view());
  Header('$', static_cast<std::int64_t>(blob->size()));
  out_.AppendBlob(blob);
  out_.Append("\r\n");
}

void ReplyWriter::BulkInteger(std::int64_t v) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, v).ptr;
  Bulk({digits, static_cast<std::size_t>(end - digits)});
}

void ReplyWriter::Null() { out_.Append(protocol_ == 3 ? "_\r\n" : "$-1\r\n"); }
void ReplyWriter::NullArray() { out_.Append(protocol_ == 3 ? "_\r\n" : "*-1\r\n"); }

void ReplyWriter::Bool(bool v) {
  if (protocol_ == 3) out_.Append(v ? "#t\r\n" : "#f\r\n");
  else out_.Append(v ? ":1\r\n" : ":0\r\n");
}

void ReplyWriter::Double(double v) {
  char digits[32];
  std::size_t n = PrintDouble(v, digits);
  if (protocol_ == 3) {
    char* p = out_.Reserve(n + 3);
    p[0] = ',';
    std::memcpy(p + 1, digits, n);
    std::memcpy(p + 1 + n, "\r\n", 2);
    out_.Commit(n + 3);
  } else {
    Bulk({digits, n});
  }
}

void ReplyWriter::Verbatim(std::string_view bytes, std::string_view extension) {
  if (protocol_ != 3) return Bulk(bytes);
  Header('=', static_cast<std::int64_t>(bytes.size() + 4));
  out_.Append(extension.substr(0, 3));
  out_.Append(":");
  out_.Append(bytes);
  out_.Append("\r\n");
}

}  // namespace slotwise
