// Reading the log as a stream: the backlog's arithmetic, many readers while others append, and files beyond memory.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "log/log_buffer.h"
#include "log/log_reader.h"
#include "log_support.h"
#include "test.h"

namespace slotwise::test {
namespace {

LogUnit Unit(std::string_view value) {
  LogUnit unit;
  const std::string_view argv[] = {"SET", "k", value};
  unit.Add(0, argv, 3);
  return unit;
}

std::string ReadAll(LogReader& reader, std::uint64_t end) {
  std::string text;
  for (std::string_view bytes; !(bytes = reader.Peek(end)).empty(); reader.Advance(bytes.size())) text += bytes;
  return text;
}

TEST(LogReader, TheBacklogKeepsAtLeastItsSizeAndNotMuchMore) {
  auto log = CommitLog::InMemory();
  constexpr std::uint64_t kSize = 1 << 20;
  log->buffer().KeepTail(kSize);
  LogUnit unit = Unit(std::string(1000, 'v'));
  for (int i = 0; i < 5000; ++i) log->Append(unit);
  const std::uint64_t kept = log->tail() - log->buffer().first();
  EXPECT_TRUE(kept >= kSize);
  EXPECT_TRUE(kept <= kSize + 3 * LogBuffer::kChunkSize);
  LogReader early(*log, log->buffer().first() - 1);
  EXPECT_TRUE(early.Peek(log->tail()).empty());
  EXPECT_TRUE(early.lost());
  LogReader oldest(*log, log->buffer().first());
  EXPECT_EQ(ReadAll(oldest, log->tail()).size(), kept);
  EXPECT_FALSE(oldest.lost());
}

TEST(LogReader, AReaderWithAFloorLosesNothingAndOneWithoutIsTold) {
  auto log = CommitLog::InMemory();
  LogUnit unit = Unit(std::string(1000, 'v'));
  LogReader slow(*log, log->tail());
  log->Append(unit);
  EXPECT_FALSE(slow.Peek(log->tail()).empty());  // it stands in the first chunk, which stays while it does
  log->buffer().SetFloor(0);
  for (int i = 0; i < 3000; ++i) log->Append(unit);
  EXPECT_EQ(log->buffer().first(), 0u);
  log->buffer().SetFloor(~std::uint64_t{0});
  for (int i = 0; i < 1000; ++i) log->Append(unit);
  EXPECT_TRUE(log->buffer().first() > LogBuffer::kChunkSize);
  std::string got = ReadAll(slow, log->tail());
  EXPECT_TRUE(slow.lost());
  EXPECT_TRUE(got.size() > 100'000 && got.size() <= LogBuffer::kChunkSize);
  EXPECT_EQ(got.substr(0, 23), "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
}

TEST(LogReader, SelectIsSaidAgainWhereAStreamBegins) {
  auto log = CommitLog::InMemory();
  log->buffer().KeepTail(1 << 20);
  log->Append(Unit("1"));
  const std::uint64_t begin = log->buffer().BeginStream();
  LogUnit ping;
  ping.SetAnywhere("*1\r\n$4\r\nping\r\n");
  log->Append(ping);
  log->Append(Unit("2"));
  log->Append(ping);
  log->Append(Unit("3"));
  LogReader reader(*log, begin);
  EXPECT_EQ(ReadAll(reader, log->tail()),
            "*1\r\n$4\r\nping\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n2\r\n*1\r\n$4\r\nping\r\n"
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n3\r\n");
}

TEST(LogReader, ReadersSeeTheSameBytesWhileOthersAppend) {
  auto log = CommitLog::InMemory();
  log->buffer().KeepTail(64 << 20);
  constexpr int kUnits = 3000;
  std::atomic<bool> done{false};
  std::vector<std::string> got(3);
  std::vector<std::thread> threads;
  for (std::string& text : got) {
    threads.emplace_back([&] {
      LogReader reader(*log, 0);
      for (bool last = false; !last;) {
        last = done.load();
        text += ReadAll(reader, log->tail());
      }
    });
  }
  std::vector<std::thread> writers;
  for (int w = 0; w < 2; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kUnits; ++i) log->Append(Unit(std::string(static_cast<std::size_t>(i % 700), static_cast<char>('a' + w))));
    });
  }
  for (auto& t : writers) t.join();
  done.store(true);
  for (auto& t : threads) t.join();
  EXPECT_EQ(got[0].size(), log->tail());
  EXPECT_TRUE(got[0] == got[1] && got[1] == got[2]);
}

// everysec forgets what is synced; a failed fsync goes on in another segment, which begins with a SELECT of its own.
TEST(LogReader, WhatMemoryHasForgottenIsReadBackFromTheFilesAcrossSegments) {
  RecordingFiles files;
  CollectingLogger logger;
  ManualClock clock;
  std::unique_ptr<AofLog> log;
  EXPECT_TRUE(AofLog::Open(files, logger, TestOptions(), clock, {}, &log).ok());
  const std::uint64_t begin = log->tail();
  std::string expected = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
  auto write = [&](int units, bool fsync_fails = false) {
    for (int i = 0; i < units; ++i) {
      LogUnit unit = Unit(std::string(5000, static_cast<char>('a' + i % 26)));
      expected += unit.bytes();
      log->Append(unit);
      log->Flush();
    }
    clock.now += 1000;
    if (fsync_fails) files.FailAt(files.calls() + 2, FaultKind::kEio, false);
    log->Tick(clock.now);
  };
  write(200);
  write(200, true);
  EXPECT_TRUE(logger.Contains("The AOF goes on in the new file"));
  write(200);
  EXPECT_TRUE(log->buffer().first() > begin);
  LogReader reader(*log, begin);
  EXPECT_TRUE(ReadAll(reader, log->tail()) == expected);
  EXPECT_FALSE(reader.lost());
}

}  // namespace
}  // namespace slotwise::test
