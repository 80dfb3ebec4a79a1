#include "engine/client_registry.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "acl/users.h"
#include "commands/command_table.h"
#include "engine/tracking.h"
#include "keyspace/watch_list.h"

namespace slotwise {
namespace {

void Append(std::string* out, std::string_view field, std::int64_t value) {
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out->append(field);
  out->append(digits, static_cast<std::size_t>(end - digits));
}

template <typename T, typename V>
void Set(std::atomic<T>& field, V value) {
  field.store(static_cast<T>(value), std::memory_order_relaxed);
}

template <typename T>
std::int64_t Read(const std::atomic<T>& field) {
  return static_cast<std::int64_t>(field.load(std::memory_order_relaxed));
}

}  // namespace

ClientRecord::ClientRecord(const Client& client)
    : id_(client.id), fd_(client.fd), created_ms_(client.created_ms), address_(client.address),
      local_address_(client.local_address), sink_(client.sink), name_(client.name), account_(client.account) {
  Refresh(client, {});
}

void ClientRecord::Refresh(const Client& client, const ConnectionNumbers& numbers) {
  std::uint32_t flags = 0;
  if (client.in_multi) flags |= kMulti;
  if (client.watch && client.watch->dirty.load(std::memory_order_relaxed)) flags |= kDirtyWatch;
  if (client.close_after_reply) flags |= kCloseAfterReply;
  if (client.unix_socket) flags |= kUnixSocket;
  if (client.readonly) flags |= kReadonly;
  if (client.no_evict) flags |= kNoEvict;
  if (client.monitor) flags |= kMonitor;
  if (client.replica) flags |= kReplica;
  std::int64_t redirect = -1;
  if (client.tracking && client.tracking->on()) {
    const TrackedClient& tracked = *client.tracking->shared;
    flags |= kTracking;
    if (tracked.broken_redirect.load(std::memory_order_relaxed)) flags |= kBrokenRedirect;
    if (tracked.bcast.load(std::memory_order_relaxed)) flags |= kTrackingBcast;
    redirect = static_cast<std::int64_t>(tracked.redirect.load(std::memory_order_relaxed));
  }
  Set(redirect_, redirect);
  if (numbers.wants_write) flags |= kWantsWrite;
  if (numbers.waits) flags |= kBlocked;
  if (const Client::Subscriptions* s = client.subscriptions.get()) {
    if (!s->empty()) flags |= kPubsub;
    Set(channels_, s->channels.size());
    Set(patterns_, s->patterns.size());
    Set(shard_channels_, s->shard_channels.size());
  }
  Set(last_command_, client.last_command);
  Set(last_interaction_ms_, client.last_interaction_ms);
  Set(flags_, flags);
  Set(db_, client.db);
  Set(protocol_, client.protocol);
  Set(queued_, client.in_multi ? static_cast<std::int32_t>(client.queue.size()) : -1);
  Set(queued_memory_, client.queue_bytes);
  std::size_t listeners = client.watched_bytes;
  if (client.subscriptions) listeners += client.subscriptions->bytes;
  if (client.tracking) listeners += client.tracking->prefix_bytes;
  Set(listener_memory_, listeners);
  Set(staleness_, client.max_staleness_ms);
  Set(input_, numbers.input);
  Set(input_free_, numbers.input_free);
  Set(argument_memory_, numbers.argument_memory);
  Set(output_, numbers.output);
  Set(output_chunks_, numbers.output_chunk_count);
  Set(output_memory_, numbers.output_memory);
}

void ClientRecord::SetName(std::string_view name) {
  std::lock_guard<std::mutex> guard(name_mutex_);
  name_ = name;
}

void ClientRecord::SetAccount(std::shared_ptr<const AclAccount> account) {
  std::lock_guard<std::mutex> guard(name_mutex_);
  account_ = std::move(account);
}

std::shared_ptr<const AclAccount> ClientRecord::account() const {
  std::lock_guard<std::mutex> guard(name_mutex_);
  return account_;
}

std::uint64_t ClientRecord::memory() const {
  return sizeof(Client) + sizeof(ClientRecord) +
         static_cast<std::uint64_t>(Read(input_) + Read(input_free_) + Read(argument_memory_) + Read(queued_memory_) + Read(listener_memory_) + Read(output_memory_));
}

void ClientRecord::AppendLine(std::int64_t now_ms, std::string* out) const {
  std::uint32_t flags = this->flags();
  const Command* command = last_command_.load(std::memory_order_relaxed);
  Append(out, "id=", static_cast<std::int64_t>(id_));
  *out += " addr=" + address_ + " laddr=" + local_address_;
  Append(out, " fd=", fd_);
  *out += " name=";
  {
    std::lock_guard<std::mutex> guard(name_mutex_);
    *out += name_;
  }
  auto seconds_since = [&](std::int64_t ms) { return now_ms > ms ? (now_ms - ms) / 1000 : 0; };
  Append(out, " age=", seconds_since(created_ms_));
  Append(out, " idle=", seconds_since(Read(last_interaction_ms_)));
  *out += " flags=";
  std::size_t before = out->size();
  if (flags & kReplica) *out += 'S';
  if (flags & kMonitor) *out += 'O';
  if (flags & kPubsub) *out += 'P';
  if (flags & kMulti) *out += 'x';
  if (flags & kBlocked) *out += 'b';
  if (flags & kTracking) *out += 't';
  if (flags & kBrokenRedirect) *out += 'R';
  if (flags & kTrackingBcast) *out += 'B';
  if (flags & kDirtyWatch) *out += 'd';
  if (flags & kCloseAfterReply) *out += 'c';
  if (flags & kUnixSocket) *out += 'U';
  if (flags & kReadonly) *out += 'r';
  if (flags & kNoEvict) *out += 'e';
  if (out->size() == before) *out += 'N';
  Append(out, " db=", Read(db_));
  Append(out, " sub=", Read(channels_));
  Append(out, " psub=", Read(patterns_));
  Append(out, " ssub=", Read(shard_channels_));
  Append(out, " multi=", Read(queued_));
  Append(out, " qbuf=", Read(input_));
  Append(out, " qbuf-free=", Read(input_free_));
  Append(out, " argv-mem=", Read(argument_memory_));
  Append(out, " multi-mem=", Read(queued_memory_));
  // Redis has a fixed reply buffer (rbs, rbp, obl) and a list behind it (oll, omem); here all output is chunks.
  Append(out, " rbs=", 0);
  Append(out, " rbp=", 0);
  Append(out, " obl=", Read(output_));
  Append(out, " oll=", Read(output_chunks_));
  Append(out, " omem=", Read(output_memory_));
  Append(out, " tot-mem=", static_cast<std::int64_t>(memory()));
  *out += flags & kWantsWrite ? " events=rw" : " events=r";
  *out += " cmd=";
  if (command != nullptr) *out += command->full_name();
  else *out += "NULL";
  std::shared_ptr<const AclAccount> user = account();
  *out += " user=";
  *out += user ? user->name : "default";
  Append(out, " redir=", Read(redirect_));
  Append(out, " resp=", Read(protocol_));
  if (std::int64_t ms = Read(staleness_); ms != 0) Append(out, " staleness=", ms);
  *out += '\n';
}

void ClientRegistry::Add(Client& client) {
  client.record = std::make_shared<ClientRecord>(client);
  std::lock_guard<std::mutex> guard(mutex_);
  records_.emplace(client.id, client.record);
  count_.store(records_.size(), std::memory_order_relaxed);
}

bool ClientRegistry::Remove(std::uint64_t id) {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = records_.find(id);
  if (it == records_.end()) return false;
  CountAs(*it->second, -1, false);
  records_.erase(it);
  count_.store(records_.size(), std::memory_order_relaxed);
  return true;
}

std::shared_ptr<ClientRecord> ClientRegistry::Find(std::uint64_t id) const {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = records_.find(id);
  return it == records_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<ClientRecord>> ClientRegistry::All() const {
  std::lock_guard<std::mutex> guard(mutex_);
  std::vector<std::shared_ptr<ClientRecord>> all;
  all.reserve(records_.size());
  for (const auto& [id, record] : records_) all.push_back(record);
  return all;
}

void ClientRegistry::Count(ClientRecord& record) {
  const auto memory = static_cast<std::int64_t>(record.memory());
  const bool evictable = !record.no_evict();
  // Most turns leave a client as large as it was.
  if (Read(record.counted_) == memory && record.counted_evictable_.load(std::memory_order_relaxed) == evictable) [[likely]] return;
  CountAs(record, memory, evictable);
}

// The owner counts after each turn, and whoever takes the client off the list uncounts it for good.
void ClientRegistry::CountAs(ClientRecord& record, std::int64_t memory, bool evictable) {
  std::lock_guard<std::mutex> guard(record.count_mutex_);
  const std::int64_t counted = Read(record.counted_);
  if (counted < 0) return;
  memory_.fetch_add(std::max<std::int64_t>(memory, 0) - counted, std::memory_order_relaxed);
  const std::int64_t before = record.counted_evictable_.load(std::memory_order_relaxed) ? counted : 0;
  evictable_.fetch_add((evictable ? std::max<std::int64_t>(memory, 0) : 0) - before, std::memory_order_relaxed);
  Set(record.counted_, memory);
  Set(record.counted_evictable_, evictable);
}

std::vector<std::shared_ptr<ClientRecord>> ClientRegistry::EvictLargest(std::uint64_t limit) {
  std::vector<std::shared_ptr<ClientRecord>> candidates = All();
  std::erase_if(candidates, [](const auto& record) { return record->no_evict(); });
  std::ranges::sort(candidates, std::greater<>(), [](const auto& record) { return record->memory(); });
  std::vector<std::shared_ptr<ClientRecord>> evicted;
  for (const auto& record : candidates) {
    if (memory() <= static_cast<std::int64_t>(limit)) break;
    if (Kill(record->id())) evicted.push_back(record);
  }
  return evicted;
}

bool ClientRegistry::Kill(std::uint64_t id) {
  std::shared_ptr<ClientRecord> record = Find(id);
  if (!record || !Remove(id)) return false;
  record->sink()->Kill();
  return true;
}

}  // namespace slotwise
