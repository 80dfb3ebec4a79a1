// A file as a whole: read it, or put another in its place so that a crash leaves the old or the new one, never a part
// (temporary file, fsync, rename, fsync of the directory).
#pragma once
#include <string>
#include <string_view>

#include "base/status.h"

namespace slotwise {

// Code and message of an error are errno's.
Status ReadWholeFile(const std::string& path, std::string* text);
// Keeps the mode of a file that is there; a new one gets what the umask leaves of 0644.
Status ReplaceFile(const std::string& path, std::string_view text);

}  // namespace slotwise
