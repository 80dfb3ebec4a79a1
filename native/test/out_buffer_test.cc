#include "resp/out_buffer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "keyspace/allocator.h"
#include "resp/reply_writer.h"
#include "test.h"

namespace slotwise {
namespace {

std::string Take(OutBuffer& out, std::uint64_t limit, std::size_t bytes) {
  iovec v[8];
  int n = out.Gather(v, 8, limit);
  std::string taken;
  for (int i = 0; i < n && taken.size() < bytes; ++i) {
    taken.append(static_cast<char*>(v[i].iov_base), std::min(v[i].iov_len, bytes - taken.size()));
  }
  out.Consume(taken.size());
  return taken;
}

ONE_THREAD_TEST(OutBuffer, ModelOfRandomAppendsAndSends) {
  std::uint64_t memory = UsedMemory();
  {
    OutBuffer out;
    Random random(21);
    std::string expected;
    std::string sent;
    for (int i = 0; i < 3000; ++i) {
      if (random.Below(3) != 0) {
        std::size_t sizes[] = {0, 1, 50, 5000, 16384, 40000};
        std::string bytes(sizes[random.Below(6)], static_cast<char>('a' + random.Below(26)));
        if (random.Below(8) == 0) {
          Blob* blob = Blob::Copy(bytes, bytes.size());
          out.AppendBlob(blob);
          blob->Unref();
        } else {
          out.Append(bytes);
        }
        expected += bytes;
      } else {
        std::uint64_t limit = random.Below(4) == 0 ? out.consumed() + out.pending() / 2 : UINT64_MAX;
        sent += Take(out, limit, random.Below(60000));
        ASSERT_TRUE(sent.size() <= expected.size());
        if (limit != UINT64_MAX) ASSERT_TRUE(out.consumed() <= limit);
        out.ReleaseIfEmpty();
      }
      ASSERT_EQ(out.pending(), expected.size() - sent.size());
    }
    while (!out.empty()) sent += Take(out, UINT64_MAX, 1 << 20);
    EXPECT_TRUE(sent == expected);
  }
  FlushThreadCache();
  // Chunks in the thread's pool stay accounted.
  EXPECT_TRUE(UsedMemory() - memory <= 256 * OutBuffer::kChunkSize);
}

ONE_THREAD_TEST(ReplyWriter, BothProtocols) {
  auto write = [](int protocol, auto&& f) {
    OutBuffer out;
    ReplyWriter w(out, protocol);
    f(w);
    std::string text;
    out.CopyTo(&text);
    return text;
  };
  EXPECT_EQ(write(2, [](auto& w) { w.Null(); w.NullArray(); w.Map(2); w.Set(1); w.Bool(true); w.Double(1.5); }), "$-1\r\n*-1\r\n*4\r\n*1\r\n:1\r\n$3\r\n1.5\r\n");
  EXPECT_EQ(write(3, [](auto& w) { w.Null(); w.NullArray(); w.Map(2); w.Set(1); w.Bool(true); w.Double(1.5); }), "_\r\n_\r\n%2\r\n~1\r\n#t\r\n,1.5\r\n");
  EXPECT_EQ(write(2, [](auto& w) { w.Integer(INT64_MIN); w.BulkInteger(-7); w.Verbatim("hi"); }), ":-9223372036854775808\r\n$2\r\n-7\r\n$2\r\nhi\r\n");
  EXPECT_EQ(write(3, [](auto& w) { w.Verbatim("hi"); }), "=6\r\ntxt:hi\r\n");
}

ONE_THREAD_TEST(ReplyWriter, AnErrorCannotForgeASecondReply) {
  OutBuffer out;
  ReplyWriter w(out, 2);
  w.Error("ERR bad\r\n+OK\r\n");
  std::string text;
  out.CopyTo(&text);
  EXPECT_EQ(text, "-ERR bad  +OK\r\n");
  EXPECT_EQ(w.last_error_code(), "ERR");
}

ONE_THREAD_TEST(OutBuffer, ChunksThatWaitForTheNextReplyAreNotInUse) {
  const std::uint64_t before = UsedMemory();
  {
    std::vector<std::unique_ptr<OutBuffer>> many;
    for (int i = 0; i < 50; ++i) {
      many.push_back(std::make_unique<OutBuffer>());
      many.back()->Append("x");
    }
    EXPECT_TRUE(UsedMemory() >= before + 50 * OutBuffer::kChunkSize);
  }
  EXPECT_TRUE(UsedMemory() < before + OutBuffer::kChunkSize);
}

}  // namespace
}  // namespace slotwise
