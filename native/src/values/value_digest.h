// The two steps that DEBUG DIGEST is made of, for the types' own digests (ValueOps::digest).
// Source: the values that redis-server 7.0 answers. Elsewhere: keys and databases (commands/debug_digest.h).
#pragma once
#include <string_view>

#include "base/sha1.h"

namespace slotwise {

// digest ^= SHA1(bytes): what is combined so may come in any order.
void XorDigest(Sha1Digest& digest, std::string_view bytes);
// The same, and the result is hashed again: order matters.
void MixDigest(Sha1Digest& digest, std::string_view bytes);

}  // namespace slotwise
