// Relays on disk: what was appended comes back, whatever the end was torn by; and nothing else does.
#include "log/relay_file.h"

#include <string>

#include "recording_files.h"
#include "test.h"

namespace slotwise::test {
namespace {

const std::string kId(40, 'a');
const std::string kDir = "/data";

std::unique_ptr<RelayWriter> Create(FileSystem& files, std::int64_t start, bool durable = false) {
  std::unique_ptr<RelayWriter> writer;
  Status s = RelayWriter::Create(files, kDir, kId, start, durable, &writer);
  if (!s.ok()) Fail(__FILE__, __LINE__, s.message());
  return writer;
}

std::string All(FileSystem& files, std::int64_t start) {
  std::unique_ptr<RelayReader> reader;
  if (!RelayReader::Open(files, RelayPath(kDir, start), &reader).ok()) return "<not there>";
  std::string text;
  for (;;) {
    const std::string_view bytes = reader->Next();
    if (bytes.empty()) break;
    text += bytes;
  }
  EXPECT_EQ(reader->next(), start + static_cast<std::int64_t>(text.size()));
  return text;
}

ONE_THREAD_TEST(RelayFile, BytesComeBackUnderTheirOffsets) {
  RecordingFiles files;
  auto writer = Create(files, 1000);
  ASSERT_TRUE(writer->Append("one").ok() && writer->Append(std::string(3 << 20, 'x')).ok() && writer->Append("end").ok());
  EXPECT_EQ(writer->next(), 1000 + 3 + (3 << 20) + 3);
  EXPECT_TRUE(All(files, 1000) == "one" + std::string(3 << 20, 'x') + "end");
  std::vector<std::string> unreadable;
  std::vector<FoundRelay> found = FindRelays(files, kDir, &unreadable);
  ASSERT_TRUE(found.size() == 1 && unreadable.empty());
  EXPECT_TRUE(found[0].id == kId && found[0].start == 1000 && found[0].end == writer->next());
}

ONE_THREAD_TEST(RelayFile, AFrameThatComesLaterIsFoundLater) {
  RecordingFiles files;
  auto writer = Create(files, 5);
  std::unique_ptr<RelayReader> reader;
  ASSERT_TRUE(RelayReader::Open(files, RelayPath(kDir, 5), &reader).ok());
  EXPECT_EQ(reader->Next(), "");
  (void)writer->Append("ab");
  EXPECT_EQ(reader->Next(), "ab");
  EXPECT_EQ(reader->Next(), "");
  (void)writer->Append("cd");
  EXPECT_EQ(reader->Next(), "cd");
}

// Wherever it is cut off and whatever bit is flipped: a beginning of what was appended, to the end of some frame.
ONE_THREAD_TEST(RelayFile, NoDamageIsTakenForData) {
  RecordingFiles files;
  auto writer = Create(files, 77);
  (void)writer->Append("first frame");
  (void)writer->Append("second");
  (void)writer->Append("third one");
  const std::string path = RelayPath(kDir, 77);
  const std::string whole = files.Content(path);
  auto plausible = [](const std::string& text) {
    return text == "<not there>" || text.empty() || text == "first frame" || text == "first framesecond" || text == "first framesecondthird one";
  };
  for (std::size_t size = 0; size < whole.size(); ++size) {
    files.Content(path) = whole.substr(0, size);
    const std::string text = All(files, 77);
    EXPECT_TRUE(plausible(text) && text != "first framesecondthird one");
  }
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    files.Content(path) = whole;
    files.Content(path)[bit / 8] = static_cast<char>(whole[bit / 8] ^ (1 << (bit % 8)));
    const std::string text = All(files, 77);
    EXPECT_TRUE(plausible(text) && text != "first framesecondthird one");
  }
  // A frame of another place: its offset is part of its sum.
  files.Content(path) = whole.substr(0, 60) + whole.substr(60 + 8 + 11);
  EXPECT_EQ(All(files, 77), "");
}

ONE_THREAD_TEST(RelayFile, WhatWasSyncedIsThereAfterAPowerCut) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    RecordingFiles files(seed % 2 == 0 ? DiskModel::kPosixMinimal : DiskModel::kExt4Like);
    auto writer = Create(files, 9, /*durable=*/true);
    (void)writer->Append(std::string(700, 'a'));
    ASSERT_TRUE(writer->Sync().ok());
    (void)writer->Append(std::string(5000, 'b'));
    (void)writer->Append("c");
    Twister random(seed);
    RecordingFiles after = files.AfterPowerCut([&](unsigned n) { return static_cast<unsigned>(random() % n); }, "boot-2");
    const std::string text = All(after, 9);
    EXPECT_TRUE(text == std::string(700, 'a') || text == std::string(700, 'a') + std::string(5000, 'b') || text == std::string(700, 'a') + std::string(5000, 'b') + "c");
  }
}

ONE_THREAD_TEST(RelayFile, AFullDiskIsToldAndLeavesWhatWasThere) {
  RecordingFiles files;
  auto writer = Create(files, 3);
  (void)writer->Append("there");
  files.FailAt(files.calls(), FaultKind::kEnospc, true);
  EXPECT_EQ(writer->Append("not").code(), ENOSPC);
  files.ClearFault();
  EXPECT_EQ(All(files, 3), "there");
}

ONE_THREAD_TEST(RelayFile, SetAsideItIsNoRelayAnyMoreAndNothingIsReplaced) {
  RecordingFiles files;
  for (const char* text : {"old", "new"}) {
    (void)Create(files, 8)->Append(text);
    EXPECT_FALSE(SetRelayAside(files, kDir, 8).empty());
  }
  files.Put(RelayPath(kDir, 12), "SWRELAY1 and no more");
  files.Put(kDir + "/semi-sync-relay.x", "");
  std::vector<std::string> unreadable;
  EXPECT_EQ(FindRelays(files, kDir, &unreadable).size(), 0u);
  ASSERT_TRUE(unreadable.size() == 1);
  EXPECT_EQ(unreadable[0], "semi-sync-relay.12");
  EXPECT_TRUE(files.Exists(RelayPath(kDir, 8) + ".kept") && files.Exists(RelayPath(kDir, 8) + ".kept-2"));
}

}  // namespace
}  // namespace slotwise::test
