// The little of Node-API that the binding uses, with failed calls turned into a JavaScript exception.
#pragma once
#include <node_api.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise::binding {

// Arguments of a callback whose function carries a T* as data.
template <typename T, std::size_t N>
struct Arguments {
  napi_value values[N];
  std::size_t count = N;
  napi_value self = nullptr;
  T* data = nullptr;
  Arguments(napi_env env, napi_callback_info info) { napi_get_cb_info(env, info, &count, values, &self, reinterpret_cast<void**>(&data)); }
};

inline std::uint32_t Uint32(napi_env env, napi_value v) {
  std::uint32_t n = 0;
  napi_get_value_uint32(env, v, &n);
  return n;
}
inline double Double(napi_env env, napi_value v) {
  double n = 0;
  napi_get_value_double(env, v, &n);
  return n;
}
inline bool Bool(napi_env env, napi_value v) {
  bool b = false;
  napi_get_value_bool(env, v, &b);
  return b;
}
inline std::string String(napi_env env, napi_value v) {
  std::size_t n = 0;
  if (napi_get_value_string_utf8(env, v, nullptr, 0, &n) != napi_ok) return {};
  std::string s(n, '\0');
  napi_get_value_string_utf8(env, v, s.data(), n + 1, &n);
  return s;
}
inline napi_value Number(napi_env env, double v) {
  napi_value out = nullptr;
  napi_create_double(env, v, &out);
  return out;
}
inline napi_value Int32(napi_env env, std::int32_t v) {
  napi_value out = nullptr;
  napi_create_int32(env, v, &out);
  return out;
}
inline napi_value Text(napi_env env, std::string_view s) {
  napi_value out = nullptr;
  napi_create_string_utf8(env, s.data(), s.size(), &out);
  return out;
}
inline napi_value Bytes(napi_env env, std::string_view s) {
  napi_value out = nullptr;
  napi_create_buffer_copy(env, s.size(), s.data(), nullptr, &out);
  return out;
}
inline napi_value Undefined(napi_env env) {
  napi_value out = nullptr;
  napi_get_undefined(env, &out);
  return out;
}
inline napi_value Property(napi_env env, napi_value object, const char* name) {
  napi_value out = nullptr;
  napi_get_named_property(env, object, name, &out);
  return out;
}
inline std::vector<std::string> Strings(napi_env env, napi_value array) {
  std::uint32_t n = 0;
  napi_get_array_length(env, array, &n);
  std::vector<std::string> out;
  for (std::uint32_t i = 0; i < n; ++i) {
    napi_value item = nullptr;
    napi_get_element(env, array, i, &item);
    out.push_back(String(env, item));
  }
  return out;
}
inline std::vector<std::vector<std::string>> StringLists(napi_env env, napi_value array) {
  std::uint32_t n = 0;
  napi_get_array_length(env, array, &n);
  std::vector<std::vector<std::string>> out;
  for (std::uint32_t i = 0; i < n; ++i) {
    napi_value item = nullptr;
    napi_get_element(env, array, i, &item);
    out.push_back(Strings(env, item));
  }
  return out;
}
inline napi_value Throw(napi_env env, const char* code, const std::string& message) {
  napi_throw_error(env, code, message.c_str());
  return nullptr;
}
inline napi_value ErrorObject(napi_env env, const char* code, const std::string& message) {
  napi_value error = nullptr;
  napi_create_error(env, Text(env, code), Text(env, message), &error);
  return error;
}

}  // namespace slotwise::binding
