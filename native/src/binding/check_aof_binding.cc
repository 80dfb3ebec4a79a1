#include "binding/check_aof_binding.h"

#include "backup/rdb_extent.h"
#include "binding/napi_util.h"
#include "log/check_aof.h"

namespace slotwise::binding {
namespace {

// A callback that throws leaves its exception pending: nothing is called any more, and the caller of checkAof gets it.
class ScriptConsole final : public CheckAofConsole {
 public:
  ScriptConsole(napi_env env, napi_value print, napi_value read_line) : env_(env), print_(print), read_line_(read_line) {}

  void Print(std::string_view text) override {
    napi_value argument = Text(env_, text);
    napi_value result = nullptr;
    napi_call_function(env_, Undefined(env_), print_, 1, &argument, &result);
  }
  std::string ReadLine() override {
    napi_value result = nullptr;
    if (napi_call_function(env_, Undefined(env_), read_line_, 0, nullptr, &result) != napi_ok) return {};
    return String(env_, result);
  }

 private:
  napi_env env_;
  napi_value print_;
  napi_value read_line_;
};

}  // namespace

napi_value CheckAofFunction(napi_env env, napi_callback_info info) {
  Arguments<void, 4> a(env, info);
  std::vector<std::string> args;
  std::uint32_t count = 0;
  napi_get_array_length(env, a.values[1], &count);
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value item = nullptr;
    napi_get_element(env, a.values[1], i, &item);
    args.push_back(String(env, item));
  }
  ScriptConsole console(env, a.values[2], a.values[3]);
  return Int32(env, CheckAof(PosixFiles(), String(env, a.values[0]), args, console, RdbEndOf));
}

}  // namespace slotwise::binding
