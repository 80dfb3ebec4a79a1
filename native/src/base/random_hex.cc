#include "base/random_hex.h"

#include <sys/random.h>

namespace slotwise {

std::string RandomHex(int bytes) {
  std::string raw(static_cast<std::size_t>(bytes), '\0');
  if (getrandom(raw.data(), raw.size(), 0) < 0) raw.assign(raw.size(), 'x');
  std::string hex;
  for (unsigned char c : raw) {
    hex += "0123456789abcdef"[c >> 4];
    hex += "0123456789abcdef"[c & 15];
  }
  return hex;
}

}  // namespace slotwise
