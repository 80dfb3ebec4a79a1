#include "binding/session_binding.h"

#include <cstring>
#include <utility>

#include "binding/msgpack_text.h"
#include "binding/napi_util.h"
#include "engine/cluster.h"
#include "engine/control_desk.h"
#include "engine/copy_lease.h"
#include "engine/pubsub.h"
#include "engine/replication.h"
#include "net/server.h"

namespace slotwise::binding {
namespace {

constexpr std::size_t kEventsMax = 10000;      // waiting for JavaScript; beyond that log lines are dropped
constexpr std::int32_t kAsciiBit = EmbeddedSession::kAsciiBit;
constexpr std::int32_t kClosed = -3;
// Words of the call, as in packages/engine/src/addon.ts.
constexpr std::size_t kCallLength = 0;
constexpr std::size_t kCallAt = 1;
constexpr std::size_t kCallWords = 2;
constexpr std::int32_t kNotAscii = -4;
constexpr std::int32_t kWaits = -5;
static_assert(EmbeddedSession::kStale == -6 && EmbeddedSession::kElsewhere == -7);  // the next ones
constexpr std::size_t kDirectKeyMax = 256;
constexpr std::int64_t kAwaitMs = 100;  // how soon the end of a session is noticed by who waits for replicas
constexpr std::size_t kMessageBytesMax = 64 * 1024 * 1024;  // waiting for JavaScript; beyond that messages are dropped, and it is told

}  // namespace

// Published messages and answers to calls that waited on their way to JavaScript: any thread pushes, the environment's thread delivers.
class SessionBinding::PushSink final : public ClientSink {
 public:
  explicit PushSink(SessionBinding& binding) : binding_(&binding) {}
  // At once: a caller inside the process sees what memory holds, and waits for more only where it says so (sync()).
  void Push(std::shared_ptr<const std::string>, std::shared_ptr<const std::string> resp3, std::uint64_t) override {
    Post({Event::Kind::kMessage, 0, *resp3});
  }
  void Kill() override {}  // nobody outside may close what an application has opened
  void Post(Event event) {
    std::lock_guard<std::mutex> guard(mutex_);
    if (binding_ != nullptr) binding_->OnEvent(event);
  }
  void Detach() {
    std::lock_guard<std::mutex> guard(mutex_);
    binding_ = nullptr;
  }

 private:
  std::mutex mutex_;
  SessionBinding* binding_;
};

struct SessionBinding::AsyncTask {
  SessionBinding* self;
  Work work;
  OpenOptions options;
  napi_deferred deferred = nullptr;
  napi_async_work handle = nullptr;
  Status status;
  std::shared_ptr<EngineHolder> holder;
  int port = 0;
};

napi_value SessionBinding::Open(napi_env env, OpenOptions options, napi_value on_event) {
  auto* self = new SessionBinding(env);
  napi_add_env_cleanup_hook(env, Cleanup, self);
  napi_valuetype type = napi_undefined;
  napi_typeof(env, on_event, &type);
  if (type == napi_function) {
    napi_create_threadsafe_function(env, on_event, nullptr, Text(env, "slotwise events"), 0, 1, self, ForgetEvents, self, DeliverEvents,
                                    &self->events_function_);
    napi_unref_threadsafe_function(env, self->events_function_);
    self->has_listener_ = self->function_alive_ = self->events_function_ != nullptr;
  }
  return self->Queue(Work::kOpen, std::move(options));
}

SessionBinding::~SessionBinding() = default;

const char* SessionBinding::FailureCode(Work work, const Status& status) {
  switch (work) {
    case Work::kOpen:
      switch (status.code()) {
        case EWOULDBLOCK: return "LOCKED";
        case ENOENT: return "NOENT";
        case EADDRINUSE: return "LISTEN";
        default: return "OPEN";
      }
    case Work::kListen:
      return "LISTEN";
    default:
      return status.code() == ECANCELED ? "CLOSED" : "LOG";
  }
}

napi_value SessionBinding::Queue(Work work, OpenOptions options) {
  auto* task = new AsyncTask{this, work, std::move(options), nullptr, nullptr, {}, holder_, 0};
  // While a pool thread works with the engine it counts as a session: whoever leaves meanwhile does not stop it.
  if (work == Work::kSync || work == Work::kListen) EngineHolder::Join(*holder_);
  napi_value promise = nullptr;
  napi_create_promise(env_, &task->deferred, &promise);
  napi_create_async_work(env_, nullptr, Text(env_, "slotwise"), Execute, Complete, task, &task->handle);
  ++pending_tasks_;
  napi_queue_async_work(env_, task->handle);
  return promise;
}

// Everything that was appended by now: on disk, and at replicas as far as that is the promise. Whoever closes the session
// waits no longer for replicas.
Status SessionBinding::WaitUntilPromised(Engine& engine) {
  const std::uint64_t offset = engine.log().tail();
  if (Status s = engine.log().Sync(); !s.ok()) return s;
  while (!engine.semi_sync().Await(offset, kAwaitMs)) {
    if (closing_.load(std::memory_order_relaxed)) return Status::Error(ECANCELED, "the store was closed before enough replicas had acknowledged");
  }
  if (engine.semi_sync().Broken(offset)) return Status::Error(EIO, "this server became a replica before enough others had acknowledged");
  return Status::Ok();
}

// On a thread of the pool.
void SessionBinding::Execute(napi_env, void* data) {
  auto* task = static_cast<AsyncTask*>(data);
  SessionBinding* self = task->self;
  switch (task->work) {
    case Work::kOpen:
      task->status = EngineHolder::Open(task->options, self->listener(), &task->holder);
      break;
    case Work::kSync:
      task->status = self->WaitUntilPromised(task->holder->engine());
      (void)EngineHolder::Leave(std::move(task->holder), nullptr);
      break;
    case Work::kListen:
      task->status = task->holder->Listen(task->options.directives, task->options.any_port, &task->port);
      (void)EngineHolder::Leave(std::move(task->holder), nullptr);
      break;
    case Work::kClose:
      if (task->holder) task->status = EngineHolder::Leave(std::move(task->holder), self->listener());
      break;
  }
}

// Back on the JavaScript thread.
void SessionBinding::Complete(napi_env env, napi_status, void* data) {
  std::unique_ptr<AsyncTask> task(static_cast<AsyncTask*>(data));
  SessionBinding* self = task->self;
  --self->pending_tasks_;
  napi_delete_async_work(env, task->handle);
  if (self->environment_gone_) {
    if (task->work == Work::kOpen && task->holder) (void)EngineHolder::Leave(std::move(task->holder), self->listener());
    self->DeleteIfDone();
    return;
  }
  if (!task->status.ok()) {
    napi_reject_deferred(env, task->deferred, ErrorObject(env, FailureCode(task->work, task->status), task->status.message()));
  } else if (task->work == Work::kOpen) {
    self->holder_ = std::move(task->holder);
    self->session_ = std::make_unique<EmbeddedSession>(self->holder_->engine());
    self->session_->client().sink = std::make_shared<PushSink>(*self);
    napi_resolve_deferred(env, task->deferred, self->MakeObject());
  } else {
    napi_resolve_deferred(env, task->deferred, Number(env, task->port));
  }
  if (task->work == Work::kClose || (task->work == Work::kOpen && !task->status.ok())) self->ReleaseEvents();
}

// worker.terminate(), or the end of the process: the environment goes away under us.
void SessionBinding::Cleanup(void* data) {
  auto* self = static_cast<SessionBinding*>(data);
  self->environment_gone_ = true;
  self->closing_.store(true, std::memory_order_relaxed);
  self->CloseSession();
  if (self->holder_) (void)EngineHolder::Leave(std::move(self->holder_), self->listener());
  self->DeleteIfDone();
}

// Tasks under way and the function that carries events refer to this object until they have been told of the end.
void SessionBinding::DeleteIfDone() {
  if (environment_gone_ && pending_tasks_ == 0 && !function_alive_) delete this;
}

// The session goes first, then the sink forgets this object: no message comes after that.
void SessionBinding::CloseSession() {
  if (!session_) return;
  CloseControl();
  auto sink = std::static_pointer_cast<PushSink>(session_->client().sink);
  session_.reset();
  sink->Detach();
}

void SessionBinding::ReleaseEvents() {
  napi_threadsafe_function function;
  {
    std::lock_guard<std::mutex> guard(events_mutex_);
    function = std::exchange(events_function_, nullptr);
  }
  if (function != nullptr) napi_release_threadsafe_function(function, napi_tsfn_release);
}

// The function is about to go, with its environment or because it was released: nobody may call it any more.
void SessionBinding::ForgetEvents(napi_env, void* data, void*) {
  auto* self = static_cast<SessionBinding*>(data);
  {
    std::lock_guard<std::mutex> guard(self->events_mutex_);
    self->events_function_ = nullptr;
  }
  self->function_alive_ = false;
  self->DeleteIfDone();
}

void SessionBinding::OnEvent(const Event& event) {
  std::lock_guard<std::mutex> guard(events_mutex_);
  if (events_function_ == nullptr) return;
  if (event.kind == Event::Kind::kLog && events_.size() >= kEventsMax) return;
  if (event.kind >= Event::Kind::kControlRequest && !control_.load(std::memory_order_relaxed)) return;
  if (event.kind == Event::Kind::kMessage) {
    if (message_bytes_ + event.text.size() > kMessageBytesMax) {
      if (std::exchange(messages_lost_, true)) return;
      events_.push_back({Event::Kind::kMessagesLost, 0, {}});
    } else {
      messages_lost_ = false;
      message_bytes_ += event.text.size();
      events_.push_back(event);
    }
  } else {
    events_.push_back(event);
  }
  if (events_scheduled_) return;
  // One wake for however many events come before it is served.
  events_scheduled_ = napi_call_threadsafe_function(events_function_, nullptr, napi_tsfn_nonblocking) == napi_ok;
}

void SessionBinding::DeliverEvents(napi_env env, napi_value callback, void* context, void*) {
  auto* self = static_cast<SessionBinding*>(context);
  std::deque<Event> events;
  {
    std::lock_guard<std::mutex> guard(self->events_mutex_);
    events.swap(self->events_);
    self->message_bytes_ = 0;
    self->events_scheduled_ = false;
  }
  if (env == nullptr) return;
  for (const Event& e : events) {
    bool is_frame = e.kind == Event::Kind::kMessage || e.kind == Event::Kind::kReply || e.kind >= Event::Kind::kControlRequest;
    napi_value payload = is_frame ? Bytes(env, e.text) : Text(env, e.text);
    napi_value args[] = {Int32(env, static_cast<std::int32_t>(e.kind)), Int32(env, e.number), payload};
    napi_value result;
    if (napi_call_function(env, Undefined(env), callback, 3, args, &result) != napi_ok) return;
  }
}

template <napi_value (SessionBinding::*Method)(napi_env, napi_value)>
napi_value SessionBinding::CallWithKey(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_value key = nullptr;
  std::size_t count = 1;
  napi_get_cb_info(env, info, &count, &key, nullptr, &data);
  return (static_cast<SessionBinding*>(data)->*Method)(env, count == 0 ? nullptr : key);
}

template <napi_value (SessionBinding::*Method)(napi_env, napi_value*, std::size_t)>
napi_value SessionBinding::Call(napi_env env, napi_callback_info info) {
  Arguments<SessionBinding, 5> a(env, info);
  return (a.data->*Method)(env, a.values, a.count);
}

napi_value SessionBinding::MakeObject() {
  napi_value object = nullptr;
  napi_create_object(env_, &object);
  struct Function {
    const char* name;
    napi_callback callback;
  };
  const Function functions[] = {
      {"setPages", Call<&SessionBinding::SetPages>},
      {"get", CallWithKey<&SessionBinding::Get>},
      {"getText", CallWithKey<&SessionBinding::GetText>},
      {"getMsgpackText", CallWithKey<&SessionBinding::GetMsgpackText>},
      {"set", Call<&SessionBinding::Set>},           {"getMany", Call<&SessionBinding::GetMany>},
      {"command", Call<&SessionBinding::Command>},   {"commands", Call<&SessionBinding::Commands>},
      {"wait", Call<&SessionBinding::Wait>},         {"cancelWait", Call<&SessionBinding::CancelWait>},
      {"forgetWait", Call<&SessionBinding::ForgetWait>},
      {"takeReply", Call<&SessionBinding::TakeReply>}, {"lastError", Call<&SessionBinding::LastError>},
      {"sync", Call<&SessionBinding::Sync>},         {"listen", Call<&SessionBinding::Listen>},
      {"close", Call<&SessionBinding::CloseAsync>},  {"select", Call<&SessionBinding::SelectDb>},
      {"stats", Call<&SessionBinding::Stats>},       {"setAsciiHead", Call<&SessionBinding::SetAsciiHead>},
      {"openControl", Call<&SessionBinding::OpenControl>},     {"answerControl", Call<&SessionBinding::AnswerControl>},
      {"setSlotMap", Call<&SessionBinding::SetSlotMap>},       {"clearSlot", Call<&SessionBinding::ClearSlot>},
      {"deliver", Call<&SessionBinding::Deliver>},             {"setServesUntil", Call<&SessionBinding::SetServesUntil>},
      {"setCopyDuty", Call<&SessionBinding::SetCopyDuty>},
  };
  for (const Function& f : functions) {
    napi_value function = nullptr;
    napi_create_function(env_, f.name, NAPI_AUTO_LENGTH, f.callback, this, &function);
    napi_set_named_property(env_, object, f.name, function);
  }
  return object;
}

void SessionBinding::DropPage(Page& page) {
  if (page.reference != nullptr) napi_delete_reference(env_, page.reference);
  page = {};
}

void SessionBinding::SetPage(Page& page, napi_value array, napi_typedarray_type expected) {
  DropPage(page);
  void* data = nullptr;
  std::size_t length = 0;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env_, array, &type, &length, &data, nullptr, nullptr) != napi_ok || type != expected) return;
  page.data = static_cast<char*>(data);
  page.size = length * (expected == napi_int32_array ? sizeof(std::int32_t) : 1);
  napi_create_reference(env_, array, 1, &page.reference);
}

// setPages(request, result, call): two Uint8Arrays and an Int32Array that JavaScript neither detaches nor resizes.
napi_value SessionBinding::SetPages(napi_env, napi_value* args, std::size_t) {
  SetPage(request_, args[0], napi_uint8_array);
  SetPage(result_, args[1], napi_uint8_array);
  SetPage(call_, args[2], napi_int32_array);
  return nullptr;
}

// A short ASCII string as an argument. UTF-16 is what can be asked for without losing anything, and is narrowed in a few
// instructions; writing such a key into the request page from JavaScript takes twice as long.
struct SessionBinding::DirectKey {
  char16_t wide[kDirectKeyMax + 1];
  char bytes[kDirectKeyMax];
  std::size_t size = 0;
  bool Read(napi_env env, napi_value value) {
    if (napi_get_value_string_utf16(env, value, wide, kDirectKeyMax + 1, &size) != napi_ok) return false;
    unsigned bits = 0;
    for (std::size_t i = 0; i < size; ++i) {
      bits |= wide[i];
      bytes[i] = static_cast<char>(wide[i]);
    }
    return bits < 128;
  }
};

// get(key?), getText(key?), getMsgpackText(key?): a lookup. Without an argument the key is at 0 of the request page, its
// length in the call words. The value goes to the place in the result page that the call words name; its length | ASCII
// bit, or a negative code, into the call words: each number that is an argument or a result costs nanoseconds here.
std::int64_t SessionBinding::LookUp(napi_env env, napi_value key, bool* ascii) {
  if (!session_ || call_.size != kCallWords * sizeof(std::int32_t)) return kClosed;
  auto at = static_cast<std::uint32_t>(CallWords()[kCallAt]);
  if (at > result_.size) return kClosed;
  std::span<char> buffer{result_.data + at, result_.size - at};
  if (key != nullptr) {
    DirectKey direct;
    if (!direct.Read(env, key)) return kNotAscii;
    return session_->Get({direct.bytes, direct.size}, buffer, ascii);
  }
  auto key_length = static_cast<std::uint32_t>(CallWords()[kCallLength]);
  if (!InRequest(key_length)) return kClosed;
  return session_->Get({request_.data, key_length}, buffer, ascii);
}

napi_value SessionBinding::Answer(std::int64_t n, bool ascii) {
  auto length = static_cast<std::int32_t>(n);
  if (call_.data != nullptr) CallWords()[kCallLength] = n >= 0 && ascii ? length | kAsciiBit : length;
  return nullptr;
}

napi_value SessionBinding::Get(napi_env env, napi_value key) {
  bool ascii = false;
  std::int64_t n = LookUp(env, key, &ascii);
  return Answer(n, ascii);
}

// The value as a string if every byte is below 128.
napi_value SessionBinding::GetText(napi_env env, napi_value key) {
  bool ascii = false;
  std::int64_t n = LookUp(env, key, &ascii);
  if (n >= 0 && ascii) {
    napi_value text = nullptr;
    const char* value = result_.data + CallWords()[kCallAt];
    if (napi_create_string_latin1(env, value, static_cast<std::size_t>(n), &text) == napi_ok) return text;
  }
  return Answer(n, ascii);
}

// The same if the value is a MessagePack string.
napi_value SessionBinding::GetMsgpackText(napi_env env, napi_value key) {
  bool ascii = false;
  std::int64_t n = LookUp(env, key, &ascii);
  if (n > 0 && ascii) {
    const char* value = result_.data + CallWords()[kCallAt];
    std::size_t head = AsciiStringHead({value, static_cast<std::size_t>(n)});
    napi_value text = nullptr;
    if (head > 0 && napi_create_string_latin1(env, value + head, static_cast<std::size_t>(n) - head, &text) == napi_ok) return text;
  }
  return Answer(n, ascii);
}

// set(keyLength, valueLength, ttlMs) -> 0, or -1: lastError(). Key and value are back to back in the request page.
napi_value SessionBinding::Set(napi_env env, napi_value* args, std::size_t) {
  std::size_t key_length = Uint32(env, args[0]);
  std::size_t value_length = Uint32(env, args[1]);
  if (!session_ || !InRequest(key_length + value_length)) return Int32(env, kClosed);
  double ttl = Double(env, args[2]);
  const std::string* error = session_->Set({request_.data, key_length}, {request_.data + key_length, value_length},
                                           ttl < 0 ? kNoExpire : static_cast<std::int64_t>(ttl));
  if (error == nullptr) return Int32(env, 0);
  last_error_ = *error;
  return Int32(env, -1);
}

// The request page holds `count` u32 lengths and then the bytes they describe.
bool SessionBinding::SplitRequest(std::size_t count, std::size_t bytes) {
  if (!InRequest(bytes) || count > bytes / 4) return false;
  args_.clear();
  std::size_t at = count * 4;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t n;
    std::memcpy(&n, request_.data + i * 4, 4);
    if (n > bytes - at) return false;
    args_.emplace_back(request_.data + at, n);
    at += n;
  }
  return true;
}

// getMany(count, requestBytes, at) -> bytes used from `at` of the result page, or a negative code.
napi_value SessionBinding::GetMany(napi_env env, napi_value* args, std::size_t) {
  std::uint32_t at = Uint32(env, args[2]);
  if (!session_ || at > result_.size || !SplitRequest(Uint32(env, args[0]), Uint32(env, args[1]))) return Int32(env, kClosed);
  return Number(env, static_cast<double>(session_->GetMany(args_, {result_.data + at, result_.size - at})));
}

// Moves the reply into the result page; if it does not fit it stays for takeReply, and the size needed is told.
std::int64_t SessionBinding::MoveReply(std::size_t at) {
  OutBuffer& out = session_->reply();
  std::uint64_t n = out.pending();
  if (at > result_.size || n > result_.size - at) return EmbeddedSession::Needs(static_cast<std::size_t>(n));
  for (std::size_t end = at + n; at < end;) {
    iovec vectors[32];
    int count = out.Gather(vectors, 32, UINT64_MAX);
    std::size_t moved = 0;
    for (int i = 0; i < count; ++i) {
      std::memcpy(result_.data + at + moved, vectors[i].iov_base, vectors[i].iov_len);
      moved += vectors[i].iov_len;
    }
    out.Consume(moved);
    at += moved;
  }
  return static_cast<std::int64_t>(n);
}

// command(argc, requestBytes, at) -> bytes of the RESP3 reply in the result page, or a negative code.
napi_value SessionBinding::Command(napi_env env, napi_value* args, std::size_t) {
  std::uint32_t argc = Uint32(env, args[0]);
  if (!session_ || argc == 0 || !SplitRequest(argc, Uint32(env, args[1]))) return Int32(env, kClosed);
  session_->Call(args_);
  return Number(env, static_cast<double>(MoveReply(Uint32(env, args[2]))));
}

// commands(commandCount, totalArgs, requestBytes, at): the page starts with `commandCount` u32 argument counts.
napi_value SessionBinding::Commands(napi_env env, napi_value* args, std::size_t) {
  std::size_t commands = Uint32(env, args[0]);
  std::size_t total = Uint32(env, args[1]);
  std::size_t bytes = Uint32(env, args[2]);
  if (!session_ || !InRequest(bytes) || commands > bytes / 4 || !InRequest(commands * 4)) return Int32(env, kClosed);
  argcs_.resize(commands);
  std::memcpy(argcs_.data(), request_.data, commands * 4);
  std::size_t sum = 0;
  for (std::uint32_t n : argcs_) {
    if (n == 0 || n > total) return Int32(env, kClosed);
    sum += n;
  }
  Page whole = request_;
  request_.data += commands * 4;
  request_.size -= commands * 4;
  bool valid = sum == total && SplitRequest(total, bytes - commands * 4);
  request_ = whole;
  if (!valid) return Int32(env, kClosed);
  session_->CallMany(argcs_, args_);
  return Number(env, static_cast<double>(MoveReply(Uint32(env, args[3]))));
}

// wait(argc, requestBytes, at) -> as command(); or kWaits, and the token of the call in the first of the call words: the
// reply follows as an event.
napi_value SessionBinding::Wait(napi_env env, napi_value* args, std::size_t) {
  std::uint32_t argc = Uint32(env, args[0]);
  if (!session_ || call_.data == nullptr || argc == 0 || !SplitRequest(argc, Uint32(env, args[1]))) return Int32(env, kClosed);
  std::int32_t token = next_token_;
  next_token_ = token == INT32_MAX ? 1 : token + 1;
  auto sink = std::static_pointer_cast<PushSink>(session_->client().sink);
  std::uint64_t id = session_->CallWaiting(args_, [sink, token](std::string reply) {
    sink->Post({Event::Kind::kReply, token, std::move(reply)});
  });
  if (id == 0) return Number(env, static_cast<double>(MoveReply(Uint32(env, args[2]))));
  waits_[token] = id;
  CallWords()[kCallLength] = token;
  return Int32(env, kWaits);
}

// cancelWait(token, aborted) -> whether the call ends by that; false: its reply is on its way, or it is no more.
napi_value SessionBinding::CancelWait(napi_env env, napi_value* args, std::size_t) {
  auto it = waits_.find(static_cast<std::int32_t>(Uint32(env, args[0])));
  bool cancelled = session_ && it != waits_.end() && session_->CancelWait(it->second, Bool(env, args[1]));
  napi_value out = nullptr;
  napi_get_boolean(env, cancelled, &out);
  return out;
}

// forgetWait(token): its reply has arrived.
napi_value SessionBinding::ForgetWait(napi_env env, napi_value* args, std::size_t) {
  waits_.erase(static_cast<std::int32_t>(Uint32(env, args[0])));
  return nullptr;
}

// takeReply(at) -> as command(), after the result page has grown.
napi_value SessionBinding::TakeReply(napi_env env, napi_value* args, std::size_t) {
  if (!session_) return Int32(env, kClosed);
  return Number(env, static_cast<double>(MoveReply(Uint32(env, args[0]))));
}

napi_value SessionBinding::LastError(napi_env env, napi_value*, std::size_t) { return Text(env, last_error_); }

// sync() -> Promise: everything changed before the call is on disk, and at replicas if that is the promise.
napi_value SessionBinding::Sync(napi_env env, napi_value*, std::size_t) {
  if (!holder_) return Throw(env, "CLOSED", "the store is closed");
  return Queue(Work::kSync);
}

// listen(anyPort, [[name, ...args]]) -> Promise<port>; addresses come from the directives, these and those of open().
napi_value SessionBinding::Listen(napi_env env, napi_value* args, std::size_t count) {
  if (!holder_) return Throw(env, "CLOSED", "the store is closed");
  OpenOptions options;
  options.any_port = count > 0 && Bool(env, args[0]);
  if (count > 1) options.directives = StringLists(env, args[1]);
  return Queue(Work::kListen, std::move(options));
}

// close() -> Promise: this session leaves; the last one stops the engine.
napi_value SessionBinding::CloseAsync(napi_env, napi_value*, std::size_t) {
  closing_.store(true, std::memory_order_relaxed);
  CloseSession();
  DropPage(request_);
  DropPage(result_);
  DropPage(call_);
  napi_value promise = Queue(Work::kClose);
  holder_.reset();
  return promise;
}

napi_value SessionBinding::SelectDb(napi_env env, napi_value* args, std::size_t) {
  if (!session_) return Int32(env, kClosed);
  std::uint32_t db = Uint32(env, args[0]);
  if (db >= static_cast<std::uint32_t>(session_->engine().keyspace().database_count())) return Int32(env, -1);
  session_->client().db = static_cast<int>(db);
  return Int32(env, 0);
}

// setAsciiHead(n): the ASCII bit disregards the first n bytes of a value.
napi_value SessionBinding::SetAsciiHead(napi_env env, napi_value* args, std::size_t) {
  if (session_) session_->set_ascii_head(Uint32(env, args[0]));
  return nullptr;
}

// stats() -> { keys, usedMemory, tail, written, durable, connections }
napi_value SessionBinding::Stats(napi_env env, napi_value*, std::size_t) {
  napi_value object = nullptr;
  napi_create_object(env, &object);
  if (!session_) return object;
  Engine& engine = session_->engine();
  auto put = [&](const char* name, double v) { napi_set_named_property(env, object, name, Number(env, v)); };
  put("keys", static_cast<double>(engine.keyspace().KeyCount()));
  put("usedMemory", static_cast<double>(UsedMemory()));
  put("tail", static_cast<double>(engine.log().tail()));
  put("written", static_cast<double>(engine.log().written()));
  put("durable", static_cast<double>(engine.log().durable()));
  put("connections", engine.server() == nullptr ? 0 : static_cast<double>(engine.server()->connection_count()));
  return object;
}

// --- the control plane of a node of a cluster.

namespace {

std::string_view BytesOf(napi_env env, napi_value array) {
  void* data = nullptr;
  std::size_t length = 0;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr) != napi_ok || type != napi_uint8_array) return {};
  return {static_cast<const char*>(data), length};
}

}  // namespace

// openControl(): from now on this session gets requests and what is published as events, and answers them.
napi_value SessionBinding::OpenControl(napi_env env, napi_value*, std::size_t) {
  if (!session_) return Throw(env, "ERR", "the engine is closed");
  control_.store(true, std::memory_order_relaxed);
  session_->client().control = true;
  session_->engine().control().Open();
  return nullptr;
}

void SessionBinding::CloseControl() {
  if (control_.exchange(false, std::memory_order_relaxed)) session_->engine().control().Close();
}

// answerControl(request, reply): in RESP, of the protocol that the request named.
napi_value SessionBinding::AnswerControl(napi_env env, napi_value* args, std::size_t) {
  if (session_) session_->engine().control().Answer(Uint32(env, args[0]), std::string(BytesOf(env, args[1])));
  return nullptr;
}

// setSlotMap(bytes): as cluster/slot_map.h says.
napi_value SessionBinding::SetSlotMap(napi_env env, napi_value* args, std::size_t) {
  if (!session_ || session_->engine().cluster() == nullptr) return Throw(env, "ERR", "the engine is not a node of a cluster");
  std::string error;
  std::shared_ptr<const SlotMap> map = SlotMap::Parse(BytesOf(env, args[0]), &error);
  if (!map) return Throw(env, "ERR", error);
  session_->engine().cluster()->SetMap(std::move(map));
  return nullptr;
}

// setServesUntil(ms): of MonotonicMs(); Infinity: no lease applies.
napi_value SessionBinding::SetServesUntil(napi_env env, napi_value* args, std::size_t) {
  if (!session_ || session_->engine().cluster() == nullptr) return Throw(env, "ERR", "the engine is not a node of a cluster");
  const double ms = Double(env, args[0]);
  session_->engine().cluster()->SetServesUntil(ms < 9e15 ? static_cast<std::int64_t>(ms) : Cluster::kForever);
  return nullptr;
}

// setCopyDuty(tag, needed, servesUntilMs, feeds, why): as engine/copy_lease.h says.
napi_value SessionBinding::SetCopyDuty(napi_env env, napi_value* args, std::size_t) {
  if (!session_) return nullptr;
  CopyDuty duty{String(env, args[0]), Uint32(env, args[1]), static_cast<std::int64_t>(Double(env, args[2])), Bool(env, args[3]), String(env, args[4])};
  session_->engine().replication().copies().SetDuty(std::move(duty));
  return nullptr;
}

// clearSlot(slot) -> how many keys there were.
napi_value SessionBinding::ClearSlot(napi_env env, napi_value* args, std::size_t) {
  const std::uint32_t slot = Uint32(env, args[0]);
  if (!session_ || session_->engine().cluster() == nullptr || slot >= kSlotCount) return Throw(env, "ERR", "the engine is not a node of a cluster, or there is no such slot");
  return Number(env, static_cast<double>(session_->ClearSlot(static_cast<int>(slot))));
}

// deliver(channel, message, shard): published at another node.
napi_value SessionBinding::Deliver(napi_env env, napi_value* args, std::size_t) {
  if (!session_) return nullptr;
  PubSub& pubsub = session_->engine().pubsub();
  const std::string_view channel = BytesOf(env, args[0]), message = BytesOf(env, args[1]);
  if (Bool(env, args[2])) pubsub.PublishShard(channel, message, 0);
  else pubsub.Publish(channel, message, 0);
  return nullptr;
}

}  // namespace slotwise::binding
