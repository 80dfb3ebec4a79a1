// One reply of each kind that RESP2 and RESP3 know. Redis's own test suite and those of clients compare them.
// Source: the replies of redis-server 7.0.
#include "commands/debug.h"

namespace slotwise {

void DebugProtocol(CommandContext& ctx) {
  ReplyWriter& reply = ctx.reply;
  auto numbers = [&] {
    for (int i = 0; i < 3; ++i) reply.Integer(i);
  };
  if (ctx.ArgIs(2, "string")) return reply.Bulk("Hello World");
  if (ctx.ArgIs(2, "integer")) return reply.Integer(12345);
  if (ctx.ArgIs(2, "double")) return reply.Double(3.141);
  if (ctx.ArgIs(2, "null")) return reply.Null();
  if (ctx.ArgIs(2, "true")) return reply.Bool(true);
  if (ctx.ArgIs(2, "false")) return reply.Bool(false);
  if (ctx.ArgIs(2, "verbatim")) return reply.Verbatim("This is a verbatim\nstring");
  if (ctx.ArgIs(2, "array")) {
    reply.Array(3);
    return numbers();
  }
  if (ctx.ArgIs(2, "set")) {
    reply.Set(3);
    return numbers();
  }
  if (ctx.ArgIs(2, "map")) {
    reply.Map(3);
    for (int i = 0; i < 3; ++i) {
      reply.Integer(i);
      reply.Bool(i == 1);
    }
    return;
  }
  if (ctx.ArgIs(2, "bignum")) {
    constexpr std::string_view kDigits = "1234567999999999999999999999999999999";
    if (reply.protocol() == 2) return reply.Bulk(kDigits);
    reply.Raw("(");
    reply.Raw(kDigits);
    return reply.Raw("\r\n");
  }
  if (ctx.ArgIs(2, "attrib")) {
    if (reply.protocol() == 3) {
      reply.Raw("|1\r\n");
      reply.Bulk("key-popularity");
      reply.Array(2);
      reply.Bulk("key:123");
      reply.Integer(90);
    }
    return reply.Bulk("Some real reply following the attribute");
  }
  if (ctx.ArgIs(2, "push")) {
    if (reply.protocol() == 2) return ctx.Error("ERR RESP2 is not supported by this command");
    reply.Push(2);
    reply.Bulk("server-cpu-usage");
    reply.Integer(42);
    return reply.Bulk("Some real reply following the push reply");
  }
  ctx.Error(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

}  // namespace slotwise
