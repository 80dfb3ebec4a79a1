// Which file descriptors clients may not take; with real ones: packages/node/test/connections.test.ts, row 67.
#include "net/descriptor_reserve.h"

#include "test.h"

namespace slotwise::test {
namespace {

// Of the whole process: put back at the end.
class Limit {
 public:
  explicit Limit(rlim_t descriptors) {
    getrlimit(RLIMIT_NOFILE, &before_);
    Set(descriptors);
  }
  ~Limit() { setrlimit(RLIMIT_NOFILE, &before_); }
  void Set(rlim_t descriptors) {
    rlimit limit = before_;
    limit.rlim_cur = descriptors;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }

 private:
  rlimit before_{};
};

TEST(DescriptorReserve, IsAQuarterOfFewAndThirtyTwoOfMany) {
  Limit limit(80);
  DescriptorReserve few;
  EXPECT_FALSE(few.Begins(59));
  EXPECT_TRUE(few.Begins(60));
  EXPECT_EQ(few.size(), 20);
  limit.Set(512);
  DescriptorReserve many;
  EXPECT_FALSE(many.Begins(479));
  EXPECT_TRUE(many.Begins(480));
  EXPECT_EQ(many.size(), 32);
}

TEST(DescriptorReserve, MovesWithTheLimitOfTheProcess) {
  Limit limit(80);
  DescriptorReserve reserve;
  EXPECT_TRUE(reserve.Begins(60));
  limit.Set(160);
  EXPECT_FALSE(reserve.Begins(60));
  EXPECT_TRUE(reserve.Begins(128));
}

TEST(DescriptorReserve, IsAllThatIsLeftWhenTheLowestFreeOneIsInIt) {
  DescriptorReserve reserve;
  EXPECT_FALSE(reserve.IsAllThatIsLeft(0));
  const int lowest = fcntl(0, F_DUPFD_CLOEXEC, 0);
  close(lowest);
  Limit limit(static_cast<rlim_t>(lowest) + 1);
  EXPECT_TRUE(DescriptorReserve().IsAllThatIsLeft(0));
  limit.Set(static_cast<rlim_t>(lowest));
  EXPECT_TRUE(DescriptorReserve().IsAllThatIsLeft(0));
}

}  // namespace
}  // namespace slotwise::test
