#include "replication/history_file.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

#include "base/crc32c.h"

namespace slotwise {
namespace {

constexpr std::string_view kHead = "slotwise replication history 1\n";
constexpr std::size_t kIdSize = 40;
constexpr std::int64_t kOffsetMax = std::int64_t{1} << 53;
constexpr std::size_t kSumSize = 16;  // "crc32c 01234567\n"

std::string SumLine(std::string_view text) {
  char line[kSumSize + 1];
  std::snprintf(line, sizeof line, "crc32c %08x\n", Crc32c(text));
  return line;
}

// Takes "<word> " off the front of `text`, which ends a line or a value.
bool Take(std::string_view word, std::string_view* text) {
  if (!text->starts_with(word)) return false;
  text->remove_prefix(word.size());
  return true;
}

bool TakeNumber(char end, std::string_view* text, std::int64_t* value) {
  auto [at, error] = std::from_chars(text->data(), text->data() + text->size(), *value);
  if (error != std::errc() || at == text->data() + text->size() || *at != end) return false;
  text->remove_prefix(static_cast<std::size_t>(at - text->data()) + 1);
  return true;
}

bool TakeId(char end, std::string_view* text, std::string* id) {
  if (text->size() <= kIdSize || (*text)[kIdSize] != end) return false;
  *id = text->substr(0, kIdSize);
  text->remove_prefix(kIdSize + 1);
  return true;
}

}  // namespace

std::string PrintHistory(const SavedHistory& h) {
  std::string text(kHead);
  text += "id " + h.id + "\nprevious " + h.previous_id + " " + std::to_string(h.previous_end) + "\noffsets " + std::to_string(h.begin_offset) + " " +
          std::to_string(h.first) + "\nsegment " + h.segment + "\n";
  return text + SumLine(text);
}

bool ParseHistory(std::string_view text, SavedHistory* h) {
  if (text.size() < kSumSize || SumLine(text.substr(0, text.size() - kSumSize)) != text.substr(text.size() - kSumSize)) return false;
  text.remove_suffix(kSumSize);
  if (!Take(kHead, &text) || !Take("id ", &text) || !TakeId('\n', &text, &h->id) || !Take("previous ", &text) || !TakeId(' ', &text, &h->previous_id) ||
      !TakeNumber('\n', &text, &h->previous_end) || !Take("offsets ", &text) || !TakeNumber(' ', &text, &h->begin_offset) ||
      !TakeNumber('\n', &text, &h->first) || !Take("segment ", &text) || text.empty() || text.back() != '\n') {
    return false;
  }
  text.remove_suffix(1);
  h->segment = text;
  return h->first >= 1 && !text.empty();
}

void StreamPlaceReader::Field(std::string_view name, std::string_view value) {
  const char* end = value.data() + value.size();
  if (name == "repl-id") {
    const bool is_name = value.size() == kIdSize && std::all_of(value.begin(), value.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; });
    place_.id = is_name ? value : std::string_view();
  } else if (name == "repl-offset") {
    auto [at, error] = std::from_chars(value.data(), end, place_.offset);
    has_offset_ = error == std::errc() && at == end && place_.offset >= 0 && place_.offset < kOffsetMax;
  } else if (name == "repl-stream-db") {
    auto [at, error] = std::from_chars(value.data(), end, place_.db);
    has_db_ = error == std::errc() && at == end && place_.db >= -1;
  }
}

std::optional<StreamPlace> StreamPlaceReader::place() const {
  if (place_.id.empty() || !has_offset_ || !has_db_) return std::nullopt;
  return place_;
}

}  // namespace slotwise
