// Who reads a run changes nothing of it, and nothing else: not while its writer is at work, not what a writer left, and
// not in a folder that somebody made as a trap.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>

#include "engine/base/files.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/sqlite.hpp"

namespace violet::results::readers_test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kCell = "strict.net-rx.1";

RunWriter begun_run(const fs::path& root) {
  RunSetup setup;
  setup.root = root;
  setup.resolved_json = "{\"run\": {}}";
  setup.cells = {{kCell, "strict", {}}};
  setup.manifest = host_manifest();
  setup.manifest.plan_name = "t";
  setup.manifest.plan_hash = "0badcafe";
  auto writer = RunWriter::create(setup);
  EXPECT_TRUE(writer) << writer.error().message;
  return *std::move(writer);
}

void measure(RunWriter& writer, std::uint32_t repetition) {
  RepetitionRecord record{kCell, repetition, 0, 1, {}, {}, {}};
  record.metrics = {{"operations_per_s", "op/s", 7.0, {}, Better::kHigher}};
  EXPECT_TRUE(writer.begin_repetition(kCell, repetition));
  EXPECT_TRUE(writer.finish_repetition(record));
}

// Another program that looked into the results, and has them open still.
class OtherProgram {
 public:
  OtherProgram(const fs::path& run, const char* sql) {
    sqlite3* database = nullptr;
    EXPECT_EQ(
        sqlite3_open_v2((run / "results.sqlite").c_str(), &database, SQLITE_OPEN_READONLY, nullptr),
        SQLITE_OK);
    database_.reset(database);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
  }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
};

void expect_whole(const fs::path& run, std::size_t repetitions) {
  const auto read = read_run(run);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->manifest.outcome, "finished");
  EXPECT_EQ(read->cells[0].repetitions.size(), repetitions);
  EXPECT_TRUE(read->notes.empty()) << read->notes[0].text;
}

struct Readers : testing::TestWithParam<const char*> {
  TestFolder folder;
};

TEST_P(Readers, DoNotMakeAGoodRunFail) {
  fs::path run;
  {
    RunWriter writer = begun_run(folder.path());
    run = writer.directory();
    measure(writer, 0);
    const OtherProgram idle(run, GetParam());
    measure(writer, 1);
    const Status closed = writer.close("finished");
    ASSERT_TRUE(closed) << closed.error().message;
    EXPECT_TRUE(fs::exists(run / "results.json"));
    EXPECT_EQ(writer.is_in_write_ahead_log(), std::string_view(GetParam()).starts_with("BEGIN"));
    expect_whole(run, 2);
  }
  expect_whole(run, 2);
}

TEST_P(Readers, DoNotMakeAResumedRunFail) {
  fs::path run;
  {
    RunWriter writer = begun_run(folder.path());
    run = writer.directory();
    measure(writer, 0);
  }
  {
    auto writer = RunWriter::resume(run, "0badcafe");
    ASSERT_TRUE(writer) << writer.error().message;
    const OtherProgram idle(run, GetParam());
    measure(*writer, 1);
    const Status closed = writer->close("finished");
    ASSERT_TRUE(closed) << closed.error().message;
  }
  expect_whole(run, 2);
}

INSTANTIATE_TEST_SUITE_P(Others, Readers,
                         testing::Values("SELECT count(*) FROM cells",
                                         "BEGIN; SELECT count(*) FROM cells"));

TEST(ReadersBeforeAResume, OnlyATransactionIsInTheWayAndIsNamed) {
  const TestFolder folder;
  fs::path run;
  {
    RunWriter writer = begun_run(folder.path());
    run = writer.directory();
    measure(writer, 0);
    ASSERT_TRUE(writer.close("interrupted"));
  }
  {
    const OtherProgram idle(run, "SELECT count(*) FROM cells");
    auto writer = RunWriter::resume(run, "0badcafe");
    ASSERT_TRUE(writer) << writer.error().message;
    measure(*writer, 1);
    ASSERT_TRUE(writer->close("finished"));
  }
  expect_whole(run, 2);
}

// Then SQLite opens in place nothing that lies there.
TEST(ReadersBeforeAResume, ARunWhoseFolderAnybodyMayWriteToIsARun) {
  const TestFolder folder;
  const mode_t before = ::umask(0);
  RunWriter writer = begun_run(folder.path());
  ::umask(before);
  measure(writer, 0);
  ASSERT_TRUE(read_run(writer.directory()));
  ASSERT_TRUE(writer.close("finished"));
  expect_whole(writer.directory(), 1);
}

// Whoever may read a file may hold its lock.
TEST(ReadersBeforeAResume, NobodyElseCanHoldTheLock) {
  const TestFolder folder;
  const auto mode_of = [](const fs::path& lock) { return fs::status(lock).permissions(); };
  fs::path lock;
  {
    const RunWriter writer = begun_run(folder.path());
    lock = writer.directory() / "lock";
    EXPECT_EQ(mode_of(lock), fs::perms::owner_read | fs::perms::owner_write);
  }
  fs::permissions(lock, fs::perms::others_read, fs::perm_options::add);  // As older programs did.
  EXPECT_TRUE(RunWriter::resume(lock.parent_path(), "0badcafe"));
  EXPECT_EQ(mode_of(lock), fs::perms::owner_read | fs::perms::owner_write);
}

// --- A folder from elsewhere ---

// Whatever lies there, byte for byte.
std::map<std::string, std::string> content_of(const fs::path& run) {
  std::map<std::string, std::string> content;
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.is_regular_file())
      content[entry.path().filename()] = read_whole_file(entry.path()).value();
  }
  return content;
}

// Of a run whose log holds all of its second repetition; its writer is elsewhere.
fs::path copy_with_log(const fs::path& root) {
  RunWriter writer = begun_run(root);
  measure(writer, 0);
  measure(writer, 1);
  fs::copy(writer.directory(), root / "copy", fs::copy_options::recursive);
  fs::remove(root / "copy" / "results.sqlite-shm");
  return root / "copy";
}

TEST(ForeignLog, IsReadAndNothingIsMadeBesideIt) {
  const TestFolder folder;
  const fs::path run = copy_with_log(folder.path());
  ASSERT_TRUE(fs::exists(run / "results.sqlite-wal"));
  const auto before = content_of(run);
  const auto read = read_run(run);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->cells[0].repetitions.size(), 2u);
  EXPECT_TRUE(content_of(run) == before);
  // A database that was to have one, and has not.
  fs::remove(run / "results.sqlite-wal");
  const auto without = content_of(run);
  (void)read_run(run);
  EXPECT_TRUE(content_of(run) == without);
}

// The index of a log is mapped and written to by whoever reads, whatever it is.
TEST(ForeignLog, ALinkForItsIndexLeadsNowhere) {
  const TestFolder folder;
  const fs::path run = copy_with_log(folder.path()), profile = folder.path() / "profile";
  for (const char* name : {"results.sqlite-shm", "results.sqlite-wal", "results.sqlite-journal"}) {
    for (const bool hard : {true, false}) {
      const std::string kept = fs::exists(run / name) ? read_whole_file(run / name).value() : "";
      fs::remove(run / name);
      std::ofstream(profile) << "export A=B\n";
      if (hard) fs::create_hard_link(profile, run / name);
      if (!hard) fs::create_symlink(profile, run / name);
      (void)read_run(run);
      EXPECT_TRUE(read_whole_file(profile).value() == "export A=B\n") << name;
      EXPECT_FALSE(RunWriter::resume(run, "0badcafe")) << name;
      EXPECT_TRUE(read_whole_file(profile).value() == "export A=B\n") << name;
      fs::remove(run / name);
      if (!kept.empty()) std::ofstream(run / name, std::ios::binary) << kept;
    }
  }
}

// Who plays back a journal removes the file that it names as the journal of several databases.
TEST(ForeignJournal, RemovesNoFileElsewhere) {
  const TestFolder folder;
  fs::path run;
  {
    RunWriter writer = begun_run(folder.path());
    run = writer.directory();
    measure(writer, 0);
    ASSERT_TRUE(writer.close("finished"));
  }
  const pid_t child = ::fork();
  if (child == 0) {
    auto writer = Database::open(run / "results.sqlite", Database::Mode::kWrite);
    (void)writer->run(
        "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN IMMEDIATE; "
        "CREATE TABLE junk(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + "
        "1 FROM n WHERE i < 2000) INSERT INTO junk SELECT hex(zeroblob(500)) FROM n");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  const fs::path precious = folder.path() / "precious";
  std::ofstream(precious) << "kept";
  const auto big_endian = [](std::uint32_t number) {
    return std::string{static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                       static_cast<char>(number >> 8), static_cast<char>(number)};
  };
  std::uint32_t sum = 0;
  for (const char c : precious.string()) sum += static_cast<unsigned char>(c);
  std::ofstream(run / "results.sqlite-journal", std::ios::binary | std::ios::app)
      << big_endian((1u << 30) / 4096 + 1) << precious.string()
      << big_endian(static_cast<std::uint32_t>(precious.string().size())) << big_endian(sum)
      << "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
  const auto read = read_run(run);
  EXPECT_TRUE(fs::exists(precious));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("names another file"));
  EXPECT_FALSE(RunWriter::resume(run, "0badcafe"));
  EXPECT_TRUE(fs::exists(precious));
}

}  // namespace
}  // namespace violet::results::readers_test
