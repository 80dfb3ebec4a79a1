// SHA-256: what passwords of ACL users are kept as, and compared by. Source: FIPS 180-4.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace slotwise {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest Sha256(std::string_view bytes);
// 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

}  // namespace slotwise
