// Strings as MessagePack has them, recognised here because a JavaScript string made in the same call costs half of one
// made later from the page. No Node header: tested in native/test/msgpack_text_test.cc. Source: MessagePack specification.
#pragma once
#include <cstddef>
#include <string_view>

namespace slotwise::binding {

// The size of the head if `value`, of which every byte behind the first three is known to be ASCII, is one string and
// the rest is ASCII too; else 0.
inline std::size_t AsciiStringHead(std::string_view value) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(value[i]); };
  std::size_t size = value.size();
  if (size == 0) return 0;
  if ((byte(0) & 0xe0) == 0xa0) {
    bool ascii = (size < 2 || byte(1) < 0x80) && (size < 3 || byte(2) < 0x80);
    return size == (byte(0) & 31u) + 1 && ascii ? 1 : 0;
  }
  if (byte(0) == 0xd9) return size > 2 && size == byte(1) + 2u && byte(2) < 0x80 ? 2 : 0;
  if (byte(0) == 0xda) return size > 3 && size == byte(1) * 256u + byte(2) + 3 ? 3 : 0;
  return 0;
}

}  // namespace slotwise::binding
