#include "commands/redaction.h"

#include "config/directive.h"

namespace slotwise {
namespace {

constexpr std::string_view kRedacted = "(redacted)";

class Hider {
 public:
  Hider(std::span<const std::string_view> args, std::vector<std::string_view>* scratch) : args_(args), scratch_(scratch) {}
  void Hide(std::size_t i) {
    if (i >= args_.size()) return;
    if (scratch_->empty()) scratch_->assign(args_.begin(), args_.end());
    (*scratch_)[i] = kRedacted;
  }
  std::span<const std::string_view> result() const { return scratch_->empty() ? args_ : *scratch_; }

 private:
  std::span<const std::string_view> args_;
  std::vector<std::string_view>* scratch_;
};

}  // namespace

std::span<const std::string_view> Redacted(const Command& command, std::span<const std::string_view> args,
                                           std::vector<std::string_view>* scratch) {
  scratch->clear();
  Hider hider(args, scratch);
  auto is = [&](std::size_t i, std::string_view word) { return EqualsIgnoreCase(args[i], word); };
  switch (static_cast<CommandId>(command.id)) {
    case CommandId::kAuth:
      hider.Hide(1);
      hider.Hide(2);
      break;
    case CommandId::kHello:
      for (std::size_t i = 2; i < args.size(); ++i) {
        if (!is(i, "auth")) continue;
        hider.Hide(i + 1);
        hider.Hide(i + 2);
        i += 2;
      }
      break;
    case CommandId::kAclSetuser:
      for (std::size_t i = 2; i < args.size(); ++i) hider.Hide(i);
      break;
    case CommandId::kConfigSet:
      for (std::size_t i = 2; i < args.size(); i += 2) {
        auto found = FindDirective(args[i]);
        if (found && SpecOf(found->directive).Has(kDirectiveSensitive)) hider.Hide(i + 1);
      }
      break;
    case CommandId::kMigrate:
      for (std::size_t i = 6; i < args.size(); ++i) {
        if (is(i, "keys")) break;
        if (is(i, "auth")) {
          hider.Hide(++i);
        } else if (is(i, "auth2")) {
          hider.Hide(i + 1);
          hider.Hide(i + 2);
          i += 2;
        }
      }
      break;
    default:
      break;
  }
  return hider.result();
}

}  // namespace slotwise
