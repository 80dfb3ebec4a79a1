// One open store in one JavaScript environment: converts arguments, calls the EmbeddedSession once, converts the result.
//
// Bytes cross in two pages that JavaScript owns and registers once: it writes keys and values into the request page and
// reads results from the result page. A Buffer a value would cost more than the lookup. Calls carry integers only; those
// of single lookups lie in a third small page, for reading arguments costs too.
// All functions are properties of one object and find their SessionBinding through their data pointer.
#pragma once
#include <node_api.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "binding/engine_holder.h"
#include "engine/embedded_session.h"

namespace slotwise::binding {

class SessionBinding final : public EventListener {
 public:
  // Starts opening; the promise resolves to the object of functions, or rejects. `on_event(kind, number, text)`.
  static napi_value Open(napi_env env, OpenOptions options, napi_value on_event);

  void OnEvent(const Event& event) override;

 private:
  struct Page {
    char* data = nullptr;
    std::size_t size = 0;
    napi_ref reference = nullptr;
  };
  enum class Work { kOpen, kSync, kClose, kListen };
  struct AsyncTask;
  class PushSink;
  struct DirectKey;

  explicit SessionBinding(napi_env env) : env_(env) {}
  ~SessionBinding() override;

  static void Execute(napi_env env, void* task);
  Status WaitUntilPromised(Engine& engine);
  static void Complete(napi_env env, napi_status status, void* task);
  napi_value Queue(Work work, OpenOptions options = {});
  static const char* FailureCode(Work work, const Status& status);
  napi_value MakeObject();
  void CloseSession();
  void ReleaseEvents();
  EventListener* listener() { return has_listener_ ? this : nullptr; }
  static void Cleanup(void* self);
  static void ForgetEvents(napi_env env, void* self, void*);
  static void DeliverEvents(napi_env env, napi_value callback, void* context, void* data);
  void DeleteIfDone();
  void DropPage(Page& page);
  void SetPage(Page& page, napi_value array, napi_typedarray_type expected);
  // Key and value lengths come from JavaScript: never beyond the page.
  bool InRequest(std::size_t n) const { return n <= request_.size; }
  bool SplitRequest(std::size_t count, std::size_t bytes);
  std::int64_t MoveReply(std::size_t at);

  std::int32_t* CallWords() { return reinterpret_cast<std::int32_t*>(call_.data); }
  std::int64_t LookUp(napi_env env, napi_value key, bool* ascii);
  napi_value Answer(std::int64_t n, bool ascii);

  template <napi_value (SessionBinding::*Method)(napi_env, napi_value)>
  static napi_value CallWithKey(napi_env env, napi_callback_info info);
  template <napi_value (SessionBinding::*Method)(napi_env, napi_value*, std::size_t)>
  static napi_value Call(napi_env env, napi_callback_info info);
  napi_value SetPages(napi_env env, napi_value* args, std::size_t count);
  napi_value Get(napi_env env, napi_value key);
  napi_value GetText(napi_env env, napi_value key);
  napi_value GetMsgpackText(napi_env env, napi_value key);
  napi_value Set(napi_env env, napi_value* args, std::size_t count);
  napi_value GetMany(napi_env env, napi_value* args, std::size_t count);
  napi_value Command(napi_env env, napi_value* args, std::size_t count);
  napi_value Commands(napi_env env, napi_value* args, std::size_t count);
  napi_value Wait(napi_env env, napi_value* args, std::size_t count);
  napi_value CancelWait(napi_env env, napi_value* args, std::size_t count);
  napi_value ForgetWait(napi_env env, napi_value* args, std::size_t count);
  napi_value TakeReply(napi_env env, napi_value* args, std::size_t count);
  napi_value LastError(napi_env env, napi_value* args, std::size_t count);
  napi_value Sync(napi_env env, napi_value* args, std::size_t count);
  napi_value Listen(napi_env env, napi_value* args, std::size_t count);
  napi_value CloseAsync(napi_env env, napi_value* args, std::size_t count);
  napi_value SelectDb(napi_env env, napi_value* args, std::size_t count);
  napi_value SetAsciiHead(napi_env env, napi_value* args, std::size_t count);
  napi_value Stats(napi_env env, napi_value* args, std::size_t count);
  napi_value OpenControl(napi_env env, napi_value* args, std::size_t count);
  napi_value AnswerControl(napi_env env, napi_value* args, std::size_t count);
  napi_value SetSlotMap(napi_env env, napi_value* args, std::size_t count);
  napi_value SetServesUntil(napi_env env, napi_value* args, std::size_t count);
  napi_value SetCopyDuty(napi_env env, napi_value* args, std::size_t count);
  napi_value ClearSlot(napi_env env, napi_value* args, std::size_t count);
  napi_value Deliver(napi_env env, napi_value* args, std::size_t count);
  void CloseControl();

  napi_env env_;
  std::shared_ptr<EngineHolder> holder_;
  std::unique_ptr<EmbeddedSession> session_;
  Page request_;
  Page result_;
  Page call_;
  std::vector<std::string_view> args_;
  std::vector<std::uint32_t> argcs_;
  std::string last_error_;
  std::unordered_map<std::int32_t, std::uint64_t> waits_;  // calls that wait: what JavaScript calls them, and the session
  std::int32_t next_token_ = 1;
  int pending_tasks_ = 0;
  bool environment_gone_ = false;
  std::atomic<bool> closing_{false};
  std::atomic<bool> control_{false};  // the control plane: gets requests, and what is published
  bool has_listener_ = false;     // for the holder; never changes after open
  bool function_alive_ = false;   // ForgetEvents is still to come

  // Guards what follows: events come from any thread, and the function may go before they stop.
  std::mutex events_mutex_;
  napi_threadsafe_function events_function_ = nullptr;
  std::deque<Event> events_;
  std::size_t message_bytes_ = 0;   // of the messages in events_
  bool messages_lost_ = false;      // since the last one that was kept
  bool events_scheduled_ = false;
};

}  // namespace slotwise::binding
