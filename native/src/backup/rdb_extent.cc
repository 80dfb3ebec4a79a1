#include "backup/rdb_extent.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

#include "config/config.h"
#include "snapshot/rdb_file_reader.h"

namespace slotwise {
namespace {

class FileSource final : public RdbSource {
 public:
  explicit FileSource(File& file) : file_(file) {}
  std::size_t Read(char* into, std::size_t size) override {
    std::int64_t n = file_.ReadAt(at_, into, size);
    if (n < 0) error_ = static_cast<int>(-n);
    if (n <= 0) return 0;
    at_ += static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  }
  int error() const { return error_; }

 private:
  File& file_;
  std::uint64_t at_ = 0;
  int error_ = 0;
};

}  // namespace

Status MeasureRdb(File& file, const std::string& name, RdbExtent* out) {
  *out = RdbExtent();
  const Config config;
  FileSource source(file);
  RdbReader in(source);
  RdbFileReader reader(in, config, std::numeric_limits<int>::max(), /*verify_checksum=*/true);
  RdbKey key;
  for (;;) {
    key.value.Reset();
    switch (reader.Next(&key)) {
      case RdbFileReader::Event::kKey: ++out->keys; break;
      case RdbFileReader::Event::kAux:
        if (reader.aux_name() == "ctime") {
          const std::string& text = reader.aux_value();
          std::from_chars(text.data(), text.data() + text.size(), out->created_seconds);
        }
        break;
      case RdbFileReader::Event::kEnd: out->end = in.offset(); return Status::Ok();
      case RdbFileReader::Event::kError:
        return Status::Error(EIO, "The RDB part of " + name + " is damaged, " +
                                      (source.error() != 0 ? std::string("reading it failed: ") + std::strerror(source.error()) : reader.error()));
    }
  }
}

Status RdbEndOf(File& file, const std::string& name, std::uint64_t* end) {
  RdbExtent extent;
  Status status = MeasureRdb(file, name, &extent);
  *end = extent.end;
  return status;
}

}  // namespace slotwise
