#include "log/check_aof.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>

#include "log/aof_manifest.h"
#include "log/empty_rdb.h"
#include "log/journal_recovery.h"
#include "log/resp_scanner.h"
#include "log/segment_index.h"
#include "log/segment_reader.h"

namespace slotwise {
namespace {

constexpr std::size_t kHeaderLineSizeMax = 127;
constexpr std::size_t kManifestSizeMax = 16 << 20;

class ConsoleLogger final : public Logger {
 public:
  explicit ConsoleLogger(CheckAofConsole& console) : console_(console) {}
  void Log(LogLevel, std::string_view message) override { console_.Print(std::string(message) + "\n"); }

 private:
  CheckAofConsole& console_;
};

enum class Verdict { kValid, kEmpty, kNotValid, kTruncated, kCutAtTimestamp };


class Checker {
 public:
  Checker(FileSystem& files, CheckAofConsole& console, const RdbEnd& rdb_end, bool fix, long to_timestamp)
      : files_(files), console_(console), rdb_end_(rdb_end), fix_(fix), to_timestamp_(to_timestamp) {}

  // nullopt: stop with exit code 1.
  using Result = std::optional<Verdict>;

  bool CheckOldStyle(const std::string& path, bool has_rdb) {
    Print("Start checking Old-Style AOF\n");
    Result result = CheckFile(path, path, IndexPath(path), true, has_rdb);
    return result && Announce(*result, path, "AOF");
  }

  bool CheckMultiPart(const std::string& dir, const AofManifest& manifest, const std::string& journal_path) {
    Print("Start checking Multi Part AOF\n");
    if (manifest.base) {
      const std::string path = dir + manifest.base->name;
      bool rdb = StartsWithRdb(path);
      Print("Start to check BASE AOF (%s format).\n", rdb ? "RDB" : "RESP");
      Result result = CheckFile(manifest.base->name, path, IndexPath(path), manifest.incr.empty(), rdb);
      if (!result || !Announce(*result, manifest.base->name, "BASE AOF")) return false;
    }
    if (!manifest.incr.empty()) Print("Start to check INCR files.\n");
    const std::size_t used = UsedSegments(dir, manifest);
    for (std::size_t i = 0; i < manifest.incr.size(); ++i) {
      const AofFileInfo& info = manifest.incr[i];
      const std::string path = dir + info.name;
      if (i + 1 == used && !CheckJournal(journal_path, info, path)) return false;
      Result result = CheckFile(info.name, path, IndexPath(path), i + 1 >= used, false);
      if (!result || !Announce(*result, info.name, "INCR AOF")) return false;
    }
    Print("All AOF files and manifest are valid\n");
    return true;
  }

  bool StartsWithRdb(const std::string& path) {
    std::unique_ptr<File> file;
    char start[8];
    return files_.Open(path, OpenMode::kRead, &file) >= 0 && file->ReadAt(0, start, sizeof(start)) == sizeof(start) &&
           std::memcmp(start, "REDIS", 5) == 0;
  }

 private:
  // As the loader counts them: behind the last that holds anything there may be some that a rewrite made and never wrote to.
  std::size_t UsedSegments(const std::string& dir, const AofManifest& manifest) {
    std::size_t used = manifest.incr.size();
    for (; used > 1; --used) {
      const std::string path = dir + manifest.incr[used - 1].name;
      std::unique_ptr<File> file;
      if (files_.Open(path, OpenMode::kRead, &file) < 0 || file->Size() != 0 || !NeverWritten(files_, IndexPath(path))) break;
    }
    return used;
  }

  __attribute__((format(printf, 2, 3))) void Print(const char* format, ...) {
    va_list args;
    va_start(args, format);
    char* text = nullptr;
    if (vasprintf(&text, format, args) >= 0) {
      console_.Print(text);
      std::free(text);
    }
    va_end(args);
  }
  __attribute__((format(printf, 2, 3))) void Error(const char* format, ...) {
    va_list args;
    va_start(args, format);
    char* text = nullptr;
    if (vasprintf(&text, format, args) >= 0) {
      char position[32];
      std::snprintf(position, sizeof(position), "0x%16llx: ", static_cast<unsigned long long>(element_));
      error_ = std::string(position) + text;
      std::free(text);
    }
    va_end(args);
  }

  bool Announce(Verdict verdict, const std::string& name, const char* kind) {
    switch (verdict) {
      case Verdict::kValid: Print("%s %s is valid\n", kind, name.c_str()); return true;
      case Verdict::kEmpty: Print("%s %s is empty\n", kind, name.c_str()); return true;
      case Verdict::kTruncated: Print("Successfully truncated AOF %s\n", name.c_str()); return true;
      case Verdict::kCutAtTimestamp:
        Print("Successfully truncated AOF %s to timestamp %ld\n", name.c_str(), to_timestamp_);
        return true;
      case Verdict::kNotValid: break;
    }
    Print("AOF %s is not valid. Use the --fix option to try fixing it.\n", name.c_str());
    return false;
  }

  // The journal of `appendfsync always` may hold what the last file lacks since a power cut. False: stop.
  bool CheckJournal(const std::string& journal_path, const AofFileInfo& info, const std::string& path) {
    JournalRepair repair;
    ConsoleLogger logger(console_);
    Status status = ReadJournal(files_, logger, journal_path, {info, path, IndexPath(path), 0}, &repair);
    std::unique_ptr<File> file;
    if (!status.ok()) {
      Print("%s\n", status.message().c_str());
      forget_journal_ = fix_;
    } else if (!repair.frames.empty() && files_.Open(path, OpenMode::kReadWrite, &file) >= 0 &&
               CompareJournal(*file, repair).lacking) {
      Print("The AOF journal holds bytes that INCR AOF %s lacks, from %llu to %llu\n", info.name.c_str(),
            static_cast<unsigned long long>(repair.frames.front().position), static_cast<unsigned long long>(repair.end()));
      forget_journal_ = fix_ && ApplyJournal(*file, repair) >= 0 && file->SyncData() >= 0;
      if (forget_journal_) Print("Successfully put them into AOF %s\n", info.name.c_str());
    } else {
      return true;
    }
    return forget_journal_ || Announce(Verdict::kNotValid, info.name, "INCR AOF");
  }

  Result CheckFile(const std::string& name, const std::string& path, const std::string& index_path, bool is_last, bool has_rdb) {
    std::unique_ptr<File> file;
    int error = files_.Open(path, OpenMode::kRead, &file);
    std::int64_t size = error < 0 ? error : file->Size();
    if (size < 0) {
      Print("Cannot open file %s: %s, aborting...\n", path.c_str(), std::strerror(static_cast<int>(-size)));
      return std::nullopt;
    }
    SegmentIndex index;
    Status status = ReadSegmentIndex(files_, index_path, &index);
    if (!status.ok()) {
      Print("%s\n", status.message().c_str());
      return std::nullopt;
    }
    if (size == 0 && index.covered_end() == 0 && !forget_journal_) return Verdict::kEmpty;
    error_.clear();
    multi_ = 0;
    position_ = element_ = good_ = 0;
    SegmentReader reader(*file, static_cast<std::uint64_t>(size), no_blocks_);
    reader_ = &reader;
    if (has_rdb && !CheckRdb(name, *file, static_cast<std::uint64_t>(size))) return std::nullopt;
    Result cut = Walk(name, path, is_last);
    if (!cut) return std::nullopt;
    if (*cut == Verdict::kCutAtTimestamp) return Shrink(path, index_path, index, good_) ? cut : std::nullopt;
    if (at_end_ && multi_ != 0 && error_.empty()) Error("Reached EOF before reading EXEC for MULTI");
    if (!error_.empty()) Print("%s\n", error_.c_str());
    bool index_fits = CheckIndex(name, *file, static_cast<std::uint64_t>(size), index);
    auto total = static_cast<unsigned long long>(size);
    unsigned long long diff = total - good_;
    if (diff == 0 && to_timestamp_ != 0) {
      Print("Truncate nothing in AOF %s to timestamp %ld\n", name.c_str(), to_timestamp_);
      return Verdict::kValid;
    }
    Print("AOF analyzed: filename=%s, size=%llu, ok_up_to=%llu, ok_up_to_line=%llu, diff=%llu\n", name.c_str(), total,
          static_cast<unsigned long long>(good_), line_, diff);
    if (diff == 0 && index_fits) return Verdict::kValid;
    if (!fix_) return Verdict::kNotValid;
    if (diff == 0) {
      if (!RewriteIndex(path, index_path, index, good_)) return std::nullopt;
      Print("Successfully rewrote the checksums of AOF %s\n", name.c_str());
      return Verdict::kValid;
    }
    if (!is_last) {
      Print("Failed to truncate AOF %s because it is not the last file\n", name.c_str());
      return std::nullopt;
    }
    Print("This will shrink the AOF %s from %llu bytes, with %llu bytes, to %llu bytes\n", name.c_str(), total, diff,
          static_cast<unsigned long long>(good_));
    Print("Continue? [y/N]: ");
    std::string answer = console_.ReadLine();
    if (answer.empty() || (answer[0] != 'y' && answer[0] != 'Y')) {
      Print("Aborting...\n");
      return std::nullopt;
    }
    if (!Shrink(path, index_path, index, good_)) {
      Print("Failed to truncate AOF %s\n", name.c_str());
      return std::nullopt;
    }
    return Verdict::kTruncated;
  }

  // --- the RDB part

  bool CheckRdb(const std::string& name, File& file, std::uint64_t size) {
    Print("[offset 0] Checking RDB file %s\n", name.c_str());
    std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(size, kEmptyRdbSizeMax)), '\0');
    if (file.ReadAt(0, bytes.data(), bytes.size()) != static_cast<std::int64_t>(bytes.size())) return NotSane();
    std::vector<RdbAuxField> aux;
    std::size_t rdb_size = 0;
    EmptyRdbResult result = CheckEmptyRdb(bytes, &rdb_size, &aux);
    for (const RdbAuxField& field : aux) {
      Print("[offset %zu] AUX FIELD %s = '%s'\n", field.end, field.key.c_str(), field.value.c_str());
    }
    if (result == EmptyRdbResult::kDamaged) return NotSane();
    position_ = rdb_size;
    without_checksum_ = false;
    if (result == EmptyRdbResult::kHoldsKeys) {
      Status status = rdb_end_(file, name, &position_);
      if (!status.ok()) {
        Print("--- RDB ERROR DETECTED ---\n%s\n", status.message().c_str());
        return NotSane();
      }
      static constexpr char kNone[8] = {};
      char checksum[8];
      without_checksum_ = position_ < 8 || file.ReadAt(position_ - 8, checksum, 8) != 8 || std::memcmp(checksum, kNone, 8) == 0;
    }
    if (without_checksum_) {
      Print("[offset %llu] RDB file was saved with checksum disabled: no check performed.\n", static_cast<unsigned long long>(position_));
    } else {
      Print("[offset %llu] Checksum OK\n", static_cast<unsigned long long>(position_));
    }
    Print("[offset %llu] \\o/ RDB looks OK! \\o/\n", static_cast<unsigned long long>(position_));
    if (result == EmptyRdbResult::kEmpty) Print("[info] 0 keys read\n[info] 0 expires\n[info] 0 already expired\n");
    Print("RDB preamble is OK, proceeding with AOF tail...\n");
    return true;
  }
  bool NotSane() {
    Print("RDB preamble of AOF file is not sane, aborting.\n");
    return false;
  }

  // --- the commands

  // Walks to the end or to the first error. nullopt: stop; kCutAtTimestamp: cut at good_.
  Result Walk(const std::string& name, const std::string& path, bool is_last) {
    std::vector<std::string_view> argv;
    at_end_ = false;
    if (position_ > 0 && !Skip(position_)) return std::nullopt;
    for (;;) {
      if (multi_ == 0) good_ = position_;
      std::string_view bytes = Ahead(1);
      if (bytes.empty()) {
        at_end_ = true;
        return Verdict::kValid;
      }
      if (bytes[0] == '#') {
        Result result = Annotation(path, is_last);
        if (!result || *result == Verdict::kCutAtTimestamp) return result;
        continue;
      }
      if (bytes[0] != '*') {
        Print("AOF %s format error\n", name.c_str());
        return Verdict::kNotValid;
      }
      // What the loader's parser takes needs no second look; the rest is read the way that words its errors.
      Scan scan = ScanCommand(reader_->bytes(), &argv);
      while (scan.result == ScanResult::kNeedMore && scan.least <= reader_->size() - position_ &&
             reader_->Ensure(scan.need) == SegmentReader::Fill::kOk) {
        scan = ScanCommand(reader_->bytes(), &argv);
      }
      bool taken = scan.result == ScanResult::kCommand ? TakeScanned(path, argv, scan.size) : ReadCommand(path);
      if (!taken) return Verdict::kNotValid;
    }
  }

  bool TakeScanned(const std::string& path, const std::vector<std::string_view>& argv, std::size_t size) {
    // The element that errors name is the last one read.
    const std::uint64_t begin = position_;
    element_ = begin + static_cast<std::uint64_t>(argv[0].data() - reader_->bytes().data());
    if (!CountTransaction(path, argv[0])) {
      line_ += 3;
      return false;
    }
    element_ = begin + static_cast<std::uint64_t>(argv.back().data() - reader_->bytes().data());
    line_ += 1 + 2 * argv.size();
    Advance(size);
    return true;
  }

  bool ReadCommand(const std::string& path) {
    long count = 0;
    if (!ReadNumber('*', &count)) return false;
    for (long i = 0; i < count; ++i) {
      std::string_view argument;
      if (!ReadArgument(&argument)) return false;
      if (i == 0 && !CountTransaction(path, argument)) return false;
    }
    return true;
  }

  bool CountTransaction(const std::string& path, std::string_view command) {
    if (command.size() == 5 && IsCommand(command, "multi")) {
      if (multi_++ != 0) {
        Error("Unexpected MULTI in AOF %s", path.c_str());
        return false;
      }
    } else if (command.size() == 4 && IsCommand(command, "exec")) {
      if (--multi_ != 0) {
        Error("Unexpected EXEC in AOF %s", path.c_str());
        return false;
      }
    }
    return true;
  }

  bool ReadNumber(char prefix, long* value) {
    element_ = position_;
    std::string_view bytes = Ahead(kHeaderLineSizeMax).substr(0, kHeaderLineSizeMax);
    if (bytes.empty()) {
      at_end_ = true;
      return false;  // the end is not an error by itself
    }
    std::string line(bytes.substr(0, std::min(bytes.find('\n'), bytes.size() - 1) + 1));
    if (line[0] != prefix) {
      Error("Expected prefix '%c', got: '%c'", prefix, line[0]);
      return false;
    }
    char* end = nullptr;
    *value = std::strtol(line.c_str() + 1, &end, 10);
    if (!NewLine({end, static_cast<std::size_t>(line.data() + line.size() - end)})) return false;
    Advance(line.size());
    return true;
  }

  bool ReadArgument(std::string_view* argument) {
    long length = 0;
    if (!ReadNumber('$', &length)) return false;
    if (length < 0 || length > INT64_MAX - 2) {
      Error("Expected to read string of %ld bytes, which is not in the suitable range", length);
      return false;
    }
    element_ = position_;
    const std::uint64_t left = reader_->size() - position_;
    const std::uint64_t wanted = static_cast<std::uint64_t>(length) + 2;
    if (left < wanted) {
      Error("Expected to read %llu bytes, got %llu bytes", static_cast<unsigned long long>(wanted),
            static_cast<unsigned long long>(left));
      at_end_ = true;
      return false;
    }
    std::string_view bytes = Ahead(static_cast<std::size_t>(wanted)).substr(0, static_cast<std::size_t>(wanted));
    if (bytes.size() < wanted || !NewLine(bytes.substr(bytes.size() - 2))) return false;
    *argument = bytes.substr(0, bytes.size() - 2);
    Advance(bytes.size());
    return true;
  }

  bool NewLine(std::string_view bytes) {
    if (bytes.substr(0, 2) == "\r\n") {
      ++line_;
      return true;
    }
    auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned>(static_cast<unsigned char>(bytes[i])) : 0u; };
    Error("Expected \\r\\n, got: %02x%02x", byte(0), byte(1));
    return false;
  }

  Result Annotation(const std::string& path, bool is_last) {
    element_ = position_;
    std::string_view bytes = Ahead(kScanAnnotationSizeMax - 1).substr(0, kScanAnnotationSizeMax - 1);
    std::string line(bytes.substr(0, std::min(bytes.find('\n'), bytes.size() - 1) + 1));
    if (to_timestamp_ != 0 && line.compare(0, 4, "#TS:") == 0) {
      char* end = nullptr;
      errno = 0;
      long timestamp = std::strtol(line.c_str() + 4, &end, 10);
      if (errno != 0 || *end != '\r') {
        Print("Invalid timestamp annotation\n");
        return std::nullopt;
      }
      if (timestamp > to_timestamp_) return CutAtTimestamp(path, is_last);
    }
    Advance(line.size());
    return Verdict::kValid;
  }

  Result CutAtTimestamp(const std::string& path, bool is_last) {
    if (position_ == 0) {
      Print("AOF %s has nothing before timestamp %ld, aborting...\n", path.c_str(), to_timestamp_);
      return std::nullopt;
    }
    if (!is_last) {
      Print("Failed to truncate AOF %s to timestamp %ld to offset %lld because it is not the last file.\n", path.c_str(),
            to_timestamp_, static_cast<long long>(position_));
      Print("If you insist, please delete all files after this file according to the manifest file and delete the "
            "corresponding records in manifest file manually. Then re-run redis-check-aof.\n");
      return std::nullopt;
    }
    good_ = position_;
    return Verdict::kCutAtTimestamp;
  }

  // Bytes at the position: `n` of them unless the file ends before.
  std::string_view Ahead(std::size_t n) {
    n = static_cast<std::size_t>(std::min<std::uint64_t>(n, reader_->size() - position_));
    if (n > 0 && reader_->Ensure(n) != SegmentReader::Fill::kOk) return {};
    return reader_->bytes();
  }
  void Advance(std::size_t n) {
    reader_->Consume(n);
    position_ += n;
  }
  // The reader starts at 0; the position behind an RDB part is reached through its window.
  bool Skip(std::uint64_t n) {
    while (n > 0) {
      auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(n, 256 << 10));
      if (reader_->Ensure(piece) != SegmentReader::Fill::kOk) {
        Print("Failed to read from AOF, aborting...\n");
        return false;
      }
      reader_->Consume(piece);
      n -= piece;
    }
    return true;
  }

  // --- the checksums

  // False if the index needs a repair. Lowers good_ to the first block that is not what was written.
  bool CheckIndex(const std::string& name, File& file, std::uint64_t size, SegmentIndex& index) {
    if (!index.present) return true;
    bool fits = !index.damaged && !forget_journal_;
    if (index.damaged) Print("The checksums of AOF %s are damaged\n", name.c_str());
    std::uint64_t must_end = index.closed ? index.covered_end() : index.durable;
    if (size < must_end) {
      Print("AOF %s was %llu bytes long when its checksums were written\n", name.c_str(),
            static_cast<unsigned long long>(must_end));
      fits = false;
    }
    for (std::size_t i = 0; i < index.blocks.size(); ++i) {
      const IndexBlock& block = index.blocks[i];
      std::uint32_t crc = 0;
      if (block.end <= size && ChecksumOf(file, block.begin, block.end, &crc) == 0 && crc == block.crc) continue;
      if (block.end <= size) {
        element_ = block.begin;
        Error("Expected checksum %08x of the %llu bytes from here on, got %08x", static_cast<unsigned>(block.crc),
              static_cast<unsigned long long>(block.end - block.begin), static_cast<unsigned>(crc));
        Print("%s\n", error_.c_str());
      }
      good_ = std::min(good_, block.begin);
      index.blocks.resize(i);
      break;
    }
    return fits;
  }

  bool Shrink(const std::string& path, const std::string& index_path, const SegmentIndex& index, std::uint64_t size) {
    std::unique_ptr<File> file;
    if (files_.Open(path, OpenMode::kReadWrite, &file) < 0 || file->Truncate(size) < 0 || file->SyncData() < 0) return false;
    file.reset();
    return !index.present || RewriteIndex(path, index_path, index, size);
  }

  bool RewriteIndex(const std::string& path, const std::string& index_path, const SegmentIndex& index, std::uint64_t size) {
    std::unique_ptr<File> file;
    SegmentIndex rewritten;
    rewritten.previous_end = index.previous_end;
    auto now = static_cast<std::uint32_t>(std::time(nullptr));
    std::size_t slash = index_path.rfind('/');
    std::string dir = slash == std::string::npos ? "." : index_path.substr(0, slash);
    if (files_.Open(path, OpenMode::kReadWrite, &file) < 0 || file->SyncData() < 0 ||
        (size > 0 && ChecksumRange(*file, 0, size, now, &rewritten.blocks) < 0)) {
      Print("Failed to read from AOF %s, aborting...\n", path.c_str());
      return false;
    }
    Status status = WriteSegmentIndex(files_, dir, index_path, rewritten, now);
    if (!status.ok()) Print("%s\n", status.message().c_str());
    return status.ok();
  }

  FileSystem& files_;
  CheckAofConsole& console_;
  const RdbEnd& rdb_end_;
  const bool fix_;
  const long to_timestamp_;
  const std::vector<IndexBlock> no_blocks_;
  SegmentReader* reader_ = nullptr;
  std::string error_;
  unsigned long long line_ = 1;     // CR LF pairs, over all files
  std::uint64_t position_ = 0;
  std::uint64_t element_ = 0;       // where the element being read starts
  std::uint64_t good_ = 0;          // behind the last whole command outside a transaction
  int multi_ = 0;
  bool at_end_ = false;
  bool without_checksum_ = false;  // of the RDB
  bool forget_journal_ = false;     // what it held was taken over or given up: the index must no longer name it
};

}  // namespace

// "dir/appendonly.aof.manifest" -> "dir/appendonly.aof.journal"
static std::string JournalPath(const std::string& manifest_path) {
  constexpr std::string_view kSuffix = ".manifest";
  std::string base = manifest_path;
  if (base.size() > kSuffix.size() && base.compare(base.size() - kSuffix.size(), kSuffix.size(), kSuffix) == 0) {
    base.resize(base.size() - kSuffix.size());
  }
  return base + ".journal";
}

int CheckAof(FileSystem& files, const std::string& program, const std::vector<std::string>& args, CheckAofConsole& console,
             const RdbEnd& rdb_end) {
  bool fix = false;
  long to_timestamp = 0;
  std::string path;
  if (args.size() == 1) {
    path = args[0];
  } else if (args.size() == 2 && args[0] == "--fix") {
    fix = true;
    path = args[1];
  } else if (args.size() == 3 && args[0] == "--truncate-to-timestamp") {
    char* end = nullptr;
    errno = 0;
    to_timestamp = std::strtol(args[1].c_str(), &end, 10);
    if (errno != 0 || *end != '\0' || args[1].empty()) {
      console.Print("Invalid timestamp, aborting...\n");
      return 1;
    }
    path = args[2];
  } else {
    console.Print("Usage: " + program + " [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n");
    return 1;
  }
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kRead, &file);
  if (error < 0) {
    console.Print("Cannot open file " + path + ": " + std::strerror(-error) + "\n");
    return 1;
  }
  Checker checker(files, console, rdb_end, fix, to_timestamp);
  // A manifest is what has a line that starts with `file` before any other that is no comment.
  std::string start(64 << 10, '\0');
  std::int64_t n = file->ReadAt(0, start.data(), start.size());
  std::string_view rest(start.data(), n < 0 ? 0 : static_cast<std::size_t>(n));
  while (!rest.empty() && rest[0] == '#') {
    std::size_t line = rest.find('\n');
    rest = line == std::string_view::npos ? std::string_view() : rest.substr(line + 1);
  }
  if (rest.substr(0, 4) != "file") return checker.CheckOldStyle(path, checker.StartsWithRdb(path)) ? 0 : 1;
  std::string text;
  AofManifest manifest;
  Status status = ReadSmallFile(files, path, kManifestSizeMax, &text);
  if (status.ok()) status = AofManifest::Parse(text, &manifest);
  if (!status.ok()) {
    console.Print("\n" + status.message() + "\n");
    return 1;
  }
  std::size_t slash = path.rfind('/');
  return checker.CheckMultiPart(slash == std::string::npos ? "" : path.substr(0, slash + 1), manifest, JournalPath(path)) ? 0 : 1;
}

}  // namespace slotwise
