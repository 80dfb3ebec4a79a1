#include "config/config.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/glob.h"
#include "base/split_args.h"
#include "config/rewrite.h"
#include "config/value_text.h"

namespace slotwise {
namespace {

Status Refused(std::string message) { return Status::Error(EINVAL, std::move(message)); }

// What chdir would say. The path comes back absolute and without links; the process itself stays where it is, since an
// embedded store must not move its host.
std::optional<std::string> ResolveDir(const std::string& base, std::string* path) {
  const std::string full = path->starts_with('/') ? *path : base + '/' + *path;
  char resolved[PATH_MAX];
  struct stat info;
  // chdir("") is ENOENT, while base + "/" exists.
  if (path->empty()) return std::strerror(ENOENT);
  if (realpath(full.c_str(), resolved) == nullptr || stat(resolved, &info) != 0) return std::strerror(errno);
  if (!S_ISDIR(info.st_mode)) return std::strerror(ENOTDIR);
  if (access(resolved, X_OK) != 0) return std::strerror(errno);
  *path = resolved;
  return std::nullopt;
}

std::string SetFailed(std::string_view name, const std::string& reason) {
  std::string text = "ERR CONFIG SET failed (possibly related to argument '";
  text.append(name.substr(0, name.find('\0'))).append("')");
  if (!reason.empty()) text.append(" - ").append(reason);
  return text;
}

}  // namespace

Config::Config() {
  for (std::size_t i = 0; i < kDirectiveCount; ++i) {
    const auto d = static_cast<Directive>(i);
    const DirectiveSpec& spec = SpecOf(d);
    DirectiveValue value;
    std::vector<std::string> args;
    if (spec.Has(kDirectiveMulti) && spec.default_value[0] != 0) {
      args = SplitAtSpaces(spec.default_value);
    } else {
      args = {spec.default_value};
    }
    // A default that does not parse would be a bug of the table; config_test checks that none differs.
    if (spec.type == DirectiveType::kPrimary || ParseDirective(spec, args, false, &value)) value = {};
    if (spec.type == DirectiveType::kDir) {
      char cwd[PATH_MAX];
      value.text = getcwd(cwd, sizeof(cwd)) == nullptr ? "" : cwd;
    }
    defaults_[i] = value;
    Publish(d, value);
  }
}

OutputLimit Config::OutputLimitOf(OutputClass output_class) const {
  const auto& cells = output_limits_[static_cast<int>(output_class)];
  return {cells[0].load(std::memory_order_relaxed), cells[1].load(std::memory_order_relaxed),
          static_cast<std::int64_t>(cells[2].load(std::memory_order_relaxed))};
}

DirectiveValue Config::Value(Directive d) const {
  const std::lock_guard<std::mutex> lock(text_mutex_);
  return {Int(d), texts_[Index(d)]};
}

std::string Config::Str(Directive d) const { return FormatDirective(SpecOf(d), Value(d)); }

std::vector<std::string> Config::BindAddresses() const { return SplitAtSpaces(Str(Directive::kBind)); }

std::vector<SavePoint> Config::SavePoints() const { return ParseSavePoints(Str(Directive::kSave)); }

void Config::SetConfigFile(std::string path) {
  const std::lock_guard<std::mutex> lock(text_mutex_);
  config_file_ = std::move(path);
}

std::string Config::ConfigFile() const {
  const std::lock_guard<std::mutex> lock(text_mutex_);
  return config_file_;
}

void Config::Publish(Directive d, const DirectiveValue& value) {
  const std::lock_guard<std::mutex> lock(text_mutex_);
  numbers_[Index(d)].store(value.number, std::memory_order_relaxed);
  texts_[Index(d)] = value.text;
  if (SpecOf(d).type != DirectiveType::kOutputLimits) return;
  OutputLimit limits[kOutputClassCount];
  ParseOutputLimits(value.text, limits);
  for (int i = 0; i < kOutputClassCount; ++i) {
    output_limits_[i][0].store(limits[i].hard_bytes, std::memory_order_relaxed);
    output_limits_[i][1].store(limits[i].soft_bytes, std::memory_order_relaxed);
    output_limits_[i][2].store(static_cast<std::uint64_t>(limits[i].soft_seconds), std::memory_order_relaxed);
  }
}

Status Config::SetAtStart(std::string_view name, std::span<const std::string> args) {
  const std::lock_guard<std::mutex> lock(change_mutex_);
  const std::optional<DirectiveName> found = FindDirective(name);
  if (!found) {
    if (IsIgnoredDirective(name) && args.size() == 1) return Status::Ok();
    return Refused("Bad directive or wrong number of arguments");
  }
  const Directive d = found->directive;
  const DirectiveSpec& spec = SpecOf(d);
  if (!spec.Has(kDirectiveMulti) && args.size() != 1) return Refused("wrong number of arguments");
  // `--save "900 1"`: one argument may hold all of them.
  std::vector<std::string> split;
  if (spec.Has(kDirectiveMulti) && args.size() == 1 && !args[0].empty()) {
    SplitArgs(args[0], &split);
    args = split;
  }
  DirectiveValue value = Value(d);
  if (auto error = ParseDirective(spec, args, save_was_set_, &value)) return Refused(*error);
  if (spec.type == DirectiveType::kDir) {
    if (auto error = ResolveDir(Str(d), &value.text)) return Refused(*error);
  }
  if (d == Directive::kSave) save_was_set_ = true;
  Publish(d, value);
  return Status::Ok();
}

Status Config::Set(std::span<const std::pair<std::string_view, std::string_view>> pairs, const Setter& setter) {
  const std::lock_guard<std::mutex> lock(change_mutex_);
  using Protection = config_value::EnableProtectedConfigs;
  const auto protection = EnumAs<Protection>(Directive::kEnableProtectedConfigs);
  const bool protected_ok =
      protection == Protection::kYes || (protection == Protection::kLocal && setter.is_local);
  std::vector<Change> changes;
  for (const auto& [name, text] : pairs) {
    const std::optional<DirectiveName> found = FindDirective(name);
    if (!found) {
      std::string message = "ERR Unknown option or number of arguments for CONFIG SET - '";
      return Refused(message.append(name.substr(0, name.find('\0'))) + "'");
    }
    const DirectiveSpec& spec = SpecOf(found->directive);
    if (spec.Has(kDirectiveImmutable)) return Refused(SetFailed(name, "can't set immutable config"));
    if (spec.Has(kDirectiveProtected) && !protected_ok) return Refused(SetFailed(name, "can't set protected config"));
    if (setter.is_loading && spec.Has(kDirectiveDenyWhileLoading)) {
      return Refused("LOADING Redis is loading the dataset in memory");
    }
    // An alias beside its directive is no duplicate: the later one wins.
    for (const Change& change : changes) {
      if (change.name == found->name) return Refused(SetFailed(name, "duplicate parameter"));
    }
    changes.push_back({found->directive, found->name, {}, {}});
  }

  for (std::size_t i = 0; i < changes.size(); ++i) {
    Change& change = changes[i];
    const DirectiveSpec& spec = SpecOf(change.directive);
    change.old_value = Value(change.directive);
    for (std::size_t j = 0; j < i; ++j) {
      if (changes[j].directive == change.directive) change.old_value = changes[j].new_value;
    }
    change.new_value = change.old_value;
    const std::string text(pairs[i].second);
    const std::vector<std::string> args = spec.Has(kDirectiveMulti) ? SplitAtSpaces(text) : std::vector{text};
    auto error = ParseDirective(spec, args, false, &change.new_value);
    if (!error && spec.type == DirectiveType::kDir) error = ResolveDir(Str(change.directive), &change.new_value.text);
    if (error) return Refused(SetFailed(change.name, *error));
  }

  const char* culprit = nullptr;
  const Status status = Apply(changes, &culprit);
  return status.ok() ? status : Refused(SetFailed(culprit, status.message()));
}

Status Config::Override(Directive d, std::span<const std::string> args) {
  const std::lock_guard<std::mutex> lock(change_mutex_);
  Change change{d, SpecOf(d).name, Value(d), {}};
  change.new_value = change.old_value;
  if (auto error = ParseDirective(SpecOf(d), args, false, &change.new_value)) return Refused(*error);
  if (SpecOf(d).type == DirectiveType::kDir) {
    if (auto error = ResolveDir(Str(d), &change.new_value.text)) return Refused(*error);
  }
  const char* culprit = nullptr;
  return Apply({&change, 1}, &culprit);
}

Status Config::Apply(std::span<const Change> changes, const char** culprit) {
  for (const Change& change : changes) Publish(change.directive, change.new_value);
  std::vector<CallbackBase*> called;
  Status veto;
  for (const Change& change : changes) {
    const bool apply = change.old_value != change.new_value || SpecOf(change.directive).Has(kDirectiveAlwaysApply);
    for (std::size_t i = 0; apply && i < listeners_.size() && veto.ok(); ++i) {
      const Listener& listener = listeners_[i];
      const auto& watched = listener.directives;
      if (std::find(watched.begin(), watched.end(), change.directive) == watched.end()) continue;
      CallbackBase* callback = listener.callback.get();
      if (std::find(called.begin(), called.end(), callback) != called.end()) continue;
      called.push_back(callback);
      veto = callback->Call();
      if (!veto.ok()) *culprit = change.name;
    }
    if (!veto.ok()) break;
  }
  if (veto.ok()) return veto;
  // Backwards, so that of an alias and its directive the oldest value is the last to be restored.
  for (std::size_t i = changes.size(); i-- > 0;) Publish(changes[i].directive, changes[i].old_value);
  // The one that refused runs too: it may have got half way (an old port closed, the new one not opened).
  for (CallbackBase* callback : called) (void)callback->Call();
  return veto;
}

std::vector<std::pair<std::string, std::string>> Config::Get(std::span<const std::string_view> patterns) const {
  std::vector<std::pair<std::string, std::string>> found;
  const auto add = [&](std::string_view name, Directive d) {
    for (const auto& row : found) {
      if (row.first.size() == name.size() && strncasecmp(row.first.data(), name.data(), name.size()) == 0) return;
    }
    found.emplace_back(name, Str(d));
  };
  for (const std::string_view pattern : patterns) {
    if (!HasGlobSpecial(pattern)) {
      if (const auto name = FindDirective(pattern)) add(pattern, name->directive);
      continue;
    }
    for (std::size_t i = 0; i < kDirectiveCount; ++i) {
      const auto d = static_cast<Directive>(i);
      const DirectiveSpec& spec = SpecOf(d);
      if (spec.Has(kDirectiveHidden)) continue;
      if (GlobMatch(pattern, spec.name, /*ignore_case=*/true)) add(spec.name, d);
      if (spec.alias != nullptr && GlobMatch(pattern, spec.alias, /*ignore_case=*/true)) add(spec.alias, d);
    }
  }
  return found;
}

Status Config::Rewrite(const std::string& path, bool force_all, const std::vector<std::string>* user_lines) const {
  const std::lock_guard<std::mutex> lock(change_mutex_);
  std::vector<RewriteEntry> entries;
  for (std::size_t i = 0; i < kDirectiveCount; ++i) {
    const auto d = static_cast<Directive>(i);
    const DirectiveSpec& spec = SpecOf(d);
    entries.push_back({spec.name, RewriteDirective(spec, Value(d), defaults_[i])});
  }
  if (user_lines != nullptr) {
    RewriteEntry users{"user", {}};
    for (const std::string& line : *user_lines) users.lines.push_back({line, true});
    entries.push_back(std::move(users));
  }
  return RewriteConfigFile(path, entries, force_all);
}

}  // namespace slotwise
