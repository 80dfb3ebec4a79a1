// Words of one line as Redis splits them: inline commands, configuration lines and `--flag` values share this syntax.
// "double quotes" know \n \r \t \a \b \xHH and a backslash before anything else, 'single quotes' only \'. A closing
// quote must end its word. The line ends at its first NUL byte, as it does in Redis.
// AppendQuoted is the way back: the form in which CONFIG REWRITE, MONITOR and the slow log print a word.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace slotwise {

// Replaces `*out` by the words of `line`. False if quotes are not balanced; `*out` is then empty.
bool SplitArgs(std::string_view line, std::vector<std::string>* out);

// Appends `text` in double quotes, with everything unprintable escaped, so that SplitArgs gives it back.
void AppendQuoted(std::string_view text, std::string* out);

}  // namespace slotwise
