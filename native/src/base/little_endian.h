// Unsigned integers as the side files of the log hold them: least significant byte first.
#pragma once
#include <cstddef>
#include <cstdint>

namespace slotwise::little_endian {

template <typename T>
void Put(char* out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out[i] = static_cast<char>(value >> (8 * i));
}
template <typename T>
T Get(const char* in) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<unsigned char>(in[i])) << (8 * i);
  return value;
}

}  // namespace slotwise::little_endian
