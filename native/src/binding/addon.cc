// The module: open(options, onEvent), checkAof, data directories, and the version. Context-aware: each environment has its own.
#include "base/version.h"
#include "binding/check_aof_binding.h"
#include "binding/directory_binding.h"
#include "binding/napi_util.h"
#include "binding/session_binding.h"

namespace slotwise::binding {
namespace {

// open({ names, directives: [[name, ...args]], renames: [[from, to]], configFile, persistent, attachOnly, willListen, anyPort, replays,
// cluster }, onEvent)
napi_value Open(napi_env env, napi_callback_info info) {
  Arguments<void, 2> a(env, info);
  OpenOptions options;
  options.names = Strings(env, Property(env, a.values[0], "names"));
  if (std::string name = String(env, Property(env, a.values[0], "name")); !name.empty()) options.names.push_back(std::move(name));
  options.config_file = String(env, Property(env, a.values[0], "configFile"));
  options.persistent = Bool(env, Property(env, a.values[0], "persistent"));
  options.will_listen = Bool(env, Property(env, a.values[0], "willListen"));
  options.replays = Bool(env, Property(env, a.values[0], "replays"));
  options.cluster = Bool(env, Property(env, a.values[0], "cluster"));
  options.any_port = Bool(env, Property(env, a.values[0], "anyPort"));
  options.attach_only = Bool(env, Property(env, a.values[0], "attachOnly"));
  options.directives = StringLists(env, Property(env, a.values[0], "directives"));
  for (const std::vector<std::string>& pair : StringLists(env, Property(env, a.values[0], "renames"))) {
    if (pair.size() == 2) options.renames.emplace_back(pair[0], pair[1]);
  }
  return SessionBinding::Open(env, std::move(options), a.values[1]);
}

napi_value Init(napi_env env, napi_value exports) {
  napi_value open = nullptr;
  napi_create_function(env, "open", NAPI_AUTO_LENGTH, Open, nullptr, &open);
  napi_set_named_property(env, exports, "open", open);
  napi_value check_aof = nullptr;
  napi_create_function(env, "checkAof", NAPI_AUTO_LENGTH, CheckAofFunction, nullptr, &check_aof);
  napi_set_named_property(env, exports, "checkAof", check_aof);
  DefineDirectories(env, exports);
  napi_set_named_property(env, exports, "version", Text(env, kSlotwiseVersion));
  return exports;
}

}  // namespace
}  // namespace slotwise::binding

NAPI_MODULE_INIT() { return slotwise::binding::Init(env, exports); }
