// SHA-1, for DEBUG DIGEST only, whose values must equal Redis's. Not for anything that needs to be secure.
// Source: FIPS 180-4.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace slotwise {

using Sha1Digest = std::array<std::uint8_t, 20>;

Sha1Digest Sha1(std::string_view bytes);

}  // namespace slotwise
