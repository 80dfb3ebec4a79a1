#include "engine/control_desk.h"

#include <chrono>
#include <utility>
#include <vector>

#include "commands/waiting.h"
#include "engine/blocking.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

constexpr std::int64_t kAnswerMs = 10000;  // a control plane that says nothing for so long is broken
constexpr const char* kNoAnswer = "-ERR The control plane of this node does not answer\r\n";
constexpr const char* kClosed = "-ERR The control plane of this node is not running\r\n";

}  // namespace

std::uint32_t ControlDesk::Put(std::shared_ptr<Question> question) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!open_ || engine_.host() == nullptr) return 0;
  // Those whose client has gone, or whose time was up.
  std::erase_if(questions_, [](const auto& entry) { return entry.second->waiter && entry.second->waiter->ended(); });
  const std::uint32_t request = next_request_;
  next_request_ = request == INT32_MAX ? 1 : request + 1;
  questions_[request] = std::move(question);
  return request;
}

void ControlDesk::Ask(CommandContext& ctx) {
  if (!MayWait(ctx)) {
    if (ctx.holds_stripes) return ctx.Error("ERR " + std::string(ctx.command.full_name()) + " cannot be in one transaction with commands that have keys");
    return ctx.reply.Raw(AskAndWait(ctx));
  }
  auto question = std::make_shared<Question>();
  question->waiter = WaitForNoKey(ctx, kAnswerMs);
  question->waiter->asks_control = true;
  question->waiter->at_timeout = [] { return std::string(kNoAnswer); };
  const std::shared_ptr<Waiter> waiter = question->waiter;
  const std::uint32_t request = Put(question);
  if (request == 0) return End(*question, kClosed);
  engine_.host()->OnControlRequest(request, ctx.client.protocol, ctx.args);
}

std::string ControlDesk::AskAndWait(CommandContext& ctx) {
  auto question = std::make_shared<Question>();
  const std::uint32_t request = Put(question);
  if (request == 0) return kClosed;
  engine_.host()->OnControlRequest(request, ctx.client.protocol, ctx.args);
  std::unique_lock<std::mutex> guard(mutex_);
  const bool answered = answered_.wait_for(guard, std::chrono::milliseconds(kAnswerMs), [&] { return question->done; });
  if (!answered) questions_.erase(request);
  return answered ? std::move(question->reply) : kNoAnswer;
}

void ControlDesk::Published(std::string_view channel, std::string_view message, bool shard) {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (!open_) return;
  }
  if (engine_.host() != nullptr) engine_.host()->OnPublished(channel, message, shard);
}

void ControlDesk::Open() {
  std::lock_guard<std::mutex> guard(mutex_);
  open_ = true;
}

void ControlDesk::Close() {
  std::vector<std::shared_ptr<Question>> left;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    open_ = false;
    for (auto& [request, question] : questions_) left.push_back(std::move(question));
    questions_.clear();
  }
  for (const std::shared_ptr<Question>& question : left) End(*question, kClosed);
}

void ControlDesk::Answer(std::uint32_t request, std::string reply) {
  std::shared_ptr<Question> question;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    auto it = questions_.find(request);
    if (it == questions_.end()) return;
    question = std::move(it->second);
    questions_.erase(it);
  }
  End(*question, std::move(reply));
}

void ControlDesk::End(Question& question, std::string reply) {
  if (question.waiter) {
    if (!engine_.blocking().Claim(*question.waiter)) return;
    question.waiter->reply = std::move(reply);
    ClientSink& sink = *question.waiter->sink;
    return sink.Unblocked(std::move(question.waiter));
  }
  std::lock_guard<std::mutex> guard(mutex_);
  question.reply = std::move(reply);
  question.done = true;
  answered_.notify_all();
}

}  // namespace slotwise
