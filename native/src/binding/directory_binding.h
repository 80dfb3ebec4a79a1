// Data directories, without an engine. What slotwise-backup calls (native/src/backup): copying, checking and cutting append-only
// directories; synchronous, a failure is an exception with code BACKUP, onProgress(what, done, total) and onWarning(text) come meanwhile.
//   copyAof({ dir, dirname, filename }, toDir, onProgress, onWarning)
//   restoreAof([[name, seq, type, path, end]], { dir, dirname, filename }, onProgress, onWarning)
//   verifyAof({ dir, dirname, filename }, onProgress, onWarning)
//   findCut(path, 'position' or 'seconds', number, onProgress)
//   segmentFacts(path)
// And who has one: directoryHolder(dir), the pid or ''; and the lock of any open file.
#pragma once
#include <node_api.h>

namespace slotwise::binding {

void DefineDirectories(napi_env env, napi_value exports);

}  // namespace slotwise::binding
