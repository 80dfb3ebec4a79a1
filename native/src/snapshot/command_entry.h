// An entry as the commands that make it: a base file without an RDB preamble (aof-use-rdb-preamble no).
// At most 64 members a command, as Redis writes them, so that whoever loads the file never holds a giant command.
// Source: specs aof.md section 3.2. Elsewhere: the RDB form of an entry (rdb_file_writer.h).
#pragma once
#include <string>
#include <string_view>

namespace slotwise {

class Entry;
void AppendEntryCommands(const Entry* entry, std::string& out);

// One command in RESP.
void AppendCommandHead(std::size_t argc, std::string& out);
void AppendCommandWord(std::string_view word, std::string& out);

}  // namespace slotwise
