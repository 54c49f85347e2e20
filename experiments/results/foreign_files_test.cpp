// Run folders that somebody else made: files that do not end, that are none, that do what they should not. An error
// that names the file, in a moment, and the runs beside it are read all the same.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/base/files.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/results/noise_history.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/sqlite.hpp"

namespace violet::results::foreign_files_test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

Manifest manifest_of_t() {
  Manifest manifest = host_manifest();
  manifest.plan_name = "t";
  manifest.plan_hash = "0badcafe";
  return manifest;
}

fs::path finished_run(const fs::path& root) {
  RunSetup setup;
  setup.root = root;
  setup.resolved_json = "{\"run\": {}}";
  setup.cells = {{"strict.net-rx.1", "strict", {}}};
  setup.manifest = manifest_of_t();
  auto writer = RunWriter::create(setup).value();
  RepetitionRecord record{"strict.net-rx.1", 0, 0, 1, {}, {}, {}};
  record.metrics = {{"operations_per_s", "op/s", 7.0, {}, Better::kHigher}};
  EXPECT_TRUE(writer.begin_repetition("strict.net-rx.1", 0));
  EXPECT_TRUE(writer.finish_repetition(record));
  EXPECT_TRUE(writer.close("finished"));
  return writer.directory();
}

std::string error_of(const fs::path& run) {
  const auto read = read_run(run);
  return read ? std::string() : read.error().message;
}

struct ForeignFiles : testing::Test {
  void SetUp() override { run = finished_run(folder.path()); }
  void make_fifo(const char* name) {
    fs::remove(run / name);
    ASSERT_EQ(::mkfifo((run / name).c_str(), 0600), 0);
  }
  // As another program would.
  void change_database(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((run / "results.sqlite").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  TestFolder folder;
  fs::path run;
};

TEST_F(ForeignFiles, APipeIsNoFileOfARun) {
  for (const char* name :
       {"results.sqlite-journal", "results.sqlite-wal", "results.sqlite", "manifest.json"}) {
    make_fifo(name);
    EXPECT_THAT(error_of(run), AllOf(HasSubstr(name), HasSubstr("is no regular file")));
    fs::remove(run / name);
  }
}

TEST_F(ForeignFiles, ADeviceThatDoesNotEndIsNone) {
  fs::remove(run / "results.sqlite");
  fs::create_symlink("/dev/zero", run / "results.sqlite");
  EXPECT_THAT(error_of(run), AllOf(HasSubstr("results.sqlite"), HasSubstr("is no regular file")));
  fs::remove(run / "manifest.json");
  fs::create_symlink("/dev/zero", run / "manifest.json");
  EXPECT_THAT(error_of(run), AllOf(HasSubstr("manifest.json"), HasSubstr("it is a link")));
}

TEST_F(ForeignFiles, AManifestOfManyMegabytesIsNotRead) {
  for (const std::uintmax_t bytes :
       {std::uintmax_t{1} << 40, std::uintmax_t{kMostManifestBytes} + 1}) {
    fs::resize_file(run / "manifest.json", bytes);
    EXPECT_THAT(error_of(run), AllOf(HasSubstr("manifest.json"), HasSubstr("more than")));
  }
}

// The settings are extra: a run without them can be read.
TEST_F(ForeignFiles, APlanThatIsAPipeCostsThePlanOnly) {
  make_fifo("resolved.json");
  EXPECT_EQ(error_of(run), "");
}

TEST_F(ForeignFiles, AViewIsNoTable) {
  change_database(
      "ALTER TABLE cells RENAME TO kept; CREATE VIEW cells AS WITH RECURSIVE n(i) AS (SELECT 1 "
      "UNION ALL SELECT i + 1 FROM n) SELECT i AS id, i AS label, '{}' AS axes, i AS position FROM "
      "n");
  EXPECT_THAT(error_of(run),
              AllOf(HasSubstr("results.sqlite"), HasSubstr("holds the view 'cells'")));
  EXPECT_FALSE(RunWriter::resume(run, "0badcafe"));
}

TEST_F(ForeignFiles, ATriggerAndAVirtualTableAreNeither) {
  change_database("CREATE TRIGGER t AFTER INSERT ON cells BEGIN DELETE FROM cells; END");
  EXPECT_THAT(error_of(run), HasSubstr("holds the trigger 't'"));
  change_database(
      "DROP TRIGGER t; PRAGMA writable_schema = 1; INSERT INTO sqlite_schema VALUES("
      "'table', 'v', 'v', 0, 'CREATE  Virtual table v USING fts5(a)')");
  EXPECT_THAT(error_of(run), HasSubstr("holds the virtual 'v'"));
}

// The axes' are ours, and for other programs.
TEST_F(ForeignFiles, AColumnThatIsComputedIsNotRead) {
  change_database(
      "DROP TABLE notes; CREATE TABLE notes(id INTEGER PRIMARY KEY, at_s REAL, severity TEXT, "
      "cell TEXT, repetition_id INTEGER, text TEXT AS (hex(zeroblob(100000000))))");
  EXPECT_THAT(error_of(run), HasSubstr("the column notes.text is computed"));
}

TEST_F(ForeignFiles, OneBadFolderDoesNotStopTheNoiseHistory) {
  const fs::path good = finished_run(folder.path());
  finished_run(folder.path());
  make_fifo("manifest.json");
  EXPECT_EQ(noise_history(folder.path(), manifest_of_t()).runs,
            2u);  // The two whole ones.
  EXPECT_EQ(error_of(good), "");
}

TEST_F(ForeignFiles, ALatestThatIsAFolderIsTold) {
  fs::remove(folder.path() / "latest");
  fs::create_directory(folder.path() / "latest");
  std::ofstream(folder.path() / "latest" / "mine") << "kept";
  const fs::path another = finished_run(folder.path());
  const auto read = read_run(another);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->notes.size(), 1u);
  EXPECT_THAT(read->notes[0].text, HasSubstr("latest: cannot be linked to this run"));
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".latest")) << entry.path();
  }
}

// --- Texts and numbers that are meant for something else than reading ---

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

// What prints, copies or compares such a thing calls itself for each level.
TEST_F(ForeignFiles, JsonOfAHundredThousandLevelsIsAnErrorThatNamesTheFile) {
  const std::string good = read_whole_file(run / "manifest.json").value();
  const std::string deep = nested(100'000);
  for (const char* key : {"version", "seed", "cpus_online", "host"}) {
    auto json = nlohmann::ordered_json::parse(good);
    json[key] = "HERE";
    std::string text = json.dump();
    text.replace(text.find("\"HERE\""), 6, deep);
    std::ofstream(run / "manifest.json") << text;
    EXPECT_THAT(error_of(run), AllOf(HasSubstr("manifest.json"), HasSubstr("nested more than")));
  }
  EXPECT_EQ(noise_history(folder.path(), manifest_of_t()).runs, 0u);
  std::ofstream(run / "manifest.json") << good;
  // The settings are extra, as above.
  std::ofstream(run / "resolved.json") << "{\"run\": {\"a\": " << deep << "}}";
  EXPECT_EQ(error_of(run), "");
  change_database("DROP TABLE checks; DROP INDEX notes_of_repetition");
  change_database(("UPDATE cells SET axes = '" + nested(500) + "'").c_str());
  EXPECT_THAT(error_of(run), HasSubstr("the axes of cell 'strict.net-rx.1' are damaged"));
}

TEST_F(ForeignFiles, AThresholdThatNoPlanHasIsDamage) {
  const auto good = nlohmann::ordered_json::parse(read_whole_file(run / "manifest.json").value());
  for (const char* value : {"-1", "1001", "1e308", "true", "null", "\"5\"", "[5]"}) {
    auto json = good;
    json["threshold_percent"] = nlohmann::ordered_json::parse(value);
    std::ofstream(run / "manifest.json") << json;
    EXPECT_THAT(error_of(run), AllOf(HasSubstr("manifest.json"), HasSubstr("threshold_percent")))
        << value;
  }
}

// An escape sequence, one of a single character, and a mark that turns what follows.
TEST_F(ForeignFiles, NoTextOfARunDoesAnythingToAScreen) {
  change_database(
      "DROP TABLE checks; DROP INDEX notes_of_repetition; UPDATE metrics SET unit = unit || "
      "char(27) || ']0;x' || char(7), name = name || char(155) || '31m'; UPDATE cells SET label = "
      "char(8238) || label, axes = json_object('a' || char(27), char(8238)); INSERT INTO "
      "notes(at_s, severity, text, cell) VALUES(0, char(27), char(27) || 'c', char(8238))");
  auto json = nlohmann::ordered_json::parse(read_whole_file(run / "manifest.json").value());
  json["host"] = "vm\u202e\u001b[31m";
  json["oversubscribed"] = {"a\u009b"};
  json["drop_counts"]["b\u001b"] = 1;
  std::ofstream(run / "manifest.json") << json;
  std::ofstream(run / "resolved.json") << "{\"run\": {\"a\u202e\": \"\u009b\"}}";
  const auto read = read_run(run);
  ASSERT_TRUE(read) << read.error().message;
  const auto said = report(*read);
  std::string all;
  for (const Format format : {Format::kText, Format::kJson, Format::kNdjson, Format::kCsv}) {
    all += render(*read, said, format);
  }
  ASSERT_TRUE(write_results_json(*read, [&](std::string_view piece) -> Status {
    all += piece;
    return {};
  }));
  for (const auto& [key, value] : read->run_settings) all += key + value;
  for (const char* bad : {"\x1b", "\u001b", "\\u001b", "\u202e", "\u009b", "\\u0007"}) {
    EXPECT_EQ(all.find(bad), std::string::npos) << testing::PrintToString(bad);
  }
  EXPECT_NE(all.find("op/s?]0;x?"), std::string::npos);
}

// --- Small files that would take long ---

TEST_F(ForeignFiles, RowsThatTheSizeDoesNotExplainAreNotRead) {
  auto database = Database::open(run / "results.sqlite", Database::Mode::kRead);
  ASSERT_TRUE(database);
  auto many = database->prepare(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT hex(zeroblob(500)) "
      "FROM n");
  ASSERT_TRUE(many);
  std::size_t rows = 0;
  Result<bool> stepped = true;
  while (stepped && rows < 1'000'000) {
    stepped = many->step();
    ++rows;
  }
  ASSERT_FALSE(stepped);
  EXPECT_THAT(stepped.error().message,
              AllOf(HasSubstr("results.sqlite"), HasSubstr("than its size explains")));
  EXPECT_LT(rows, 10'000u);
  EXPECT_GT(rows, 1'000u);
}

TEST_F(ForeignFiles, MoreMetricsAndLongerNamesThanAnyRunHasAreNotRead) {
  change_database(
      "DROP TABLE checks; DROP INDEX notes_of_repetition; WITH RECURSIVE n(i) AS (SELECT 1 UNION "
      "ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO metrics SELECT 1, 'm' || i, '1', 1.0, "
      "NULL, 'neither' FROM n");
  EXPECT_THAT(error_of(run), HasSubstr("more than 4096 metrics of a repetition"));
  change_database("DELETE FROM metrics; UPDATE cells SET label = hex(zeroblob(50000))");
  EXPECT_THAT(error_of(run), HasSubstr("a name of 100000 bytes"));
  change_database("UPDATE cells SET label = hex(zeroblob(10000000))");
  EXPECT_THAT(error_of(run), HasSubstr("results.sqlite"));
}

// --- A writer that died in the midst of a change ---

// Leaves a journal with what was before, and a database in which some of it is new. The writer's lock goes with it.
void die_while_writing(const fs::path& database) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto writer = Database::open(database, Database::Mode::kWrite);
    const bool left =
        writer && writer->run(
                      "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN IMMEDIATE; "
                      "UPDATE metrics SET value = -1; CREATE TABLE junk(x); WITH RECURSIVE n(i) AS "
                      "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO junk "
                      "SELECT hex(zeroblob(500)) FROM n");
    ::_exit(left ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
}

TEST_F(ForeignFiles, AHotJournalIsRepairedInACopyAndNothingIsChanged) {
  die_while_writing(run / "results.sqlite");
  ASSERT_GT(fs::file_size(run / "results.sqlite-journal"), 0u);
  const auto before = fs::file_size(run / "results.sqlite");
  const auto read = read_run(run);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->cells[0].repetitions.size(), 1u);
  EXPECT_EQ(read->cells[0].repetitions[0].metrics[0].value, 7.0);
  ASSERT_EQ(read->notes.size(), 1u);
  EXPECT_THAT(read->notes[0].text, HasSubstr("a repaired copy of it"));
  EXPECT_EQ(fs::file_size(run / "results.sqlite"), before);
  EXPECT_TRUE(fs::exists(run / "results.sqlite-journal"));
  // Whoever may write repairs it for good.
  ASSERT_TRUE(RunWriter::resume(run, "0badcafe")->close("finished"));
  EXPECT_TRUE(read_run(run)->notes.empty());
}

// On a disk that cannot be written to, as seen by a process of its own; nothing: that is not permitted here.
std::optional<bool> reads_on_read_only_mount(const fs::path& run) {
  constexpr int kReads = 0, kFails = 1, kNotPermitted = 2;
  const pid_t child = ::fork();
  if (child == 0) {
    const bool alone = ::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    const char* at = run.c_str();
    if (!alone || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(at, at, nullptr, MS_BIND, nullptr) != 0 ||
        ::mount(nullptr, at, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) {
      ::_exit(kNotPermitted);
    }
    const auto read = read_run(run);
    const bool whole = read && read->cells[0].repetitions.size() == 1 &&
                       read->cells[0].repetitions[0].metrics[0].value == 7.0;
    ::_exit(whole ? kReads : kFails);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status)) return false;
  if (WEXITSTATUS(status) == kNotPermitted) return std::nullopt;
  return WEXITSTATUS(status) == kReads;
}

TEST_F(ForeignFiles, AReadOnlyMountIsReadWhateverItsWriterLeft) {
  const auto whole = reads_on_read_only_mount(run);
  if (!whole) GTEST_SKIP() << "a mount of its own is not permitted here";
  EXPECT_TRUE(*whole);
  die_while_writing(run / "results.sqlite");
  EXPECT_TRUE(*reads_on_read_only_mount(run));
}

TEST_F(ForeignFiles, ALogWithoutItsIndexIsReadOnAReadOnlyMount) {
  auto kept = Database::open(run / "results.sqlite", Database::Mode::kWrite);
  ASSERT_TRUE(kept && kept->run("PRAGMA journal_mode = WAL; CREATE TABLE more(x)"));
  const fs::path copy = folder.path() / "copy";
  fs::copy(run, copy, fs::copy_options::recursive);
  fs::remove(copy / "results.sqlite-shm");
  const auto reads = reads_on_read_only_mount(copy);
  if (!reads) GTEST_SKIP() << "a mount of its own is not permitted here";
  EXPECT_TRUE(*reads);
}

// A start that was killed: each file that create() makes before the last one is missing, or not yet what it will be.
TEST_F(ForeignFiles, ARunThatWasKilledAtItsStartSaysSo) {
  fs::remove(run / "log.txt");
  fs::remove(run / "results.sqlite");
  const auto expect_told = [&] {
    for (const std::string& said : {error_of(run), [&] {
                                      const auto resumed = RunWriter::resume(run, "0badcafe");
                                      return resumed ? std::string() : resumed.error().message;
                                    }()}) {
      EXPECT_THAT(said, AllOf(HasSubstr(run.string()),
                              HasSubstr("killed before it measured anything: start it anew")));
    }
  };
  expect_told();
  std::ofstream(run / "results.sqlite").flush();
  expect_told();
  ASSERT_TRUE(Database::open(run / "results.sqlite", Database::Mode::kCreate)
                  ->run("PRAGMA application_id = 0x56696f6c; PRAGMA user_version = 1"));
  expect_told();
}

// Somebody who may not open what the writer has open beside the database.
TEST_F(ForeignFiles, ARunThatGoesOnIsNotSaidToHaveDied) {
  die_while_writing(run / "results.sqlite");
  const FileDescriptor held(::open((run / "lock").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX | LOCK_NB), 0);
  const auto read = read_run(run);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->notes.size(), 1u);
  EXPECT_THAT(read->notes[0].text, HasSubstr("the run goes on"));
}

// A file can claim more than any disk holds.
TEST_F(ForeignFiles, ADatabaseOfATerabyteIsNotCopied) {
  die_while_writing(run / "results.sqlite");
  fs::resize_file(run / "results.sqlite", std::uintmax_t{1} << 40);
  EXPECT_THAT(error_of(run), AllOf(HasSubstr("results.sqlite"), HasSubstr("has more than the")));
}

}  // namespace
}  // namespace violet::results::foreign_files_test
