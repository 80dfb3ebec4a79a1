// A database's number and a key as one string: what lists of waiting and watching clients are keyed by.
#pragma once
#include <cstring>
#include <string>
#include <string_view>

namespace slotwise {

inline std::string DbKey(int db, std::string_view key) {
  std::string name(sizeof db + key.size(), '\0');
  std::memcpy(name.data(), &db, sizeof db);
  if (!key.empty()) std::memcpy(name.data() + sizeof db, key.data(), key.size());
  return name;
}
inline int DbOf(const std::string& name) {
  int db;
  std::memcpy(&db, name.data(), sizeof db);
  return db;
}
inline std::string_view KeyOf(const std::string& name) { return std::string_view(name).substr(sizeof(int)); }

}  // namespace slotwise
