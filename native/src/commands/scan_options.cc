#include "commands/scan_options.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>

namespace slotwise {

void BulkList::Add(std::string_view bytes) {
  char header[24];
  header[0] = '$';
  auto end = std::to_chars(header + 1, header + sizeof header, bytes.size()).ptr;
  *end++ = '\r';
  *end++ = '\n';
  encoded_.append(header, end);
  encoded_ += bytes;
  encoded_ += "\r\n";
  ++count_;
}

// As strtoul reads it, which is what Redis accepts: a sign, and nothing at all, too.
bool ScanCursorArg(CommandContext& ctx, std::size_t i, std::uint64_t* cursor) {
  std::string text(ctx.arg(i));
  char* end = nullptr;
  errno = 0;
  *cursor = std::strtoul(text.c_str(), &end, 10);
  if ((text.empty() || !std::isspace(static_cast<unsigned char>(text[0]))) && end == text.c_str() + text.size() && errno != ERANGE) return true;
  ctx.Error("ERR invalid cursor");
  return false;
}

bool ScanOptions::Parse(CommandContext& ctx, std::size_t from, ScanOf what) {
  for (std::size_t i = from; i < ctx.argc(); i += 2) {
    bool last = i + 1 == ctx.argc();
    if (ctx.ArgIs(i, "COUNT") && !last) {
      if (!ctx.IntegerArg(i + 1, &count)) return false;
      if (count < 1) {
        ctx.SyntaxError();
        return false;
      }
    } else if (ctx.ArgIs(i, "MATCH") && !last) {
      pattern = ctx.arg(i + 1);
      has_pattern = pattern != "*";
    } else if (what == ScanOf::kKeys && ctx.ArgIs(i, "TYPE") && !last) {
      type = ctx.arg(i + 1);
      has_type = true;
    } else {
      ctx.SyntaxError();
      return false;
    }
  }
  return true;
}

void ReplyScan(ReplyWriter& reply, std::uint64_t cursor, const BulkList& found) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, cursor).ptr;
  reply.Array(2);
  reply.Bulk({digits, static_cast<std::size_t>(end - digits)});
  found.Reply(reply);
}

}  // namespace slotwise
