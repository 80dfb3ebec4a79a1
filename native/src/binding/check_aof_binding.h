// slotwise-check-aof for JavaScript: the check runs on the calling thread, its output and its questions are callbacks.
#pragma once
#include <node_api.h>

namespace slotwise::binding {

// checkAof(program, args: string[], print(text), readLine() -> string) -> exit code. Synchronous.
napi_value CheckAofFunction(napi_env env, napi_callback_info info);

}  // namespace slotwise::binding
