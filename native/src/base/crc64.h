// The CRC-64 that ends RDB files and DUMP payloads. Initial value 0; it may be continued block by block.
// Source: the RDB format; reflected polynomial 0x95ac9329ac4bc9b5, check("123456789") = 0xe9c6d914c4b8d9ca.
#pragma once
#include <cstdint>
#include <string_view>

namespace slotwise {

std::uint64_t Crc64(std::uint64_t crc, std::string_view bytes);

}  // namespace slotwise
