// Names that nobody may guess or meet twice: run ids, replication ids. From the kernel's randomness.
#pragma once
#include <string>

namespace slotwise {

// Two lower-case hex characters a byte.
std::string RandomHex(int bytes);

}  // namespace slotwise
