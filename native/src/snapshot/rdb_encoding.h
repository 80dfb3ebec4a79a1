// Numbers that both directions of the RDB format share. Source: the RDB format, version 10.
#pragma once
#include <cstdint>

namespace slotwise::rdb {

inline constexpr int kVersion = 10;

// Value types. Only ever append.
enum ValueType : std::uint8_t {
  kString = 0, kList = 1, kSet = 2, kZSetText = 3, kHash = 4, kZSet = 5, kModule1 = 6, kModule2 = 7, kHashZipmap = 9, kListZiplist = 10,
  kSetIntset = 11, kZSetZiplist = 12, kHashZiplist = 13, kListQuicklistZiplist = 14, kStream1 = 15, kHashListpack = 16, kZSetListpack = 17,
  kListQuicklist = 18, kStream2 = 19,
};

enum Opcode : std::uint8_t {
  kFunction2 = 0xf5, kFunction1 = 0xf6, kModuleAux = 0xf7, kIdle = 0xf8, kFreq = 0xf9, kAux = 0xfa, kResizeDb = 0xfb, kExpireMs = 0xfc,
  kExpireSeconds = 0xfd, kSelectDb = 0xfe, kEof = 0xff,
};

// Quicklist containers.
inline constexpr std::uint64_t kPlainNode = 1;
inline constexpr std::uint64_t kPackedNode = 2;

}  // namespace slotwise::rdb
