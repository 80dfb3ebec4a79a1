#include "log/log_reader.h"

namespace slotwise {
namespace {

constexpr std::size_t kFileReadSize = 256 * 1024;

}  // namespace

LogReader::~LogReader() {
  if (chunk_ != nullptr) log_.buffer().Unpin(chunk_);
}

std::string_view LogReader::Peek(std::uint64_t end) {
  lost_ = false;
  if (offset_ >= end) return {};
  if (chunk_ != nullptr) {
    if (std::string_view bytes = LogBuffer::Bytes(chunk_, offset_, end); !bytes.empty()) return bytes;
  }
  chunk_ = log_.buffer().Pin(offset_, chunk_);
  if (chunk_ != nullptr) {
    if (!from_file_.empty()) from_file_ = {};  // it has caught up
    return LogBuffer::Bytes(chunk_, offset_, end);
  }
  if (offset_ < file_begin_ || offset_ >= file_begin_ + from_file_.size()) {
    from_file_.resize(kFileReadSize);
    std::int64_t n = log_.ReadBack(offset_, from_file_.data(), from_file_.size());
    from_file_.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    file_begin_ = offset_;
    if (n <= 0) {
      lost_ = true;
      return {};
    }
  }
  std::size_t at = static_cast<std::size_t>(offset_ - file_begin_);
  std::string_view bytes(from_file_.data() + at, from_file_.size() - at);
  return bytes.substr(0, static_cast<std::size_t>(end - offset_));
}

}  // namespace slotwise
