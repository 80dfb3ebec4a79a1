#include "snapshot/rdb_file_reader.h"

#include <algorithm>
#include <cstring>

namespace slotwise {

RdbFileReader::Event RdbFileReader::Fail(std::string why) {
  in_.Fail(std::move(why));
  return Event::kError;
}

bool RdbFileReader::Begin() {
  begun_ = true;
  std::string_view head;
  if (!in_.Raw(9, &head)) return false;
  if (head.substr(0, 5) != "REDIS") return in_.Fail("Wrong signature trying to load DB from file");
  for (char c : head.substr(5)) {
    if (c < '0' || c > '9') return in_.Fail("Wrong signature trying to load DB from file");
    version_ = version_ * 10 + (c - '0');
  }
  if (version_ < 1 || version_ > rdb::kVersion) return in_.Fail("Can't handle RDB format version " + std::to_string(version_));
  return true;
}

RdbFileReader::Event RdbFileReader::End() {
  if (version_ < 5) return Event::kEnd;  // no checksum before version 5
  std::uint64_t sum = in_.Checksum();
  std::int64_t stored;
  if (!in_.Fixed64(&stored)) return Event::kError;
  if (verify_ && !SkipRdbChecksums().load(std::memory_order_relaxed) && stored != 0 && static_cast<std::uint64_t>(stored) != sum) return Fail("Wrong RDB checksum: the file is damaged");
  return Event::kEnd;
}

bool RdbFileReader::NextString(RdbString* out) {
  if (!begun_) return false;
  const std::string_view rest = in_.rest();
  const char* at = rest.data();
  const char* end = at + rest.size();
  out->expire_at_ms = kNoExpire;
  if (rest.size() > 9 && static_cast<std::uint8_t>(*at) == rdb::kExpireMs) {
    std::memcpy(&out->expire_at_ms, at + 1, 8);
    out->expire_at_ms = std::max<std::int64_t>(out->expire_at_ms, 0);  // as in Next()
    at += 9;
  }
  if (at == end || static_cast<std::uint8_t>(*at) != rdb::kString) return false;
  if ((at = PlainString(at + 1, end, &out->key)) == nullptr || (at = PlainString(at, end, &out->text)) == nullptr) return false;
  out->db = db_;
  in_.Skip(static_cast<std::size_t>(at - rest.data()));
  return true;
}

RdbFileReader::Event RdbFileReader::Next(RdbKey* key) {
  if (!begun_ && !Begin()) return Event::kError;
  key->expire_at_ms = kNoExpire;
  key->idle_seconds = -1;
  key->frequency = -1;
  for (;;) {
    std::uint8_t code;
    if (!in_.Byte(&code)) return Event::kError;
    std::string_view text;
    std::uint64_t n;
    switch (code) {
      case rdb::kEof: return End();
      case rdb::kSelectDb:
        if (!in_.Length(&n)) return Event::kError;
        if (n >= static_cast<std::uint64_t>(databases_)) {
          return Fail("FATAL: Data file was created with a Redis server configured to handle more than " + std::to_string(databases_) + " databases");
        }
        db_ = static_cast<int>(n);
        expected_keys_ = 0;
        break;
      case rdb::kResizeDb:
        if (!in_.Length(&expected_keys_) || !in_.Length(&n)) return Event::kError;
        break;
      case rdb::kAux:
        if (!in_.String(&text)) return Event::kError;
        aux_name_ = text;
        if (!in_.String(&text)) return Event::kError;
        aux_value_ = text;
        return Event::kAux;
      case rdb::kExpireMs:
        if (!in_.Fixed64(&key->expire_at_ms)) return Event::kError;
        if (key->expire_at_ms < 0) key->expire_at_ms = 0;  // before 1970: expired, not "no expiry"
        break;
      case rdb::kExpireSeconds: {
        std::int32_t seconds;
        if (!in_.Fixed32(&seconds)) return Event::kError;
        key->expire_at_ms = seconds < 0 ? 0 : std::int64_t{seconds} * 1000;
        break;
      }
      case rdb::kIdle:
        if (!in_.Length(&n)) return Event::kError;
        key->idle_seconds = static_cast<std::int64_t>(n & INT64_MAX);
        break;
      case rdb::kFreq: {
        std::uint8_t frequency;
        if (!in_.Byte(&frequency)) return Event::kError;
        key->frequency = frequency;
        break;
      }
      case rdb::kFunction1:
      case rdb::kFunction2: return Fail("the file holds functions, which this server does not run");
      case rdb::kModuleAux: return Fail("the file holds data of a module, which this server does not have");
      default:
        if (!in_.String(&text)) return Event::kError;
        key->db = db_;
        key->key = text;
        return LoadValue(code, in_, config_, &key->value) ? Event::kKey : Event::kError;
    }
  }
}

}  // namespace slotwise
