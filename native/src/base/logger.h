// How the core speaks to operators: one structured line at a time, delivered to whoever embeds it (the server prints
// them with pino, tests collect them). Called from any thread; an implementation must not block.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

namespace slotwise {

// error: someone must act. warn: degraded but coping. info: a role or state changed. debug: per event.
enum class LogLevel { kDebug, kInfo, kWarn, kError };

class Logger {
 public:
  virtual ~Logger() = default;
  virtual void Log(LogLevel level, std::string_view message) = 0;

  void Debug(std::string_view m) { Log(LogLevel::kDebug, m); }
  void Info(std::string_view m) { Log(LogLevel::kInfo, m); }
  void Warn(std::string_view m) { Log(LogLevel::kWarn, m); }
  void Error(std::string_view m) { Log(LogLevel::kError, m); }
};

class NullLogger final : public Logger {
 public:
  void Log(LogLevel, std::string_view) override {}
};

}  // namespace slotwise
