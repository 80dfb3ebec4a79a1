#include "replication/peer_text.h"

#include <algorithm>
#include <charconv>

namespace slotwise {

std::string CommandText(std::initializer_list<std::string_view> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (std::string_view w : words) {
    text += "$" + std::to_string(w.size()) + "\r\n";
    text += w;
    text += "\r\n";
  }
  return text;
}

std::string PrintableLine(std::string_view text) {
  std::string out(text.substr(0, 128));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '.';
  }
  return out;
}

std::int64_t ParseCount(std::string_view text) {
  std::int64_t value = -1;
  if (text.empty() || text[0] == '-' || text[0] == '+') return -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

bool IsReplicationId(std::string_view text) {
  constexpr std::size_t kSize = 40;
  return text.size() == kSize && std::all_of(text.begin(), text.end(), [](char c) { return c > 32 && c < 127; });
}

std::string_view TakeWord(std::string_view* text) {
  const std::string_view word = text->substr(0, text->find(' '));
  text->remove_prefix(word.size() == text->size() ? word.size() : word.size() + 1);
  return word;
}

}  // namespace slotwise
