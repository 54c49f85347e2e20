// Who reads a run is not in the way of its writer.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::results::readers_test {
namespace {

namespace fs = std::filesystem;

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

}  // namespace
}  // namespace violet::results::readers_test
