// DEBUG DIGEST: one number for the whole data set, equal to Redis's for equal data, so that two servers can be compared.
// A key's digest mixes its name, type, value and whether it has a deadline; a database's keys are combined without regard
// to their order, databases in the order of their numbers.
// Source: the values that redis-server 7.0 answers; test/debug_digest_test.cc holds some.
#pragma once
#include <string>
#include <string_view>

#include "keyspace/keyspace.h"
#include "values/value_digest.h"

namespace slotwise {

// Adds type, value and deadline of `entry`, which may not change meanwhile.
void AddEntry(Sha1Digest& digest, const Entry* entry);
// All databases; every stripe is held.
Sha1Digest KeyspaceDigest(Keyspace& keyspace);
// 40 hexadecimal digits.
std::string DigestText(const Sha1Digest& digest);

}  // namespace slotwise
