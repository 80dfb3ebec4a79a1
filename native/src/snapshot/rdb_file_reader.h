// Reads an RDB file: frame, databases, and one key after the other. Decides nothing about keys: expired ones, duplicates
// and where values go are the business of whoever asked. Source: spec rdb.md sections 1, 2, 15.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/rdb_reader.h"
#include "snapshot/value_codec.h"

namespace slotwise {

struct RdbKey {
  int db = 0;
  std::string key;
  std::int64_t expire_at_ms = kNoExpire;
  std::int64_t idle_seconds = -1;  // -1: not said
  int frequency = -1;              // -1: not said
  LoadedValue value;
};

// What nearly all keys of nearly all files are: a string. The views stay valid until the next read.
struct RdbString {
  int db = 0;
  std::string_view key;
  std::string_view text;
  std::int64_t expire_at_ms = kNoExpire;
};

class RdbFileReader {
 public:
  enum class Event { kKey, kAux, kEnd, kError };

  RdbFileReader(RdbReader& in, const Config& config, int databases, bool verify_checksum)
      : in_(in), config_(config), databases_(databases), verify_(verify_checksum) {}
  // Reads on to the next event. kKey fills `key`, whose value must be a fresh one; kAux leaves what it found below; kEnd: the file is whole and
  // its checksum right; kError: error() says what is wrong and at which byte.
  Event Next(RdbKey* key);
  // If a key comes next that holds a string, and all of it is at hand in its usual form: reads it. Else nothing was read; Next() knows what it is.
  bool NextString(RdbString* out);

  const std::string& aux_name() const { return aux_name_; }
  const std::string& aux_value() const { return aux_value_; }
  // How many keys the database of the last key has, as the file says; 0: it does not. Nobody vouches for it.
  std::uint64_t expected_keys() const { return expected_keys_; }
  std::string error() const { return "byte " + std::to_string(in_.offset()) + ": " + in_.error(); }

 private:
  bool Begin();
  Event Fail(std::string why);
  Event End();

  RdbReader& in_;
  const Config& config_;
  const int databases_;
  const bool verify_;
  bool begun_ = false;
  int version_ = 0;
  int db_ = 0;
  std::uint64_t expected_keys_ = 0;
  std::string aux_name_;
  std::string aux_value_;
};

}  // namespace slotwise
