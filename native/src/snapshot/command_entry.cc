#include "snapshot/command_entry.h"

#include <charconv>

#include "base/double_text.h"
#include "keyspace/entry.h"
#include "values/hash_value.h"
#include "values/list.h"
#include "values/set_value.h"
#include "values/sorted_set.h"
#include "values/string_value.h"

namespace slotwise {
namespace {

constexpr std::size_t kMembersMax = 64;  // AOF_REWRITE_ITEMS_PER_CMD

void AppendNumber(char type, std::size_t n, std::string& out) {
  char text[24];
  text[0] = type;
  char* end = std::to_chars(text + 1, text + sizeof text - 2, n).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(text, static_cast<std::size_t>(end - text));
}

// Commands of one verb on one key, begun as members come.
class Batches {
 public:
  Batches(std::string_view verb, std::string_view key, std::size_t members, std::size_t words, std::string& out)
      : verb_(verb), key_(key), left_(members), words_(words), out_(out) {}
  // Its words follow.
  void Member() {
    if (in_command_ == 0) {
      in_command_ = left_ < kMembersMax ? left_ : kMembersMax;
      AppendCommandHead(2 + in_command_ * words_, out_);
      AppendCommandWord(verb_, out_);
      AppendCommandWord(key_, out_);
    }
    --in_command_;
    --left_;
  }

 private:
  const std::string_view verb_;
  const std::string_view key_;
  std::size_t left_;
  const std::size_t words_;
  std::size_t in_command_ = 0;
  std::string& out_;
};

void AppendItem(const ListpackItem& item, std::string& out) {
  IntScratch scratch;
  AppendCommandWord(item.View(scratch), out);
}

void AppendList(const Entry* entry, std::string& out) {
  List list = List::Of(entry);
  Batches batches("RPUSH", entry->key(), list.size(), 1, out);
  list.ForEachNode([&](ListNode node) {
    if (node.plain()) {
      batches.Member();
      return AppendCommandWord(node.blob()->view(), out);
    }
    Listpack pack = node.pack();
    for (auto c = pack.First(); c != nullptr; c = pack.Next(c)) {
      batches.Member();
      AppendItem(Listpack::Get(c), out);
    }
  });
}

void AppendSet(const Entry* entry, std::string& out) {
  SetValue set(entry);
  Batches batches("SADD", entry->key(), set.size(), 1, out);
  set.Visit([&](const ListpackItem& member) {
    batches.Member();
    AppendItem(member, out);
  });
}

void AppendSortedSet(const Entry* entry, std::string& out) {
  SortedSet set(entry->encoding(), entry->pointer());
  Batches batches("ZADD", entry->key(), set.size(), 2, out);
  set.VisitAll([&](std::string_view member, double score) {
    char text[32];
    batches.Member();
    AppendCommandWord({text, PrintDouble(score, text)}, out);
    AppendCommandWord(member, out);
    return true;
  });
}

void AppendHash(const Entry* entry, std::string& out) {
  HashValue hash(entry);
  Batches batches("HMSET", entry->key(), hash.size(), 2, out);
  hash.Visit([&](const ListpackItem& field, const ListpackItem& value) {
    batches.Member();
    AppendItem(field, out);
    AppendItem(value, out);
  });
}

}  // namespace

void AppendCommandHead(std::size_t argc, std::string& out) { AppendNumber('*', argc, out); }

void AppendCommandWord(std::string_view word, std::string& out) {
  AppendNumber('$', word.size(), out);
  out.append(word);
  out.append("\r\n");
}

void AppendEntryCommands(const Entry* entry, std::string& out) {
  switch (entry->type()) {
    case Type::kList: AppendList(entry, out); break;
    case Type::kSet: AppendSet(entry, out); break;
    case Type::kZSet: AppendSortedSet(entry, out); break;
    case Type::kHash: AppendHash(entry, out); break;
    default: {
      IntScratch scratch;
      AppendCommandHead(3, out);
      AppendCommandWord("SET", out);
      AppendCommandWord(entry->key(), out);
      AppendCommandWord(StringBytes(entry, scratch), out);
    }
  }
  if (!entry->has_expire()) return;
  AppendCommandHead(3, out);
  AppendCommandWord("PEXPIREAT", out);
  AppendCommandWord(entry->key(), out);
  AppendCommandWord(std::to_string(entry->expire_at_ms()), out);
}

}  // namespace slotwise
