#include "values/value_digest.h"

namespace slotwise {

void XorDigest(Sha1Digest& digest, std::string_view bytes) {
  Sha1Digest hash = Sha1(bytes);
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] ^= hash[i];
}

void MixDigest(Sha1Digest& digest, std::string_view bytes) {
  XorDigest(digest, bytes);
  digest = Sha1({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace slotwise
