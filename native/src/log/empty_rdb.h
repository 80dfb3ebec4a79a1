// Recognises an RDB that holds no keys: the base file a fresh redis-server leaves in its AOF directory. RDB bases with
// keys are read by the replication feature's decoder, not here.
// Source: specs rdb.md (header, AUX fields, length encoding, EOF, CRC64).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise {

enum class EmptyRdbResult {
  kEmpty,      // valid, no keys, no functions; *size is where it ends (commands may follow)
  kHoldsKeys,  // valid so far and then something that is data
  kDamaged,
};
// `bytes` starts with the file's first byte; an RDB without keys always fits in kEmptyRdbSizeMax.
inline constexpr std::size_t kEmptyRdbSizeMax = 64 * 1024;
struct RdbAuxField {
  std::size_t end = 0;  // offset behind it
  std::string key;
  std::string value;
};
// `aux`, if not null, receives the AUX fields, for a person to read.
EmptyRdbResult CheckEmptyRdb(std::string_view bytes, std::size_t* size, std::vector<RdbAuxField>* aux = nullptr);

}  // namespace slotwise
