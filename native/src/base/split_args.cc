#include "base/split_args.h"

#include <cstddef>

namespace slotwise {
namespace {

// What separates words; inside a line it is wider than what ends a word (no \v or \f there). Redis is like that.
bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool EndsWord(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Unescape(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

// `*at` is behind the opening quote; leaves it behind the closing one. False if there is none, or more word behind it.
bool ReadDoubleQuoted(std::string_view line, std::size_t* at, std::string* word) {
  std::size_t i = *at;
  for (; i < line.size() && line[i] != '"'; ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      word->push_back(line[i]);
      continue;
    }
    if (line[i + 1] == 'x' && i + 3 < line.size() && HexDigit(line[i + 2]) >= 0 && HexDigit(line[i + 3]) >= 0) {
      word->push_back(static_cast<char>(HexDigit(line[i + 2]) * 16 + HexDigit(line[i + 3])));
      i += 3;
    } else {
      word->push_back(Unescape(line[++i]));
    }
  }
  *at = i + 1;
  return i < line.size() && (i + 1 == line.size() || IsBlank(line[i + 1]));
}

bool ReadSingleQuoted(std::string_view line, std::size_t* at, std::string* word) {
  std::size_t i = *at;
  for (; i < line.size() && line[i] != '\''; ++i) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '\'') ++i;
    word->push_back(line[i]);
  }
  *at = i + 1;
  return i < line.size() && (i + 1 == line.size() || IsBlank(line[i + 1]));
}

// A quoted part ends its word, so `a"b"` is one word and `"a"b` is an error.
bool ReadWord(std::string_view line, std::size_t* at, std::string* word) {
  while (*at < line.size() && !EndsWord(line[*at])) {
    const char c = line[(*at)++];
    if (c == '"') return ReadDoubleQuoted(line, at, word);
    if (c == '\'') return ReadSingleQuoted(line, at, word);
    word->push_back(c);
  }
  return true;
}

}  // namespace

bool SplitArgs(std::string_view line, std::vector<std::string>* out) {
  out->clear();
  line = line.substr(0, line.find('\0'));
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && IsBlank(line[at])) ++at;
    if (at >= line.size()) return true;
    if (!ReadWord(line, &at, &out->emplace_back())) {
      out->clear();
      return false;
    }
  }
}

void AppendQuoted(std::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"':
        out->push_back('\\');
        out->push_back(c);
        break;
      case '\n': out->append("\\n"); break;
      case '\r': out->append("\\r"); break;
      case '\t': out->append("\\t"); break;
      case '\a': out->append("\\a"); break;
      case '\b': out->append("\\b"); break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
          out->push_back(c);
        } else {
          out->append("\\x");
          out->push_back(kHex[byte >> 4]);
          out->push_back(kHex[byte & 15]);
        }
      }
    }
  }
  out->push_back('"');
}

}  // namespace slotwise
