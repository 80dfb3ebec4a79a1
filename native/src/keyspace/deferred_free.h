// Where a big value goes while a thread executes commands, instead of being freed at once: freeing a million members takes
// half a second, and DEL, SET, RENAME, EXPIRE and whatever else drops a value would hold up every client of the thread.
// What is dropped is out of reach already, so nobody can tell the difference but by the memory that is still in use.
// A thread that is not inside such a scope frees at once: the one that does the freeing, and eviction unless
// lazyfree-lazy-eviction says otherwise.
#pragma once
#include <cstddef>

namespace slotwise {

class Entry;

class DeferredFree {
 public:
  // Values of more allocations than this are worth handing over.
  static constexpr std::size_t kMinEffort = 1000;
  // So are strings of this size: giving their pages back takes about a tenth of a second for a gigabyte.
  static constexpr std::size_t kMinStringBytes = 4 * 1024 * 1024;
  virtual void FreeLater(Entry* entry) = 0;

  static DeferredFree* current() { return current_; }

  // `to`, null for at once, holds until the end of the scope.
  class Scope {
   public:
    explicit Scope(DeferredFree* to) : before_(current_) { current_ = to; }
    ~Scope() { current_ = before_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    DeferredFree* before_;
  };

 protected:
  ~DeferredFree() = default;

 private:
  static inline constinit thread_local DeferredFree* current_ = nullptr;
};

}  // namespace slotwise
