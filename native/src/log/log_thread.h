// The log thread: sleeps in the kernel until somebody asks or something is due, and lets AofLog decide what that is.
// A second thread, started with the first commit of `always`, settles what the journal holds, or, without a journal, syncs the
// index while the first syncs the segment.
#pragma once
#include <memory>

#include "log/aof_log.h"

namespace slotwise {

// For AofLog::SetDriver(); `log` and `clock` outlive it.
std::unique_ptr<LogDriver> MakeLogThread(AofLog& log, LogClock& clock);

}  // namespace slotwise
