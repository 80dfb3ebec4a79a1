#include "values/value_ops.h"

namespace slotwise {
namespace {
const ValueOps* g_ops[8];
constexpr const char* kNames[] = {"string", "list", "set", "zset", "hash", "stream"};
}  // namespace

void RegisterValueOps(Type type, const ValueOps* ops) { g_ops[static_cast<int>(type)] = ops; }
const ValueOps* OpsOf(Type type) { return g_ops[static_cast<int>(type)]; }
const char* TypeName(Type type) { return kNames[static_cast<int>(type)]; }

}  // namespace slotwise
