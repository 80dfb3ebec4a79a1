// A unit-test harness in one header: the core must build and test with nothing but a C++ compiler, so no framework is
// assumed. Tests register themselves; a failed EXPECT_ is counted and the test goes on, a failed ASSERT_ ends it.
// Run: slotwise_tests [filter], where filter is a substring of "Suite.Name". Exit code 1 if anything failed.
#pragma once
#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise::test {

struct Case {
  const char* suite;
  const char* name;
  void (*run)();
  bool has_one_thread;
};

inline std::vector<Case>& Cases() {
  static std::vector<Case> cases;
  return cases;
}
inline int& FailuresInTest() {
  static int failures = 0;
  return failures;
}

struct Registrar {
  Registrar(const char* suite, const char* name, void (*run)(), bool has_one_thread) {
#if defined(SLOTWISE_TSAN)
    if (has_one_thread) return;
#endif
    Cases().push_back({suite, name, run, has_one_thread});
  }
};

template <typename T>
std::string Show(const T& value) {
  if constexpr (requires(std::ostringstream& os) { os << value; }) {
    std::ostringstream os;
    os << value;
    return os.str();
  } else if constexpr (std::is_enum_v<T>) {
    return "enum " + std::to_string(static_cast<long long>(value));
  } else {
    return "<value>";
  }
}

inline void Fail(const char* file, int line, const std::string& what) {
  ++FailuresInTest();
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
}

template <typename A, typename B>
bool ExpectEq(const A& a, const B& b, const char* sa, const char* sb, const char* file, int line) {
  if (a == b) return true;
  Fail(file, line, std::string(sa) + " == " + sb + "\n  left:  " + Show(a) + "\n  right: " + Show(b));
  return false;
}

int Main(int argc, char** argv);

}  // namespace slotwise::test

#define SLOTWISE_TEST(suite, name, has_one_thread)                                                                      \
  static void suite##_##name##_Run();                                                                                  \
  static ::slotwise::test::Registrar suite##_##name##_registrar(#suite, #name, &suite##_##name##_Run, has_one_thread); \
  static void suite##_##name##_Run()

#define TEST(suite, name) SLOTWISE_TEST(suite, name, false)
// A test that starts no thread, of code whose locks, if it has any, other tests take: ThreadSanitizer has nothing to see there.
// The other builds run it and fail it if it does start one. A file of nothing else is not even compiled for ThreadSanitizer.
#define ONE_THREAD_TEST(suite, name) SLOTWISE_TEST(suite, name, true)

#define EXPECT_TRUE(cond)                                                                              \
  do {                                                                                                 \
    if (!(cond)) ::slotwise::test::Fail(__FILE__, __LINE__, "expected true: " #cond);                  \
  } while (0)
#define EXPECT_FALSE(cond)                                                                             \
  do {                                                                                                 \
    if (cond) ::slotwise::test::Fail(__FILE__, __LINE__, "expected false: " #cond);                    \
  } while (0)
#define ASSERT_TRUE(cond)                                                                              \
  do {                                                                                                 \
    if (!(cond)) {                                                                                     \
      ::slotwise::test::Fail(__FILE__, __LINE__, "expected true: " #cond);                             \
      return;                                                                                          \
    }                                                                                                  \
  } while (0)
#define EXPECT_EQ(a, b) (void)::slotwise::test::ExpectEq((a), (b), #a, #b, __FILE__, __LINE__)
#define ASSERT_EQ(a, b)                                                                                \
  do {                                                                                                 \
    if (!::slotwise::test::ExpectEq((a), (b), #a, #b, __FILE__, __LINE__)) return;                     \
  } while (0)
#define EXPECT_NE(a, b) EXPECT_TRUE(!((a) == (b)))
#define EXPECT_LT(a, b) EXPECT_TRUE((a) < (b))
#define EXPECT_LE(a, b) EXPECT_TRUE((a) <= (b))
#define EXPECT_GT(a, b) EXPECT_TRUE((a) > (b))
#define EXPECT_GE(a, b) EXPECT_TRUE((a) >= (b))
