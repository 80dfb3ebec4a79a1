// CRC32C (Castagnoli), the checksum of AOF blocks: the CPU computes eight bytes an instruction where it has SSE4.2, a
// table does the same elsewhere. `crc` continues an earlier result, so Crc32c(b, Crc32c(a)) == Crc32c(a + b).
// Source: RFC 3720 appendix B.4 (polynomial and test vectors).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace slotwise {

std::uint32_t Crc32c(std::string_view bytes, std::uint32_t crc = 0);

// The two implementations, for the test that compares them. The first is null where the CPU has no such instruction.
using Crc32cFunction = std::uint32_t (*)(const void* data, std::size_t size, std::uint32_t crc);
Crc32cFunction Crc32cHardware();
std::uint32_t Crc32cTable(const void* data, std::size_t size, std::uint32_t crc);

}  // namespace slotwise
