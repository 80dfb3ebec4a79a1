#include "commands/command_info.h"

#include <bit>

#include "commands/late_commands.h"

namespace slotwise {
namespace {

void WritePair(ReplyWriter& reply, std::string_view name, std::string_view value) {
  reply.Bulk(name);
  reply.Bulk(value);
}
void WritePair(ReplyWriter& reply, std::string_view name, std::int64_t value) {
  reply.Bulk(name);
  reply.Integer(value);
}

void WriteKeySpec(ReplyWriter& reply, const KeySpec& key) {
  reply.Map(3);
  reply.Bulk("flags");
  WriteNames(reply, key.flags, KeyFlagNames());

  reply.Bulk("begin_search");
  reply.Map(2);
  switch (key.begin) {
    case KeyBegin::kIndex:
      WritePair(reply, "type", "index");
      reply.Bulk("spec");
      reply.Map(1);
      WritePair(reply, "index", key.begin_at);
      break;
    case KeyBegin::kKeyword:
      WritePair(reply, "type", "keyword");
      reply.Bulk("spec");
      reply.Map(2);
      WritePair(reply, "keyword", key.keyword);
      WritePair(reply, "startfrom", key.begin_at);
      break;
    case KeyBegin::kUnknown:
      WritePair(reply, "type", "unknown");
      reply.Bulk("spec");
      reply.Map(0);
      break;
  }

  reply.Bulk("find_keys");
  reply.Map(2);
  switch (key.find) {
    case KeyFind::kRange:
      WritePair(reply, "type", "range");
      reply.Bulk("spec");
      reply.Map(3);
      WritePair(reply, "lastkey", key.a);
      WritePair(reply, "keystep", key.b);
      WritePair(reply, "limit", key.c);
      break;
    case KeyFind::kCount:
      WritePair(reply, "type", "keynum");
      reply.Bulk("spec");
      reply.Map(3);
      WritePair(reply, "keynumidx", key.a);
      WritePair(reply, "firstkey", key.b);
      WritePair(reply, "keystep", key.c);
      break;
    case KeyFind::kUnknown:
      WritePair(reply, "type", "unknown");
      reply.Bulk("spec");
      reply.Map(0);
      break;
  }
}

int CountKnownSubcommands(const CommandTable& table, const Command& command) {
  int count = 0;
  ForEachSubcommand(table, command, [&](const Command&) { ++count; });
  return count;
}

void WriteArguments(ReplyWriter& reply, std::span<const ArgumentSpec> arguments) {
  reply.Array(static_cast<std::int64_t>(arguments.size()));
  for (const ArgumentSpec& argument : arguments) {
    reply.Map(2 + (argument.key_spec >= 0) + (argument.token != nullptr) + (argument.since != nullptr) +
              (argument.deprecated_since != nullptr) + (argument.flags != 0) + (argument.child_count != 0));
    WritePair(reply, "name", argument.name);
    WritePair(reply, "type", ArgumentTypeNames()[argument.type]);
    if (argument.key_spec >= 0) WritePair(reply, "key_spec_index", argument.key_spec);
    if (argument.token != nullptr) WritePair(reply, "token", argument.token);
    if (argument.since != nullptr) WritePair(reply, "since", argument.since);
    if (argument.deprecated_since != nullptr) WritePair(reply, "deprecated_since", argument.deprecated_since);
    if (argument.flags != 0) {
      reply.Bulk("flags");
      WriteNames(reply, argument.flags, ArgumentFlagNames());
    }
    if (argument.child_count != 0) {
      reply.Bulk("arguments");
      WriteArguments(reply, argument.children());
    }
  }
}

// --- argument syntax for people

std::string Syntax(const ArgumentSpec& argument);

std::string Join(std::span<const ArgumentSpec> arguments, std::string_view separator) {
  std::string text;
  for (const ArgumentSpec& argument : arguments) {
    if (!text.empty()) text += separator;
    text += Syntax(argument);
  }
  return text;
}

std::string Syntax(const ArgumentSpec& argument) {
  const std::string_view type = ArgumentTypeNames()[argument.type];
  const bool is_token = type == "pure-token";
  std::string value;
  if (is_token) value = argument.token;
  else if (type == "oneof") value = Join(argument.children(), "|");
  else if (type == "block") value = Join(argument.children(), " ");
  else value.append("<").append(argument.name).append(">");
  std::string text;
  if (argument.token != nullptr && !is_token) text.append(argument.token).append(" ");
  text += value;
  if ((argument.flags & kArgumentMultiple) != 0) {
    const std::string again = (argument.flags & kArgumentMultipleToken) != 0 ? text : value;
    text.append(" [").append(again).append(" ...]");
  }
  if ((argument.flags & kArgumentOptional) == 0) return text;
  std::string optional;
  optional.append("[").append(text).append("]");
  return optional;
}

}  // namespace

void WriteNames(ReplyWriter& reply, std::uint32_t bits, std::span<const char* const> names, const char* prefix) {
  std::uint32_t printed = 0;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] != nullptr && (bits >> i & 1) != 0) printed |= 1u << i;
  reply.Set(std::popcount(printed));
  for (std::size_t i = 0; i < names.size(); ++i)
    if ((printed >> i & 1) != 0) reply.Simple(std::string(prefix) + names[i]);
}

void WriteCommandInfo(ReplyWriter& reply, const CommandTable& table, const Command& command) {
  const CommandSpec& spec = *command.spec;
  reply.Array(10);
  reply.Bulk(spec.full_name);
  reply.Integer(spec.arity);
  WriteNames(reply, spec.flags, CommandFlagNames());
  reply.Integer(spec.first_key);
  reply.Integer(spec.last_key);
  reply.Integer(spec.key_step);
  WriteNames(reply, spec.acl, AclCategoryNames(), "@");
  reply.Set(spec.tip_count);
  for (const char* tip : spec.tips()) reply.Bulk(tip);
  reply.Set(spec.key_spec_count);
  for (const KeySpec& key : spec.keys()) WriteKeySpec(reply, key);
  // Redis tells "none" by an empty set and any subcommands by an array.
  if (const int count = CountKnownSubcommands(table, command)) reply.Array(count);
  else reply.Set(0);
  ForEachSubcommand(table, command, [&](const Command& sub) { WriteCommandInfo(reply, table, sub); });
}

void WriteCommandDocs(ReplyWriter& reply, const CommandTable& table, const Command& command) {
  const CommandSpec& spec = *command.spec;
  const int subcommands = CountKnownSubcommands(table, command);
  const bool deprecated = spec.deprecated_since != nullptr;
  reply.Map(3 + (spec.complexity != nullptr) + (spec.internal || deprecated) + deprecated +
            (spec.replaced_by != nullptr) + (spec.argument_count != 0) + (subcommands != 0));
  WritePair(reply, "summary", spec.summary);
  WritePair(reply, "since", spec.since);
  WritePair(reply, "group", spec.group);
  if (spec.complexity != nullptr) WritePair(reply, "complexity", spec.complexity);
  if (spec.internal || deprecated) {
    reply.Bulk("doc_flags");
    reply.Set(spec.internal + deprecated);
    if (deprecated) reply.Simple("deprecated");
    if (spec.internal) reply.Simple("syscmd");
  }
  if (deprecated) WritePair(reply, "deprecated_since", spec.deprecated_since);
  if (spec.replaced_by != nullptr) WritePair(reply, "replaced_by", spec.replaced_by);
  if (spec.argument_count != 0) {
    reply.Bulk("arguments");
    WriteArguments(reply, spec.arguments());
  }
  if (subcommands != 0) {
    reply.Bulk("subcommands");
    reply.Map(subcommands);
    ForEachSubcommand(table, command, [&](const Command& sub) {
      reply.Bulk(sub.full_name());
      WriteCommandDocs(reply, table, sub);
    });
  }
}

std::string ArgumentSyntax(const CommandSpec& spec) { return Join(spec.arguments(), " "); }

}  // namespace slotwise
