#include "binding/directory_binding.h"

#include <sys/file.h>

#include <cstdint>
#include <string>
#include <vector>

#include "backup/aof_copy.h"
#include "backup/segment_cut.h"
#include "binding/napi_util.h"
#include "log/data_dir_lock.h"

namespace slotwise::binding {
namespace {

// A callback that throws leaves its exception pending, and the caller gets it at the end.
class WarningLogger final : public Logger {
 public:
  WarningLogger(napi_env env, napi_value callback) : env_(env), callback_(callback) {}
  void Log(LogLevel level, std::string_view message) override {
    if (level != LogLevel::kWarn && level != LogLevel::kError) return;
    napi_value argument = Text(env_, message);
    napi_value result = nullptr;
    napi_call_function(env_, Undefined(env_), callback_, 1, &argument, &result);
  }

 private:
  napi_env env_;
  napi_value callback_;
};

CopyProgress Progress(napi_env env, napi_value callback) {
  return [env, callback](std::string_view what, std::uint64_t done, std::uint64_t total) {
    napi_handle_scope scope = nullptr;
    napi_open_handle_scope(env, &scope);
    napi_value arguments[] = {Text(env, what), Number(env, static_cast<double>(done)), Number(env, static_cast<double>(total))};
    napi_value result = nullptr;
    napi_call_function(env, Undefined(env), callback, 3, arguments, &result);
    napi_close_handle_scope(env, scope);
  };
}

CommitLogOptions Where(napi_env env, napi_value object) {
  CommitLogOptions options;
  options.dir = String(env, Property(env, object, "dir"));
  options.append_dirname = String(env, Property(env, object, "dirname"));
  options.append_filename = String(env, Property(env, object, "filename"));
  return options;
}

void Set(napi_env env, napi_value object, const char* name, napi_value value) { napi_set_named_property(env, object, name, value); }
napi_value Count(napi_env env, std::uint64_t n) { return Number(env, static_cast<double>(n)); }

napi_value FactsObject(napi_env env, const SegmentFacts& facts) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  Set(env, object, "name", Text(env, facts.info.name));
  Set(env, object, "seq", Count(env, facts.info.seq));
  Set(env, object, "size", Count(env, facts.size));
  Set(env, object, "firstSeconds", Count(env, facts.first_seconds));
  Set(env, object, "lastSeconds", Count(env, facts.last_seconds));
  return object;
}

napi_value FactsObject(napi_env env, const AofFacts& facts) {
  napi_value object = nullptr, segments = nullptr, null = nullptr;
  napi_create_object(env, &object);
  napi_create_array(env, &segments);
  napi_get_null(env, &null);
  for (std::size_t i = 0; i < facts.segments.size(); ++i) {
    napi_set_element(env, segments, static_cast<std::uint32_t>(i), FactsObject(env, facts.segments[i]));
  }
  Set(env, object, "base", facts.base ? FactsObject(env, *facts.base) : null);
  Set(env, object, "baseSeconds", facts.base_seconds < 0 ? null : Number(env, static_cast<double>(facts.base_seconds)));
  Set(env, object, "segments", segments);
  Set(env, object, "commands", Count(env, facts.commands));
  Set(env, object, "droppedBytes", Count(env, facts.dropped_bytes));
  return object;
}

napi_value ThrowStatus(napi_env env, const Status& status) { return Throw(env, "BACKUP", status.message()); }

napi_value CopyFunction(napi_env env, napi_callback_info info) {
  Arguments<void, 4> a(env, info);
  const CommitLogOptions from = Where(env, a.values[0]);
  CommitLogOptions to = from;
  to.dir = String(env, a.values[1]);
  WarningLogger logger(env, a.values[3]);
  AofFacts facts;
  Status status = CopyAof(PosixFiles(), logger, from, to, Progress(env, a.values[2]), &facts);
  return status.ok() ? FactsObject(env, facts) : ThrowStatus(env, status);
}

napi_value RestoreFunction(napi_env env, napi_callback_info info) {
  Arguments<void, 4> a(env, info);
  std::vector<RestoreFile> parts;
  for (const std::vector<std::string>& words : StringLists(env, a.values[0])) {
    RestoreFile part;
    part.info = {words[0], std::stoull(words[1]), words[2][0]};
    part.path = words[3];
    if (!words[4].empty()) part.end = std::stoull(words[4]);
    parts.push_back(std::move(part));
  }
  WarningLogger logger(env, a.values[3]);
  AofFacts facts;
  Status status = RestoreAof(PosixFiles(), logger, parts, Where(env, a.values[1]), Progress(env, a.values[2]), &facts);
  return status.ok() ? FactsObject(env, facts) : ThrowStatus(env, status);
}

napi_value VerifyFunction(napi_env env, napi_callback_info info) {
  Arguments<void, 3> a(env, info);
  WarningLogger logger(env, a.values[2]);
  AofFacts facts;
  Status status = VerifyAof(PosixFiles(), logger, Where(env, a.values[0]), Progress(env, a.values[1]), &facts);
  return status.ok() ? FactsObject(env, facts) : ThrowStatus(env, status);
}

napi_value FindCutFunction(napi_env env, napi_callback_info info) {
  Arguments<void, 4> a(env, info);
  const double number = Double(env, a.values[2]);
  CutTarget target;
  if (String(env, a.values[1]) == "position") target.position = static_cast<std::uint64_t>(number);
  else target.seconds = static_cast<std::uint32_t>(number);
  SegmentCut cut;
  const CopyProgress progress = Progress(env, a.values[3]);
  Status status = FindSegmentCut(PosixFiles(), String(env, a.values[0]), target,
                                 [&](std::uint64_t done, std::uint64_t total) { progress("searching", done, total); }, &cut);
  if (!status.ok()) return ThrowStatus(env, status);
  napi_value object = nullptr, null = nullptr;
  napi_create_object(env, &object);
  napi_get_null(env, &null);
  Set(env, object, "end", Count(env, cut.end));
  Set(env, object, "size", Count(env, cut.size));
  Set(env, object, "undatedAt", cut.undated_at ? Count(env, *cut.undated_at) : null);
  return object;
}

napi_value SegmentFactsFunction(napi_env env, napi_callback_info info) {
  Arguments<void, 1> a(env, info);
  SegmentFacts facts;
  Status status = ReadSegmentFacts(PosixFiles(), String(env, a.values[0]), &facts);
  return status.ok() ? FactsObject(env, facts) : ThrowStatus(env, status);
}

napi_value DirectoryHolderFunction(napi_env env, napi_callback_info info) {
  Arguments<void, 1> a(env, info);
  std::string pid;
  return Text(env, DataDirLock::IsHeld(String(env, a.values[0]), &pid) ? pid : std::string());
}

// lockDescriptor(fd) -> whether this process has the lock of the file now, as redis-server takes it (flock).
napi_value LockDescriptorFunction(napi_env env, napi_callback_info info) {
  Arguments<void, 1> a(env, info);
  napi_value out = nullptr;
  napi_get_boolean(env, flock(static_cast<int>(Uint32(env, a.values[0])), LOCK_EX | LOCK_NB) == 0, &out);
  return out;
}

}  // namespace

void DefineDirectories(napi_env env, napi_value exports) {
  auto define = [&](const char* name, napi_callback callback) {
    napi_value function = nullptr;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
    napi_set_named_property(env, exports, name, function);
  };
  define("copyAof", CopyFunction);
  define("restoreAof", RestoreFunction);
  define("verifyAof", VerifyFunction);
  define("findCut", FindCutFunction);
  define("segmentFacts", SegmentFactsFunction);
  define("directoryHolder", DirectoryHolderFunction);
  define("lockDescriptor", LockDescriptorFunction);
}

}  // namespace slotwise::binding
