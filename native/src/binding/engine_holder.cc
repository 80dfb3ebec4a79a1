#include "binding/engine_holder.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <unordered_map>

#include "engine/access_control.h"
#include "net/server.h"

namespace slotwise::binding {
namespace {

// Leaked on purpose: threads may use it while static destructors run.
struct Registry {
  std::mutex mutex;
  std::condition_variable changed;
  std::unordered_map<std::string, std::shared_ptr<EngineHolder>> engines;
  std::vector<EngineHolder*> all;
};
Registry& R() {
  static Registry* registry = new Registry;
  return *registry;
}

// process.exit() runs no cleanup hook on the main thread, but it does run this: what was accepted reaches the disk.
// The lock is only ever held for moments; but a thread that held it may have ended with the process.
void SyncAll() {
  Registry& r = R();
  std::unique_lock<std::mutex> lock(r.mutex, std::defer_lock);
  for (int i = 0; i < 2000 && !lock.try_lock(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!lock.owns_lock()) return;
  for (EngineHolder* h : r.all) (void)h->engine().log().Sync();
}

std::shared_ptr<EngineHolder> Find(Registry& r, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (auto it = r.engines.find(name); it != r.engines.end()) return it->second;
  }
  return nullptr;
}

bool IsUserLine(const std::vector<std::string>& directive) { return directive.size() >= 2 && directive[0] == "user"; }

void Forget(Registry& r, const EngineHolder& holder) {
  std::erase_if(r.engines, [&](const auto& item) { return item.second.get() == &holder; });
}

}  // namespace

Status EngineHolder::Open(const OpenOptions& options, EventListener* listener, std::shared_ptr<EngineHolder>* out) {
  Registry& r = R();
  std::unique_lock<std::mutex> lock(r.mutex);
  std::shared_ptr<EngineHolder> holder;
  for (;;) {
    holder = Find(r, options.names);
    if (holder == nullptr || holder->ready_) break;
    r.changed.wait(lock);
  }
  if (holder == nullptr && options.attach_only) return Status::Error(ENOENT, "no engine of that name is open in this process");
  if (holder != nullptr) {
    ++holder->sessions_;
    // From now on it is found under all of its names.
    for (const std::string& name : options.names) r.engines.try_emplace(name, holder);
    lock.unlock();
    if (listener != nullptr) holder->AddListener(listener);
    *out = std::move(holder);
    return Status::Ok();
  }
  static const bool at_exit = [] { return std::atexit(SyncAll) == 0; }();
  (void)at_exit;
  holder = std::make_shared<EngineHolder>();
  holder->names_ = options.names;
  for (const std::string& name : options.names) r.engines[name] = holder;
  lock.unlock();
  if (listener != nullptr) holder->AddListener(listener);
  Status status = holder->Start(options);
  lock.lock();
  if (status.ok()) {
    holder->ready_ = true;
    holder->sessions_ = 1;
    r.all.push_back(holder.get());
    *out = holder;
  } else {
    Forget(r, *holder);
  }
  r.changed.notify_all();
  lock.unlock();
  if (!status.ok()) {
    std::lock_guard<std::mutex> guard(holder->mutex_);
    holder->listeners_.clear();
  }
  return status;
}

Status EngineHolder::Start(const OpenOptions& options) {
  auto config = std::make_unique<Config>();
  if (Status s = Set(*config, options.directives); !s.ok()) return s;
  if (!options.config_file.empty()) config->SetConfigFile(options.config_file);
  engine_ = std::make_unique<Engine>(std::move(config), *this, this);
  for (const auto& [from, to] : options.renames) {
    if (Status s = engine_->commands().Rename(from, to); !s.ok()) return s;
  }
  for (const std::vector<std::string>& directive : options.directives) {
    if (!IsUserLine(directive)) continue;
    if (Status s = engine_->acl().AddConfiguredUser(std::span<const std::string>(directive).subspan(1)); !s.ok()) return s;
  }
  EngineOptions engine_options;
  engine_options.persistent = options.persistent;
  engine_options.will_listen = options.will_listen;
  engine_options.replays = options.replays;
  engine_options.cluster = options.cluster;
  engine_->set_listen_any_port(options.any_port);
  return engine_->Start(engine_options);
}

Status EngineHolder::Set(Config& config, const std::vector<std::vector<std::string>>& directives) {
  for (const auto& directive : directives) {
    if (directive.empty() || IsUserLine(directive)) continue;
    Status s = config.SetAtStart(directive[0], std::span<const std::string>(directive).subspan(1));
    if (!s.ok()) return Status::Error(EINVAL, directive[0] + ": " + s.message());
  }
  return Status::Ok();
}

Status EngineHolder::Listen(const std::vector<std::vector<std::string>>& directives, bool any_port, int* port) {
  std::lock_guard<std::mutex> guard(listen_mutex_);
  if (engine_->listening()) return Status::Error(EALREADY, "the store is listening already");
  if (Status s = Set(engine_->config(), directives); !s.ok()) return s;
  engine_->set_listen_any_port(any_port);
  Status status = engine_->Listen();
  if (status.ok()) *port = engine_->server()->port();
  return status;
}

void EngineHolder::Join(EngineHolder& holder) {
  std::lock_guard<std::mutex> guard(R().mutex);
  ++holder.sessions_;
}

Status EngineHolder::Leave(std::shared_ptr<EngineHolder> holder, EventListener* listener) {
  Registry& r = R();
  bool last;
  {
    std::lock_guard<std::mutex> guard(r.mutex);
    last = --holder->sessions_ == 0;
    if (last) {
      holder->ready_ = false;  // whoever opens the name meanwhile waits until this engine has let go of its directory
      std::erase(r.all, holder.get());
    }
  }
  Status status;
  if (last) status = holder->engine_->Stop();
  {
    std::lock_guard<std::mutex> guard(holder->mutex_);
    std::erase(holder->listeners_, listener);
  }
  if (last) {
    holder->engine_.reset();
    std::lock_guard<std::mutex> guard(r.mutex);
    Forget(r, *holder);
    r.changed.notify_all();
  }
  return status;
}

void EngineHolder::AddListener(EventListener* listener) {
  std::lock_guard<std::mutex> guard(mutex_);
  listeners_.push_back(listener);
}

void EngineHolder::Emit(Event event) {
  std::lock_guard<std::mutex> guard(mutex_);
  for (EventListener* l : listeners_) l->OnEvent(event);
}

void EngineHolder::Log(LogLevel level, std::string_view message) {
  Emit({Event::Kind::kLog, static_cast<int>(level), std::string(message)});
}

void EngineHolder::OnShutdown(int exit_code) { Emit({Event::Kind::kShutdown, exit_code, {}}); }

void EngineHolder::OnLogLevel(int level) { Emit({Event::Kind::kLogLevel, level, {}}); }

void EngineHolder::OnSemiSync(SemiSync::State state, std::int64_t clients) {
  Emit({Event::Kind::kSemiSync, static_cast<int>(state), std::to_string(clients)});
}

namespace {

std::string Frame(std::span<const std::string_view> words, std::string head = {}) {
  std::string frame = "*" + std::to_string(words.size() + (head.empty() ? 0 : 1)) + "\r\n" + head;
  for (std::string_view w : words) frame.append("$").append(std::to_string(w.size())).append("\r\n").append(w).append("\r\n");
  return frame;
}

}  // namespace

void EngineHolder::OnControlRequest(std::uint32_t request, int protocol, std::span<const std::string_view> args) {
  Emit({Event::Kind::kControlRequest, static_cast<int>(request), Frame(args, ":" + std::to_string(protocol) + "\r\n")});
}

void EngineHolder::OnPublished(std::string_view channel, std::string_view message, bool shard) {
  const std::string_view words[] = {channel, message};
  Emit({Event::Kind::kPublished, shard ? 1 : 0, Frame(words)});
}

}  // namespace slotwise::binding
