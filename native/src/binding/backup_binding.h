// What slotwise-backup calls (native/src/backup): copying, checking and cutting append-only directories. Synchronous; a failure is
// an exception with code BACKUP. onProgress(what, done, total) and onWarning(text) come meanwhile.
//   copyAof({ dir, dirname, filename }, toDir, onProgress, onWarning)
//   restoreAof([[name, seq, type, path, end]], { dir, dirname, filename }, onProgress, onWarning)
//   verifyAof({ dir, dirname, filename }, onProgress, onWarning)
//   findCut(path, 'position' or 'seconds', number, onProgress)
//   segmentFacts(path)
#pragma once
#include <node_api.h>

namespace slotwise::binding {

void DefineBackup(napi_env env, napi_value exports);

}  // namespace slotwise::binding
