// A logger that keeps its lines, so that tests can ask what was said.
#pragma once
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/logger.h"

namespace slotwise::test {

class CollectingLogger final : public Logger {
 public:
  void Log(LogLevel, std::string_view message) override {
    std::lock_guard<std::mutex> guard(mutex_);
    lines_.emplace_back(message);
  }
  bool Contains(std::string_view text) const {
    std::lock_guard<std::mutex> guard(mutex_);
    for (const std::string& line : lines_) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }
  std::string All() const {
    std::lock_guard<std::mutex> guard(mutex_);
    std::string all;
    for (const std::string& line : lines_) all += line + "\n";
    return all;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace slotwise::test
