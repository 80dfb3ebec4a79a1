// Which of the 16384 slots a key belongs to: CRC16 (XMODEM) of the key, or of its hash tag if it has one.
// Source: Redis Cluster specification, keys distribution model and hash tags.
#pragma once
#include <cstdint>
#include <string_view>

namespace slotwise {

constexpr int kSlotCount = 16384;

std::uint16_t Crc16(std::string_view bytes);

// The part of a key between the first '{' and the first '}' after it, if that is not empty; else the whole key.
std::string_view HashTag(std::string_view key);

inline std::uint16_t HashSlot(std::string_view key) { return Crc16(HashTag(key)) & (kSlotCount - 1); }

}  // namespace slotwise
