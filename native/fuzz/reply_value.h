// A RESP2 reply as a value, for fuzz targets that judge replies. A reply that does not parse to its end is a bug of the
// server's, so it aborts.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise::fuzz {

struct Value {
  char kind = ' ';          // the first byte; ' ' for no reply at all
  bool null = false;
  std::string text;         // simple strings, errors, bulk strings
  std::int64_t number = 0;  // integers; -1 for null
  std::vector<Value> items;
};

inline std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
    bool plain = c >= ' ' && c < 127 && c != '"' && c != '\\';
    out += plain ? std::string(1, c) : std::string(hex);
  }
  return out + "\"";
}

namespace detail {

[[noreturn]] inline void Malformed(std::string_view text) {
  std::fprintf(stderr, "malformed reply: %s\n", Quoted(text).c_str());
  std::abort();
}

inline Value ParseAt(std::string_view text, std::size_t* at) {
  std::size_t end = text.find("\r\n", *at);
  if (*at >= text.size() || end == std::string_view::npos) Malformed(text);
  Value value;
  value.kind = text[*at];
  std::string line(text.substr(*at + 1, end - *at - 1));
  *at = end + 2;
  switch (value.kind) {
    case '+':
    case '-':
      value.text = line;
      return value;
    case ':':
      value.number = std::strtoll(line.c_str(), nullptr, 10);
      return value;
    case '$': {
      long size = std::strtol(line.c_str(), nullptr, 10);
      if (size < 0) {
        value.null = true;
        value.number = -1;
        return value;
      }
      auto length = static_cast<std::size_t>(size);
      if (*at + length + 2 > text.size() || text.substr(*at + length, 2) != "\r\n") Malformed(text);
      value.text = text.substr(*at, length);
      *at += length + 2;
      return value;
    }
    case '*': {
      long count = std::strtol(line.c_str(), nullptr, 10);
      value.null = count < 0;
      for (long i = 0; i < count; ++i) value.items.push_back(ParseAt(text, at));
      return value;
    }
    default:
      Malformed(text);
  }
}

}  // namespace detail

inline Value ParseReply(std::string_view text) {
  std::size_t at = 0;
  Value value = detail::ParseAt(text, &at);
  if (at != text.size()) detail::Malformed(text);
  return value;
}

}  // namespace slotwise::fuzz
