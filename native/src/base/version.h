// Which version this is, and which version of Redis clients may take it for.
#pragma once

namespace slotwise {

inline constexpr const char* kSlotwiseVersion = "0.1.0";  // as in package.json
inline constexpr const char* kRedisVersion = "7.0.15";    // clients and test suites choose features by it

}  // namespace slotwise
