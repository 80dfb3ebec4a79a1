// A file system in memory that remembers what was not yet synced, so that a test can cut the power after any call and
// look at every state the disk may legally be in (reliability notes 4(a), A1). Two disks:
//   kPosixMinimal  of each unsynced write any subset of its 512-byte sectors arrived; the file may have its new length
//                  all the same, holes being zeros or garbage; unsynced creates, renames and unlinks happened or not.
//   kExt4Like      appended data arrives in order, the length never runs ahead except for zeros, directory changes
//                  happen in order and with the next fsync of any file.
// A failed fsync loses what it was asked to write for good, although reads still see it: the page cache calls it clean.
// Faults: call number `fail_at` (counting those that change something) fails, once or from then on.
#pragma once
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "log/file_system.h"

namespace slotwise::test {

using Twister = std::mt19937_64;

enum class DiskModel { kPosixMinimal, kExt4Like };
enum class FaultKind { kNone, kEio, kEnospc, kShortWrite };

class RecordingFiles final : public FileSystem {
 public:
  explicit RecordingFiles(DiskModel model = DiskModel::kPosixMinimal) : state_(std::make_shared<State>()) {
    state_->model = model;
    state_->directories["/data"] = true;
  }

  // --- control

  std::function<void()> before_call;  // before every call that changes something
  void FailAt(std::uint64_t call, FaultKind kind, bool forever) {
    state_->fail_at = call;
    state_->fault = kind;
    state_->forever = forever;
  }
  void ClearFault() { state_->fault = FaultKind::kNone; }
  std::uint64_t calls() const { return state_->calls; }
  std::uint64_t bytes_read() const { return state_->bytes_read; }
  std::uint64_t faults() const { return state_->faults; }
  void set_boot(std::string id) { state_->boot = std::move(id); }
  // The process died: every byte written is still there, and as unsynced as before.
  RecordingFiles Killed() const {
    RecordingFiles files(std::make_shared<State>(*state_));
    files.ClearFault();
    return files;
  }
  // How many independent pieces (sectors, lengths, directory changes) a power cut could keep or lose now.
  std::size_t PendingPieces() const {
    std::size_t n = state_->names_pending.size();
    for (const auto& [id, node] : state_->nodes) {
      for (const DataChange& change : node.pending) n += change.truncate ? 1 : Sectors(change).size() + 1;
    }
    return n;
  }
  // A machine after a power cut. `choose(n)` decides every open question: which of n possibilities came true.
  RecordingFiles AfterPowerCut(const std::function<unsigned(unsigned)>& choose, const std::string& new_boot) const {
    auto after = std::make_shared<State>();
    after->model = state_->model;
    after->boot = new_boot;
    after->next_node = state_->next_node;
    after->random = state_->random;
    after->directories = state_->directories_durable;
    after->directories["/data"] = true;
    auto names = state_->names_durable;
    bool stopped = false;
    for (const NameChange& change : state_->names_pending) {
      if (state_->model == DiskModel::kExt4Like) {
        stopped = stopped || choose(2) == 0;
        if (stopped) break;
      } else if (choose(2) == 0) {
        continue;
      }
      Apply(change, &names, &after->directories);
    }
    for (const auto& [path, id] : names) {
      if (after->directories.count(Parent(path)) == 0) continue;
      after->names[path] = id;
      Node& node = after->nodes[id];
      node.durable = CutContent(state_->nodes.at(id), state_->model, choose);
      node.current = node.durable;
    }
    after->names_durable = after->names;
    after->directories_durable = after->directories;
    return RecordingFiles(after);
  }
  // Direct access for tests that damage files.
  std::vector<std::string> Paths() const {
    std::vector<std::string> paths;
    for (const auto& [path, id] : state_->names) paths.push_back(path);
    return paths;
  }
  std::string& Content(const std::string& path) { return state_->nodes.at(state_->names.at(path)).current; }
  void Put(const std::string& path, const std::string& content) {
    std::uint64_t id = state_->next_node++;
    state_->names[path] = state_->names_durable[path] = id;
    state_->nodes[id].current = state_->nodes[id].durable = content;
    state_->directories[Parent(path)] = state_->directories_durable[Parent(path)] = true;
  }
  void Remove(const std::string& path) {
    state_->names.erase(path);
    state_->names_durable.erase(path);
  }

  // --- FileSystem

  int Open(const std::string& path, OpenMode mode, std::unique_ptr<File>* out) override {
    auto found = state_->names.find(path);
    if (mode == OpenMode::kCreateTruncate) {
      if (int error = Call()) return error;
      if (state_->directories.count(Parent(path)) == 0) return -ENOENT;
      if (found == state_->names.end()) {
        std::uint64_t id = state_->next_node++;
        state_->nodes[id];
        Rebind({NameChange::kLink, path, "", id});
        found = state_->names.find(path);
      } else {
        Node& node = state_->nodes[found->second];
        node.current.clear();
        node.pending.push_back({true, 0, ""});
      }
    }
    if (found == state_->names.end()) return -ENOENT;
    *out = std::make_unique<Handle>(*this, found->second, mode == OpenMode::kOverwriteDurably);
    return 0;
  }
  int Rename(const std::string& from, const std::string& to) override {
    if (int error = Call()) return error;
    auto found = state_->names.find(from);
    if (found == state_->names.end()) return -ENOENT;
    Rebind({NameChange::kRename, from, to, found->second});
    return 0;
  }
  int Unlink(const std::string& path) override {
    if (int error = Call()) return error;
    auto found = state_->names.find(path);
    if (found == state_->names.end()) return -ENOENT;
    Rebind({NameChange::kUnlink, path, "", found->second});
    return 0;
  }
  int MakeDir(const std::string& path) override {
    if (state_->directories.count(path) != 0) return 0;
    if (int error = Call()) return error;
    Rebind({NameChange::kMakeDir, path, "", 0});
    return 0;
  }
  int SyncDir(const std::string& path) override {
    if (int error = Call()) return error;
    if (state_->directories.count(path) == 0) return -ENOENT;
    SyncNames([&](const NameChange& change) { return Parent(change.path) == path || Parent(change.to) == path; });
    return 0;
  }
  int List(const std::string& path, std::vector<std::string>* names) override {
    names->clear();
    if (state_->directories.count(path) == 0) return -ENOENT;
    for (const auto& [name, id] : state_->names) {
      if (Parent(name) == path) names->push_back(name.substr(path.size() + 1));
    }
    return 0;
  }
  bool Exists(const std::string& path) override {
    return state_->names.count(path) != 0 || state_->directories.count(path) != 0;
  }
  std::string BootId() override { return state_->boot; }

 private:
  struct DataChange {
    bool truncate;
    std::uint64_t offset;  // or the new size
    std::string data;
  };
  struct Node {
    std::string durable;
    std::string current;
    std::vector<DataChange> pending;
  };
  struct NameChange {
    enum Kind { kLink, kRename, kUnlink, kMakeDir } kind;
    std::string path;
    std::string to;
    std::uint64_t node;
  };
  struct State {
    DiskModel model = DiskModel::kPosixMinimal;
    std::map<std::uint64_t, Node> nodes;
    std::map<std::string, std::uint64_t> names;
    std::map<std::string, std::uint64_t> names_durable;
    std::map<std::string, bool> directories;
    std::map<std::string, bool> directories_durable;
    std::vector<NameChange> names_pending;
    std::uint64_t next_node = 1;
    std::uint64_t calls = 0;
    std::uint64_t bytes_read = 0;
    std::uint64_t fail_at = 0;
    std::uint64_t faults = 0;
    FaultKind fault = FaultKind::kNone;
    bool forever = false;
    std::string boot = "boot-1";
    Twister random{7};
  };

  explicit RecordingFiles(std::shared_ptr<State> state) : state_(std::move(state)) {}

  class Handle final : public File {
   public:
    Handle(RecordingFiles& files, std::uint64_t id, bool durable) : files_(files), id_(id), durable_(durable) {}
    std::int64_t Append(std::string_view bytes) override {
      int error = files_.Call();
      State& state = *files_.state_;
      if (error < 0) return error;
      if (files_.hit_ && state.fault == FaultKind::kShortWrite) {
        // Short where it happens; if it goes on failing, the disk is full from here on.
        if (state.forever && state.calls > state.fail_at) return -ENOSPC;
        bytes = bytes.substr(0, bytes.size() / 2);
      }
      Node& node = state.nodes[id_];
      node.pending.push_back({false, node.current.size(), std::string(bytes)});
      node.current.append(bytes);
      return static_cast<std::int64_t>(bytes.size());
    }
    std::int64_t AppendParts(const std::string_view* parts, std::size_t count) override {
      std::string all;
      for (std::size_t i = 0; i < count; ++i) all.append(parts[i]);
      return Append(all);
    }
    std::int64_t WriteAt(std::uint64_t offset, std::string_view bytes) override {
      if (int error = files_.Call()) return error;
      Node& node = files_.state_->nodes[id_];
      node.pending.push_back({false, offset, std::string(bytes)});
      Write(&node.current, offset, bytes, '\0');
      // Two calls, so that the power can fail between them and leave some sectors.
      if (int error = durable_ ? SyncData() : 0) return error;
      return static_cast<std::int64_t>(bytes.size());
    }
    std::int64_t ReadAt(std::uint64_t offset, char* buffer, std::size_t size) override {
      const std::string& content = files_.state_->nodes[id_].current;
      if (offset >= content.size()) return 0;
      std::size_t n = std::min(size, content.size() - static_cast<std::size_t>(offset));
      std::memcpy(buffer, content.data() + offset, n);
      files_.state_->bytes_read += n;
      return static_cast<std::int64_t>(n);
    }
    int SyncData() override {
      int error = files_.Call();
      State& state = *files_.state_;
      Node& node = state.nodes[id_];
      if (error < 0) {
        auto coin = [&state](unsigned n) { return static_cast<unsigned>(state.random() % n); };
        node.durable = CutContent(node, state.model, coin);
        node.pending.clear();
        return error;
      }
      node.durable = node.pending.empty() ? node.durable : WholeContent(node);
      node.pending.clear();
      if (state.model == DiskModel::kExt4Like) files_.SyncNames([](const NameChange&) { return true; });
      return 0;
    }
    int Truncate(std::uint64_t size) override {
      if (int error = files_.Call()) return error;
      Node& node = files_.state_->nodes[id_];
      node.pending.push_back({true, size, ""});
      node.current.resize(static_cast<std::size_t>(size));
      return 0;
    }
    std::int64_t Size() override { return static_cast<std::int64_t>(files_.state_->nodes[id_].current.size()); }
    bool StillAt(const std::string& path) override {
      auto found = files_.state_->names.find(path);
      return found != files_.state_->names.end() && found->second == id_;
    }
    std::uint64_t Identity() override { return id_; }

   private:
    RecordingFiles& files_;
    std::uint64_t id_;
    bool durable_;
  };

  int Call() {
    if (before_call) before_call();
    State& state = *state_;
    ++state.calls;
    hit_ = state.fault != FaultKind::kNone &&
           (state.calls == state.fail_at || (state.forever && state.calls > state.fail_at));
    if (!hit_) return 0;
    ++state.faults;
    return state.fault == FaultKind::kEio ? -EIO : state.fault == FaultKind::kEnospc ? -ENOSPC : 0;
  }

  static std::string Parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

  static void Apply(const NameChange& change, std::map<std::string, std::uint64_t>* names,
                    std::map<std::string, bool>* directories) {
    switch (change.kind) {
      case NameChange::kLink: (*names)[change.path] = change.node; break;
      case NameChange::kRename:
        names->erase(change.path);
        (*names)[change.to] = change.node;
        break;
      case NameChange::kUnlink: names->erase(change.path); break;
      case NameChange::kMakeDir: (*directories)[change.path] = true; break;
    }
  }
  void Rebind(NameChange change) {
    Apply(change, &state_->names, &state_->directories);
    state_->names_pending.push_back(std::move(change));
  }
  template <typename Wanted>
  void SyncNames(Wanted wanted) {
    std::vector<NameChange> left;
    for (NameChange& change : state_->names_pending) {
      if (wanted(change)) Apply(change, &state_->names_durable, &state_->directories_durable);
      else left.push_back(std::move(change));
    }
    state_->names_pending = std::move(left);
  }

  struct Sector {
    std::uint64_t offset;
    std::string_view data;
  };
  static std::vector<Sector> Sectors(const DataChange& change) {
    std::vector<Sector> sectors;
    for (std::size_t at = 0; at < change.data.size();) {
      std::size_t n = std::min<std::size_t>(512 - (change.offset + at) % 512, change.data.size() - at);
      sectors.push_back({change.offset + at, std::string_view(change.data).substr(at, n)});
      at += n;
    }
    return sectors;
  }
  static void Write(std::string* content, std::uint64_t offset, std::string_view data, char fill) {
    if (content->size() < offset + data.size()) content->resize(static_cast<std::size_t>(offset + data.size()), fill);
    content->replace(static_cast<std::size_t>(offset), data.size(), data);
  }
  // What a successful fsync makes durable. Pieces lost by an earlier failed one stay lost.
  static std::string WholeContent(const Node& node) {
    std::string content = node.durable;
    for (const DataChange& change : node.pending) {
      if (change.truncate) content.resize(static_cast<std::size_t>(change.offset));
      else Write(&content, change.offset, change.data, '\0');
    }
    return content;
  }
  static std::string CutContent(const Node& node, DiskModel model, const std::function<unsigned(unsigned)>& choose) {
    std::string content = node.durable;
    bool stopped = false;
    for (const DataChange& change : node.pending) {
      const char fill = model == DiskModel::kPosixMinimal && choose(2) == 1 ? '\xa5' : '\0';
      if (change.truncate) {
        if (choose(2) == 1) content.resize(static_cast<std::size_t>(change.offset), fill);
        continue;
      }
      for (const Sector& sector : Sectors(change)) {
        if (model == DiskModel::kExt4Like) {
          stopped = stopped || choose(2) == 0;
          if (stopped) break;
        } else if (choose(2) == 0) {
          continue;
        }
        Write(&content, sector.offset, sector.data, fill);
      }
      // The length may have arrived without the data.
      if (choose(2) == 1) Write(&content, change.offset + change.data.size(), {}, fill);
    }
    return content;
  }

  std::shared_ptr<State> state_;
  bool hit_ = false;
};

}  // namespace slotwise::test
