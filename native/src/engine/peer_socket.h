// A connection to another server, made without waiting for it. Names are resolved here and now.
#pragma once
#include <string>

namespace slotwise {

// A socket that is being connected; -1: `why` not.
int StartConnect(const std::string& host, int port, std::string* why);
// Whether it came to be, once it can be written to: 0 or the error. It sends at once from then on.
int FinishConnect(int fd);

}  // namespace slotwise
