#include "engine/slot_import.h"

#include <algorithm>

#include "base/ablation.h"
#include "base/ticks.h"
#include "commands/key_positions.h"
#include "resp/parser.h"

namespace slotwise {

SlotImport::SlotImport(Engine& engine) : engine_(engine), prepared_(kBatch) {
  client_.kind = ClientKind::kPrimary;
  client_.authenticated = true;
}

void SlotImport::Open(std::string_view job, const SlotSet& slots) {
  std::lock_guard<std::mutex> guard(mutex_);
  slots_.Set(slots);
  job_ = job;
  applied_ = commands_ = bytes_ = 0;
  client_.gate = 0;
  touched_ms_ = MonotonicMs();
  open_.store(true, std::memory_order_release);
}

bool SlotImport::Close(std::string_view job) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (job_.empty() || job_ != job) return false;
  job_.clear();
  open_.store(false, std::memory_order_release);
  return true;
}

SlotImport::Info SlotImport::info() const {
  std::lock_guard<std::mutex> guard(mutex_);
  if (job_.empty()) return {};
  return {job_, commands_, bytes_, MonotonicMs() - touched_ms_};
}

// Why a command may not come here, or nothing.
std::string SlotImport::Admit(std::span<const std::string_view> args, PreparedCommand* prepared) {
  const CommandTable::Resolution resolved = engine_.commands().Resolve(args);
  if (resolved.outcome != CommandTable::Outcome::kOk) return "ERR An import knows no such command";
  const Command& command = *resolved.command;
  const bool fits = command.Is(CommandFlag::kWrite) && command.lock == LockMode::kKeys && !command.spec->IsIn(AclCategory::kScripting);
  std::size_t keys = 0, outside = 0;
  if (fits) {
    ForEachKeyIndex(command, args.data(), args.size(), [&](std::size_t i) {
      ++keys;
      outside += !slots_.Has(HashSlot(args[i]));
    });
  }
  if (keys == 0 || outside > 0) return "ERR '" + std::string(command.full_name()) + "' is not about keys of the slots that are imported";
  *prepared = PreparedCommand();
  prepared->client = &client_;
  prepared->args = args;
  return {};
}

std::string SlotImport::Run(ThreadState& thread, std::size_t count) {
  const bool prefetch = count > 1 && !Ablated().prefetch;
  for (std::size_t i = 0; i < count; ++i) {
    engine_.Prepare(prepared_[i], i == 0 ? nullptr : &prepared_[i - 1]);
    if (prefetch) engine_.PrefetchTable(prepared_[i]);
  }
  for (std::size_t i = 0; prefetch && i < count; ++i) engine_.Prefetch(prepared_[i]);
  for (std::size_t i = 0; prefetch && i < count; ++i) engine_.PrefetchEntry(prepared_[i]);
  std::string error;
  for (std::size_t i = 0; i < count; ++i) {
    if (!engine_.Replay(thread, prepared_[i], &error)) return "ERR An imported command failed: " + error;
    ++commands_;
  }
  return {};
}

std::string SlotImport::Apply(ThreadState& thread, std::string_view job, std::uint64_t number, std::string_view commands, std::uint64_t* gate) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (job_.empty() || job_ != job) return "NOIMPORT This node imports nothing under that name";
  touched_ms_ = MonotonicMs();
  if (number <= applied_) {
    *gate = std::max(*gate, client_.gate);  // that of the last, which is the largest
    return {};
  }
  if (number != applied_ + 1) return "ERR An import takes frame " + std::to_string(applied_ + 1) + " next";
  bytes_ += commands.size();
  OutBuffer* const out = thread.client_out;
  ParserLimits limits;
  limits.max_bulk = std::max<std::int64_t>(engine_.config().Int(Directive::kProtoMaxBulkLen), limits.max_bulk);
  std::string error;
  struct Extent { std::size_t first, count; };
  std::vector<Extent> extents;
  while (!commands.empty() && error.empty()) {
    // A batch is parsed whole before anybody looks at its words: they move while they become more.
    words_.clear();
    extents.clear();
    while (!commands.empty() && error.empty() && extents.size() < kBatch) {
      RespParser parser;
      std::size_t taken = 0;
      const std::size_t first = words_.size();
      const bool array = commands[0] == '*';
      if (!array || parser.Next(commands, limits, words_, &taken) != RespParser::Result::kCommand || words_.size() == first) {
        error = "ERR An import takes whole commands";
        break;
      }
      extents.push_back({first, words_.size() - first});
      commands.remove_prefix(taken);
    }
    std::size_t admitted = 0;
    for (; admitted < extents.size(); ++admitted) {
      std::string refusal = Admit({words_.data() + extents[admitted].first, extents[admitted].count}, &prepared_[admitted]);
      if (refusal.empty()) continue;
      error = std::move(refusal);
      break;
    }
    if (std::string failed = Run(thread, admitted); !failed.empty()) error = std::move(failed);
  }
  thread.client_out = out;
  thread.unit.Clear();  // appended already, one by one
  if (error.empty()) applied_ = number;
  *gate = std::max(*gate, client_.gate);
  return error;
}

}  // namespace slotwise
