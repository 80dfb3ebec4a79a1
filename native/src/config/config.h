// Config: the values of all directives, and the four ways to touch them: start-up, CONFIG GET, CONFIG SET and CONFIG
// REWRITE. It knows nothing of the engine: who wants to act on a change, or refuse it, registers with OnChange.
// Reads are for hot paths and take no lock (Str and the lists do). A change is all or nothing: every value is parsed
// first, then all are published, then the listeners run; if one refuses, the old values come back and those that had
// already run, run again. Between publishing and a refusal readers see the new values, as they do in Redis.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/status.h"
#include "config/directive.h"
#include "config/directive_value.h"

namespace slotwise {

enum class OutputClass : int { kNormal = 0, kReplica = 1, kPubsub = 2 };

class Config {
 public:
  // All defaults; `dir` is the process's working directory.
  Config();
  Config(const Config&) = delete;
  Config& operator=(const Config&) = delete;

  // Lock-free, from any thread. Int: numbers, and percentages as negative numbers. Bytes: kMemory.
  std::int64_t Int(Directive d) const { return numbers_[Index(d)].load(std::memory_order_relaxed); }
  std::uint64_t Bytes(Directive d) const { return static_cast<std::uint64_t>(Int(d)); }
  bool Bool(Directive d) const { return Int(d) != 0; }
  int Enum(Directive d) const { return static_cast<int>(Int(d)); }
  // config.EnumAs<config_value::Appendfsync>(Directive::kAppendfsync)
  template <typename E>
  E EnumAs(Directive d) const {
    return static_cast<E>(Enum(d));
  }
  // Lock-free; hard, soft and seconds may stem from two changes if one is under way.
  OutputLimit OutputLimitOf(OutputClass output_class) const;

  // As CONFIG GET prints it. Takes a lock: copy what a hot path needs when it changes (OnChange).
  std::string Str(Directive d) const;
  std::vector<std::string> BindAddresses() const;  // as typed, a leading dash included
  std::vector<SavePoint> SavePoints() const;

  // From configuration files and flags, before anything runs: no listener is called, immutable and protected do not
  // matter. `args` without the name. Several `save` lines add up. The error is Redis's sentence for the line, without
  // ERR. Not for include, rename-command, user and loadmodule, which are no values.
  Status SetAtStart(std::string_view name, std::span<const std::string> args);

  struct Setter {
    bool is_local = false;  // the client came over loopback or a Unix socket
    bool is_loading = false;
  };
  // CONFIG SET name value [name value ...]. The message of an error is the whole reply, from its code on ("ERR ...").
  Status Set(std::span<const std::pair<std::string_view, std::string_view>> pairs, const Setter& setter);

  // For commands that change a directive on their own (REPLICAOF): may set immutable ones, calls listeners. The error
  // is a bare sentence.
  Status Override(Directive d, std::span<const std::string> args);

  // CONFIG GET: names as asked for, patterns as the table spells them, nothing twice.
  std::vector<std::pair<std::string, std::string>> Get(std::span<const std::string_view> patterns) const;

  // `apply` returns Status and runs after a change of any of `directives`, once a change, on the thread that set it and
  // under the lock of Set: it may read the config but not set it. An error vetoes the change and its message is shown
  // to the client; the listener is then called again with the old values back, and must cope. Not thread-safe: register
  // before the first Set.
  template <typename F>
  void OnChange(std::initializer_list<Directive> directives, F apply) {
    static_assert(std::is_invocable_r_v<Status, F&>, "a listener returns Status");
    listeners_.push_back({std::vector<Directive>(directives), std::make_unique<Callback<F>>(std::move(apply))});
  }
  template <typename F>
  void OnChange(Directive directive, F apply) {
    OnChange({directive}, std::move(apply));
  }

  // CONFIG REWRITE: brings the file at `path` up to date, atomically; it need not exist. With `force_all` every
  // directive is written, defaults too. `user_lines` (whole lines) replace the file's `user` lines; nullptr leaves
  // them. The error's code is an errno.
  Status Rewrite(const std::string& path, bool force_all = false,
                 const std::vector<std::string>* user_lines = nullptr) const;

  // The file the server was started with, absolute; empty if none (CONFIG REWRITE then refuses).
  void SetConfigFile(std::string path);
  std::string ConfigFile() const;

 private:
  struct CallbackBase {
    virtual ~CallbackBase() = default;
    virtual Status Call() = 0;
  };
  template <typename F>
  struct Callback final : CallbackBase {
    explicit Callback(F f) : apply(std::move(f)) {}
    Status Call() override { return apply(); }
    F apply;
  };
  struct Listener {
    std::vector<Directive> directives;
    std::unique_ptr<CallbackBase> callback;
  };
  struct Change {
    Directive directive;
    const char* name;  // as the table spells what the client named: the directive or its alias
    DirectiveValue old_value;
    DirectiveValue new_value;
  };

  static std::size_t Index(Directive d) { return static_cast<std::size_t>(d); }
  DirectiveValue Value(Directive d) const;
  void Publish(Directive d, const DirectiveValue& value);
  // Publishes and calls the listeners of `changes`. On a veto everything is as before; `*culprit` names the change.
  Status Apply(std::span<const Change> changes, const char** culprit);

  std::array<std::atomic<std::int64_t>, kDirectiveCount> numbers_{};
  std::atomic<std::uint64_t> output_limits_[kOutputClassCount][3] = {};
  mutable std::mutex text_mutex_;  // guards texts_ and config_file_; innermost
  std::array<std::string, kDirectiveCount> texts_;
  std::string config_file_;
  std::array<DirectiveValue, kDirectiveCount> defaults_;  // fixed after construction
  mutable std::mutex change_mutex_;                       // one change or rewrite at a time
  std::vector<Listener> listeners_;
  bool save_was_set_ = false;  // The first `save` at start replaces the default, later ones add to it.
};

}  // namespace slotwise
