#include "engine/replica_stream.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/ablation.h"
#include "base/ticks.h"
#include "engine/replication.h"

namespace slotwise {
namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kRoom = 64 * 1024;
constexpr std::size_t kFirstCapacity = 256 * 1024;

std::string Printable(std::string_view text) {
  std::string out(text.substr(0, 64));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '.';
  }
  return out;
}

}  // namespace

ReplicaStream::ReplicaStream(Engine& engine) : engine_(engine), thread_(engine.AddThread()) {
  client_.id = engine.NextClientId();
  client_.kind = ClientKind::kPrimary;
  client_.authenticated = true;
}

ReplicaStream::~ReplicaStream() { engine_.RemoveThread(thread_); }

void ReplicaStream::Begin(std::uint64_t role, int db) {
  client_.role = role;
  client_.db = db;
  parser_ = RespParser();
  begin_ = scanned_ = size_ = 0;
  in_transaction_ = false;
  error_.clear();
}

std::span<char> ReplicaStream::Room() {
  const std::size_t used = size_ - begin_;
  if (begin_ > 0 && (used == 0 || capacity_ - size_ < kRoom)) {
    std::memmove(data_.get(), data_.get() + begin_, used);
    scanned_ -= begin_;
    size_ = used;
    begin_ = 0;
  }
  if (capacity_ - size_ < kRoom) {
    // With what has arrived, not with what was announced.
    const std::size_t capacity = std::max(kFirstCapacity, capacity_ * 2);
    auto bigger = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(bigger.get(), data_.get(), size_);
    data_ = std::move(bigger);
    capacity_ = capacity;
  } else if (used == 0 && capacity_ > 4 * kFirstCapacity) {
    data_ = std::make_unique_for_overwrite<char[]>(kFirstCapacity);
    capacity_ = kFirstCapacity;
  }
  return {data_.get() + size_, capacity_ - size_};
}

bool ReplicaStream::Refuse(std::string why) {
  error_ = std::move(why);
  return false;
}

// Whether it is a command that a primary may send; finds it.
bool ReplicaStream::Admit(std::span<const std::string_view> args, const Command** found) {
  const CommandTable::Resolution resolved = engine_.commands().Resolve(args);
  if (resolved.outcome != CommandTable::Outcome::kOk) return Refuse("it sent '" + Printable(args[0]) + "', which this server does not know or not in this form");
  const Command& command = *resolved.command;
  *found = &command;
  if (command.Is(CommandId::kSelect)) {
    int db = -1;
    auto [end, error] = std::from_chars(args[1].data(), args[1].data() + args[1].size(), db);
    if (error != std::errc() || end != args[1].data() + args[1].size() || db < 0 || db >= engine_.keyspace().database_count()) {
      return Refuse("it selects database '" + Printable(args[1]) + "', and this server has " + std::to_string(engine_.keyspace().database_count()));
    }
    return true;
  }
  if (command.Is(CommandId::kPing) || command.Is(CommandId::kReplconf) || command.Is(CommandId::kMulti) || command.Is(CommandId::kExec)) return true;
  // What runs outside of the executor's locks reaches out to others (MIGRATE). Scripts are not run here.
  const bool about_data = command.Is(CommandFlag::kWrite) || command.Is(CommandFlag::kMayReplicate);
  if (!about_data || command.lock == LockMode::kSelf || command.spec->IsIn(AclCategory::kScripting)) return Refuse("it sent '" + std::string(command.full_name()) + "', which does not belong into a replication stream");
  return true;
}

ReplicaStream::Result ReplicaStream::Apply() {
  thread_.now_ms = engine_.NowMs();
  const std::size_t most = engine_.config().Bytes(Directive::kClientQueryBufferLimit);
  ParserLimits limits;
  limits.max_bulk = std::max<std::int64_t>(engine_.config().Int(Directive::kProtoMaxBulkLen), limits.max_bulk);
  limits.max_args = std::max<std::int64_t>(engine_.config().Int(Directive::kProtoMaxMultibulkLen), limits.max_args);
  for (;;) {
    std::size_t taken = 0;
    parsed_.clear();
    const std::string_view rest(data_.get() + scanned_, size_ - scanned_);
    // No inline commands, no empty lines: they could not be part of an append-only file.
    const bool array = rest.empty() || rest[0] == '*';
    const RespParser::Result result = array ? parser_.Next(rest, limits, parsed_, &taken) : RespParser::Result::kError;
    if (result == RespParser::Result::kIncomplete) {
      if (Result r = RunBatch(); r != Result::kFine) return r;
      if (unapplied() > most) {
        Refuse("a command or transaction is larger than client-query-buffer-limit");
        return Result::kBad;
      }
      return Result::kFine;
    }
    const Command* command = nullptr;
    bool good = result == RespParser::Result::kCommand && !parsed_.empty();
    if (!good) Refuse("it sent something that is not a command: '" + Printable(rest) + "'" + (array ? std::string(" (") + parser_.error() + ")" : ""));
    good = good && Admit(parsed_, &command);
    if (good && command->Is(CommandId::kMulti) && in_transaction_) good = Refuse("it sent MULTI inside of a transaction");
    if (good && command->Is(CommandId::kExec) && !in_transaction_) good = Refuse("it sent EXEC outside of a transaction");
    if (!good) {
      // What came before is fine.
      const std::string why = std::move(error_);
      if (Result r = RunBatch(); r != Result::kFine) return r;
      error_ = why;
      return Result::kBad;
    }
    const std::string_view wire(data_.get() + scanned_, taken);
    if (command->Is(CommandId::kMulti)) {
      if (Result r = RunBatch(); r != Result::kFine) return r;
      in_transaction_ = true;
    }
    scanned_ += taken;
    if (in_transaction_) {
      if (!command->Is(CommandId::kExec)) continue;
      if (Result r = RunTransaction(); r != Result::kFine) return r;
      in_transaction_ = false;
      begin_ = scanned_;
      continue;
    }
    items_.push_back({args_.size(), parsed_.size(), wire});
    args_.insert(args_.end(), parsed_.begin(), parsed_.end());
    if (items_.size() == kBatch) {
      if (Result r = RunBatch(); r != Result::kFine) return r;
    }
  }
}

ReplicaStream::Result ReplicaStream::RunBatch() {
  const std::size_t n = items_.size();
  if (n == 0) return Result::kFine;
  prepared_.resize(std::max(prepared_.size(), n));
  const bool prefetch = n > 1 && !Ablated().prefetch;
  for (std::size_t i = 0; i < n; ++i) {
    PreparedCommand& p = prepared_[i];
    p.client = &client_;
    p.args = {args_.data() + items_[i].first_arg, items_[i].argc};
    engine_.Prepare(p, i == 0 ? nullptr : &prepared_[i - 1]);
    if (prefetch) engine_.PrefetchTable(p);
  }
  if (prefetch) {
    for (std::size_t i = 0; i < n; ++i) engine_.Prefetch(prepared_[i]);
    for (std::size_t i = 0; i < n; ++i) engine_.PrefetchEntry(prepared_[i]);
    engine_.PrefetchObjects({prepared_.data(), n});
  }
  Result result = Result::kFine;
  for (std::size_t i = 0; i < n && result == Result::kFine; ++i) result = RunUnit({&prepared_[i], 1}, items_[i].wire);
  items_.clear();
  args_.clear();
  begin_ = in_transaction_ ? begin_ : scanned_;
  return result;
}

// Everything from begin_ to scanned_, which was parsed once already, is in order, and whose arguments nobody kept.
ReplicaStream::Result ReplicaStream::RunTransaction() {
  const std::string_view wire(data_.get() + begin_, scanned_ - begin_);
  ParserLimits limits;
  limits.max_bulk = limits.max_args = INT64_MAX;
  RespParser parser;
  for (std::size_t at = 0, taken = 0; at < wire.size(); at += taken) {
    parsed_.clear();
    if (parser.Next(wire.substr(at), limits, parsed_, &taken) != RespParser::Result::kCommand) return Refuse("a transaction changed while it was read"), Result::kBad;
    items_.push_back({args_.size(), parsed_.size(), {}});
    args_.insert(args_.end(), parsed_.begin(), parsed_.end());
  }
  // Without MULTI and EXEC.
  const std::size_t n = items_.size() - 2;
  prepared_.resize(std::max(prepared_.size(), n));
  std::size_t count = 0;
  for (std::size_t i = 1; i <= n; ++i) {
    PreparedCommand& p = prepared_[count];
    p.client = &client_;
    p.args = {args_.data() + items_[i].first_arg, items_[i].argc};
    engine_.Prepare(p);
    // A primary that asks for an acknowledgement asks outside of transactions; here it would be a lie, and is of no use.
    if (!p.command->Is(CommandId::kReplconf)) ++count;
  }
  const Result result = RunUnit({prepared_.data(), count}, wire);
  items_.clear();
  args_.clear();
  return result;
}

ReplicaStream::Result ReplicaStream::RunUnit(std::span<PreparedCommand> unit, std::string_view wire) {
  if (unit.size() == 1 && unit[0].command->Is(CommandId::kReplconf)) {
    if (on_get_ack && unit[0].args.size() > 1 && EqualsIgnoreCase(unit[0].args[1], "getack")) on_get_ack();
    unit = {};
  } else if (unit.size() == 1 && unit[0].command->Is(CommandId::kPing)) {
    unit = {};
  }
  const std::uint64_t failed = failed_;
  if (!engine_.ApplyReceived(thread_, client_, unit, wire, &failed_, &command_error_)) return Result::kNotObeyed;
  if (failed_ != failed) [[unlikely]] {
    const std::int64_t now_ms = MonotonicMs();
    if (now_ms >= next_warning_ms_) {
      next_warning_ms_ = now_ms + 1000;
      engine_.logger().Warn("== CRITICAL == This replica is sending an error to its master: '" + Printable(command_error_) + "' (" + std::to_string(failed_) +
                            " such errors so far)");
    }
  }
  return Result::kFine;
}

}  // namespace slotwise
