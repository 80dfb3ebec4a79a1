// What a core operation that can fail returns instead of throwing: an errno-like code and a sentence for a person.
#pragma once
#include <string>
#include <utility>

namespace slotwise {

class [[nodiscard]] Status {
 public:
  Status() = default;  // success
  static Status Ok() { return Status(); }
  // `code`: an errno value where one exists, else a positive code of the caller's choosing.
  static Status Error(int code, std::string message) {
    Status s;
    s.code_ = code == 0 ? -1 : code;
    s.message_ = std::move(message);
    return s;
  }
  bool ok() const { return code_ == 0; }
  int code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  int code_ = 0;
  std::string message_;
};

}  // namespace slotwise
