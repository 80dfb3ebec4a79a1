// What a command handler sees: its arguments, the reply, and the keyspace under the locks that the executor took for it.
//
// A handler validates everything before it changes anything. It finds keys with Find*, changes them through Db(), and
// reports each change with Changed() (WATCH, propagation) and Notify() (keyspace notifications). What it changed is
// propagated as the client wrote it, unless it says otherwise with Propagate(). Handlers never lock, except those
// registered with LockMode::kSelf, which use StripeGuard.
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>

#include "commands/errors.h"
#include "keyspace/keyspace.h"
#include "resp/reply_writer.h"

namespace slotwise {

class Engine;
class CommandContext;
struct Client;
struct Command;
struct ThreadState;

using Handler = void (*)(CommandContext&);

// What the executor locks around the handler.
enum class LockMode : std::uint8_t {
  kKeys,  // the stripes of the keys in its arguments (none if it has none)
  kAll,   // every stripe: FLUSHALL, SWAPDB
  kSelf,  // nothing; the handler visits stripes one by one with StripeGuard: SCAN, KEYS. Inside MULTI: every stripe, or those of its keys
};

// Keyspace notification classes: the flags of notify-keyspace-events.
enum NotifyClass : int {
  kNotifyKeyspace = 1, kNotifyKeyevent = 2, kNotifyGeneric = 4, kNotifyString = 8, kNotifyList = 16, kNotifySet = 32,
  kNotifyHash = 64, kNotifyZSet = 128, kNotifyExpired = 256, kNotifyEvicted = 512, kNotifyStream = 1024,
  kNotifyKeyMiss = 2048, kNotifyModule = 8192, kNotifyNew = 16384,
};

class CommandContext {
 public:
  using Place = Database::Place;

  Engine& engine;
  ThreadState& thread;
  Client& client;
  ReplyWriter& reply;
  const Command& command;                    // args[0] names it, or its container: CONFIG GET
  std::span<const std::string_view> args;
  std::int64_t now_ms;                       // the clock of this command; absolute Unix ms

  std::size_t argc() const { return args.size(); }
  std::string_view arg(std::size_t i) const { return args[i]; }

  // --- keys. The executor has computed the first key already; others cost a hash and a CRC16.
  KeyRef Key(std::size_t arg_index) const {
    return arg_index == prepared_index ? *prepared_key : KeyRef(args[arg_index]);
  }
  Database& Db();
  Database& Db(int index);
  int db_index() const;

  // Finds a key that is not expired; null place if there is none. An expired one is deleted first (and its DEL is
  // propagated). FindForRead counts a hit or miss and touches the access time; FindForWrite touches it; Peek does neither.
  Place FindForRead(const KeyRef& key);
  Place FindForWrite(const KeyRef& key);
  Place Peek(const KeyRef& key) { return PeekIn(db_index(), key); }
  Place PeekIn(int db, const KeyRef& key);
  // True if `place` is empty or holds `type`; else replies WRONGTYPE.
  bool Expect(Place place, Type type) {
    if (!place || place.entry()->type() == type) [[likely]] return true;
    reply.Error(errors::kWrongType);
    return false;
  }

  // --- changes. The key (of the client's database, or of `db`) was changed: wakes WATCH, counts the command as dirty.
  void Changed(const KeyRef& key) { ChangedIn(db_index(), key); }
  void ChangedIn(int db, const KeyRef& key);
  void MarkDirty(std::int64_t n = 1) { dirty += n; }  // for what has no key: FLUSHALL
  // Deletes the key at `place`, with Changed() and Notify(kNotifyGeneric, "del") left to the caller.
  void Erase(const KeyRef& key, Place place);
  // Keyspace notification, if configured: to __keyspace@db__:key and __keyevent@db__:event.
  void Notify(int notify_class, std::string_view event, std::string_view key) { NotifyIn(db_index(), notify_class, event, key); }
  void NotifyIn(int db, int notify_class, std::string_view event, std::string_view key);

  // --- propagation. Without any of these a command that is dirty is propagated verbatim.
  void Propagate(std::initializer_list<std::string_view> argv) { PropagateIn(db_index(), {argv.begin(), argv.size()}); }
  void Propagate(std::span<const std::string_view> argv) { PropagateIn(db_index(), argv); }
  void PropagateIn(int db, std::span<const std::string_view> argv);
  void PropagateNothing() { propagation_chosen = true; }

  // --- arguments. These reply with Redis's error and return false when the argument does not parse.
  bool IntegerArg(std::size_t i, std::int64_t* out, const char* error = errors::kNotInteger);
  bool IntegerArgInRange(std::size_t i, std::int64_t min, std::int64_t max, std::int64_t* out, const char* error = nullptr);
  bool DoubleArg(std::size_t i, double* out, const char* error = errors::kNotFloat);
  bool ArgIs(std::size_t i, std::string_view word) const;  // case-insensitive
  void Error(std::string_view message) { reply.Error(message); }
  void SyntaxError() { reply.Error(errors::kSyntax); }
  // "ERR wrong number of arguments for 'x' command"
  void WrongArity();
  // `<CONTAINER> HELP`: lines of text, in the form Redis prints them.
  void ReplyHelp(std::span<const std::string_view> lines);

  bool inside_exec() const { return in_exec; }
  bool holds_all() const { return all_locked; }
  bool loading() const;
  // The command has happened already, here or at the primary: nothing expires by the clock meanwhile, no limit applies.
  bool replaying() const;

  // --- the executor's
  std::size_t prepared_index = SIZE_MAX;
  const KeyRef* prepared_key = nullptr;
  std::int64_t dirty = 0;
  bool propagation_chosen = false;
  bool in_exec = false;
  bool all_locked = false;
  bool holds_stripes = false;  // in EXEC: some stripe is held, for some command of the transaction
  std::function<void()> after_unlock = {};  // work that must not hold locks: destroying a flushed database
  std::uint64_t gate = 0;      // the highest log offset that what was read or written depends on
};

// Holds one stripe for a handler of LockMode::kSelf; on release, effects made under it (expired keys) reach the log
// first. Does nothing when the context holds every stripe already.
class StripeGuard {
 public:
  StripeGuard(CommandContext& ctx, int stripe);
  ~StripeGuard();
  StripeGuard(const StripeGuard&) = delete;
  StripeGuard& operator=(const StripeGuard&) = delete;

 private:
  CommandContext& ctx_;
  int stripe_;
};

bool EqualsIgnoreCase(std::string_view a, std::string_view b);

}  // namespace slotwise
