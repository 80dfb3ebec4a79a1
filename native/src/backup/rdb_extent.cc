#include "backup/rdb_extent.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

#include "config/config.h"
#include "snapshot/rdb_file_reader.h"
#include "snapshot/rdb_file_source.h"

namespace slotwise {

Status MeasureRdb(File& file, const std::string& name, RdbExtent* out) {
  *out = RdbExtent();
  const Config config;
  RdbFileSource source(file);
  RdbReader in(source);
  RdbFileReader reader(in, config, std::numeric_limits<int>::max(), /*verify_checksum=*/true);
  RdbKey key;
  RdbString string;
  for (;;) {
    while (reader.NextString(&string)) ++out->keys;
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
