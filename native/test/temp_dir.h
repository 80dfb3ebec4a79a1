// A directory of the real file system for one test, removed with what is in it.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace slotwise::test {

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/slotwise-test-XXXXXX";
    path_ = mkdtemp(name);  // null would throw: there is nothing a test could do without it
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace slotwise::test
