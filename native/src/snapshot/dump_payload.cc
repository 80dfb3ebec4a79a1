#include "snapshot/dump_payload.h"

#include "base/crc64.h"
#include "snapshot/rdb_encoding.h"
#include "snapshot/rdb_writer.h"
#include "snapshot/value_codec.h"

namespace slotwise {

std::string DumpPayload(const Entry* entry, bool compress) {
  std::string payload;
  RdbWriter out(payload, compress);
  SaveValue(entry, out);
  out.Byte(rdb::kVersion);
  out.Byte(0);
  out.Fixed64(Crc64(0, payload));
  return payload;
}

}  // namespace slotwise
