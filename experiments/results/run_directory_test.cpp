#include "experiments/results/run_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/base/files.hpp"
#include "engine/base/test_folder_testing.hpp"
#include "experiments/hdr/hdr_encoding.hpp"
#include "experiments/hdr/hdr_log.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/sqlite.hpp"

namespace violet::results {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

RunSetup setup_in(const fs::path& root) {
  RunSetup setup;
  setup.root = root;
  setup.plan_text = "[plan]\nname = \"t\"\n";
  setup.resolved_json = "{}\n";
  setup.cells = {{"strict.net-rx.1",
                  "strategy=strict",
                  {{"strategy", std::string("strict")},
                   {"iotlb_entries", std::int64_t{64}},
                   {"indirect", true},
                   {"pace_scale", 1.5}}},
                 {"lazy.net-rx.2", "strategy=lazy", {{"strategy", std::string("lazy")}}}};
  setup.manifest = host_manifest();
  setup.manifest.plan_name = "t";
  setup.manifest.plan_hash = "0badcafe";
  setup.manifest.seed = 5;
  setup.manifest.repetition_seeds = {~std::uint64_t{0},
                                     7};  // JSON's own numbers would lose the first.
  return setup;
}

HdrHistogram counted(std::uint32_t repetition) {
  HdrHistogram h;
  for (std::uint64_t i = 0; i < 1000; ++i) h.record(i + repetition);
  return h;
}

RepetitionRecord record_of(const std::string& cell, std::uint32_t repetition) {
  RepetitionRecord record{cell, repetition, 0.5, 1.0, {}, {}, {"guest and endpoint share CPU 1"}};
  record.metrics = {{"operations_per_s", "op/s", 1000.0 + repetition, {}, Better::kHigher},
                    {"cycles", "1", {}, "there is no PMU here", Better::kLower}};
  record.histograms.push_back({"map", "ns", counted(repetition), Better::kLower});
  return record;
}

TEST(RunDirectory, HoldsWhatTheConventionsAskFor) {
  const TestFolder folder;
  auto writer = RunWriter::create(setup_in(folder.path()));
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  ASSERT_TRUE(writer->log("hello"));
  const fs::path directory = writer->directory();
  for (const char* cell : {"strict.net-rx.1", "lazy.net-rx.2"}) {
    for (std::uint32_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(writer->begin_repetition(cell, i));
      ASSERT_TRUE(writer->interval("map", 0, 1, counted(i)));
      ASSERT_TRUE(writer->finish_repetition(record_of(cell, i)));
    }
  }
  ASSERT_TRUE(writer->note({0.1, "info", "a note", ""}));
  ASSERT_TRUE(writer->close("finished"));
  for (const char* name : {"manifest.json", "plan.toml", "resolved.json", "results.sqlite",
                           "results.json", "log.txt", "hlog/strict.net-rx.1.hlog"}) {
    EXPECT_TRUE(fs::exists(directory / name)) << name;
  }
  EXPECT_FALSE(fs::exists(directory / "results.sqlite-wal"));
  EXPECT_EQ(fs::canonical(folder.path() / "latest"), directory);
  EXPECT_THAT(directory.filename().string(), testing::MatchesRegex("[0-9]+T[0-9]+Z-t-0badcafe"));

  const auto run = read_run(folder.path() / "latest");
  ASSERT_TRUE(run.has_value()) << run.error().message;
  EXPECT_EQ(run->manifest.outcome, "finished");
  EXPECT_EQ(run->manifest.seed, 5u);
  EXPECT_EQ(run->manifest.repetition_seeds, (std::vector<std::uint64_t>{~std::uint64_t{0}, 7}));
  ASSERT_EQ(run->cells.size(), 2u);
  EXPECT_EQ(run->cells[0].cell.axes, setup_in("").cells[0].axes);
  ASSERT_EQ(run->cells[0].repetitions.size(), 3u);
  const RepetitionRecord& first = run->cells[0].repetitions[0];
  EXPECT_EQ(first.metrics.size(), 2u);
  EXPECT_FALSE(first.metrics[0].value.has_value());
  EXPECT_EQ(first.metrics[0].because, "there is no PMU here");
  EXPECT_EQ(first.metrics[1].value, 1000.0);
  const auto& histogram = first.histograms[0].histogram;
  EXPECT_EQ(decode(histogram.encoded())->counts(), counted(0).counts());
  EXPECT_EQ(histogram.total(), 1000u);
  EXPECT_EQ(histogram.percentile(0), counted(0).percentile(50));
  EXPECT_EQ(histogram.max(), counted(0).max());
  EXPECT_TRUE(run->checked);
  EXPECT_THAT(first.warnings, testing::ElementsAre("guest and endpoint share CPU 1"));
  ASSERT_EQ(run->notes.size(), 1u);
  EXPECT_EQ(list_runs(folder.path()).size(), 1u);
  const auto log = read_hdr_log(directory / "hlog/strict.net-rx.1.hlog");
  ASSERT_TRUE(log.has_value());
  EXPECT_EQ(log->intervals[2].tag, "map/r2");
}

TEST(RunDirectory, ResultsJsonSaysNullWithAReasonAndNamesOutliers) {
  const TestFolder folder;
  auto writer = RunWriter::create(setup_in(folder.path()));
  for (std::uint32_t i = 0; i < 9; ++i) {
    auto record = record_of("strict.net-rx.1", i);
    if (i == 4) record.metrics[0].value = 9e9;
    ASSERT_TRUE(writer->finish_repetition(record));
  }
  ASSERT_TRUE(writer->close("finished"));
  const auto json = nlohmann::json::parse(*read_whole_file(writer->directory() / "results.json"));
  EXPECT_EQ(json["schema"], "violet.results");
  const auto& cell = json["cells"][0];
  EXPECT_TRUE(cell["summary"]["cycles"]["median"].is_null());
  EXPECT_EQ(cell["summary"]["cycles"]["because"], "there is no PMU here");
  EXPECT_EQ(cell["summary"]["operations_per_s"]["outliers"][0]["repetition"], 4);
  EXPECT_EQ(cell["repetitions"][0]["histograms"]["map"]["count"], 1000);
  EXPECT_EQ(json["manifest"]["plan"]["name"], "t");
}

TEST(RunDirectory, AKilledProcessLosesNothingThatWasFinished) {
  const TestFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    auto writer = RunWriter::create(setup_in(folder.path()));
    (void)writer->begin_repetition("strict.net-rx.1", 0);
    (void)writer->interval("map", 0, 1, counted(0));
    (void)writer->finish_repetition(record_of("strict.net-rx.1", 0));
    (void)writer->begin_repetition("strict.net-rx.1", 1);
    (void)writer->interval("map", 1, 1, counted(1));
    (void)writer->log("about to die");
    ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));

  const fs::path latest = folder.path() / "latest";
  auto run = read_run(latest);
  ASSERT_TRUE(run.has_value()) << run.error().message;
  EXPECT_EQ(run->manifest.outcome, "running");
  ASSERT_EQ(run->cells[0].repetitions.size(), 1u);
  EXPECT_EQ(run->unfinished,
            (std::vector<std::pair<std::string, std::uint32_t>>{{"strict.net-rx.1", 1}}));
  EXPECT_EQ(read_hdr_log(latest / "hlog/strict.net-rx.1.hlog")->intervals.size(), 2u);
  EXPECT_THAT(*read_whole_file(latest / "log.txt"), HasSubstr("about to die"));

  // --resume: the finished one is known, the other runs again under a tag of its own.
  auto writer = RunWriter::resume(latest, "0badcafe");
  ASSERT_TRUE(writer.has_value()) << writer.error().message;
  EXPECT_EQ(writer->finished(), (FinishedSet{{"strict.net-rx.1", 0}}));
  ASSERT_TRUE(writer->begin_repetition("strict.net-rx.1", 1));
  ASSERT_TRUE(writer->interval("map", 2, 1, counted(1)));
  ASSERT_TRUE(writer->finish_repetition(record_of("strict.net-rx.1", 1)));
  EXPECT_FALSE(writer->finish_repetition(record_of("strict.net-rx.1", 1)));  // Once.
  ASSERT_TRUE(writer->close("finished"));
  run = read_run(latest);
  EXPECT_EQ(run->cells[0].repetitions.size(), 2u);
  EXPECT_TRUE(run->unfinished.empty());
  EXPECT_EQ(read_hdr_log(latest / "hlog/strict.net-rx.1.hlog")->intervals[2].tag, "map/r1.2");
}

TEST(RunDirectory, OneWriterAndTheSamePlan) {
  const TestFolder folder;
  auto writer = RunWriter::create(setup_in(folder.path()));
  const auto second = RunWriter::resume(writer->directory(), "0badcafe");
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message, HasSubstr("another process"));
  const auto other = RunWriter::resume(writer->directory(), "11111111");
  ASSERT_FALSE(other.has_value());
  EXPECT_THAT(other.error().message, HasSubstr("same plan"));
  EXPECT_EQ(other.error().kind, ErrorKind::kUsage);
}

TEST(RunDirectory, ResumeKnowsTheHostAndNotesAnotherRevision) {
  const TestFolder folder;
  const RunSetup setup = setup_in(folder.path());
  const fs::path directory = RunWriter::create(setup)->directory();
  Manifest now = setup.manifest;
  now.host = {"elsewhere", {}};
  const auto refused = RunWriter::resume(directory, "0badcafe", &now);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("this is elsewhere"));
  now = setup.manifest;
  now.git_revision = {"abc-dirty", {}};
  ASSERT_TRUE(RunWriter::resume(directory, "0badcafe", &now));
  const auto run = read_run(directory);
  ASSERT_EQ(run->notes.size(), 1u);
  EXPECT_EQ(run->notes[0].severity, "warning");
  EXPECT_THAT(run->notes[0].text, HasSubstr("resumed with another revision: abc-dirty"));
}

TEST(RunDirectory, ARootThatCannotBeMadeIsTheEnvironments) {
  const TestFolder folder;
  std::ofstream(folder.path() / "file") << "no directory";
  const auto writer = RunWriter::create(setup_in(folder.path() / "file"));
  ASSERT_FALSE(writer.has_value());
  EXPECT_EQ(writer.error().kind, ErrorKind::kEnvironment);
}

TEST(RunDirectory, TheRunSectionOfThePlanIsRead) {
  const TestFolder folder;
  RunSetup setup = setup_in(folder.path());
  setup.resolved_json = R"({"run": {"operations": 200, "duration_s": null}})";
  const auto run = read_run(RunWriter::create(setup)->directory());
  EXPECT_EQ(run->run_settings.at("operations"), "200");
  EXPECT_EQ(run->run_settings.at("duration_s"), "null");
}

TEST(RunDirectory, TwoRunsInOneSecondGetTwoDirectories) {
  const TestFolder folder;
  auto a = RunWriter::create(setup_in(folder.path()));
  auto b = RunWriter::create(setup_in(folder.path()));
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->directory(), b->directory());
  EXPECT_EQ(list_runs(folder.path()).size(), 2u);
}

TEST(RunDirectory, RefusesNamesThatAreNoNames) {
  const TestFolder folder;
  RunSetup setup = setup_in(folder.path());
  setup.cells[0].id = "../../etc";
  EXPECT_FALSE(RunWriter::create(setup));
  setup = setup_in(folder.path());
  setup.manifest.plan_name = "a/b";
  EXPECT_FALSE(RunWriter::create(setup));
}

class Damaged : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = RunWriter::create(setup_in(folder_.path()));
    ASSERT_TRUE(writer->finish_repetition(record_of("strict.net-rx.1", 0)));
    ASSERT_TRUE(writer->close("finished"));
    directory_ = writer->directory();
  }
  std::string error() const {
    const auto run = read_run(directory_);
    return run ? std::string("none") : run.error().message;
  }
  void sql(const char* text) const {
    auto database = Database::open(directory_ / "results.sqlite", Database::Mode::kWrite);
    ASSERT_TRUE(database->run(text)) << text;
  }
  TestFolder folder_;
  fs::path directory_;
};

TEST_F(Damaged, ErrorsNameTheFile) {
  EXPECT_EQ(error(), "none");
  sql("DROP TABLE checks; DROP INDEX notes_of_repetition");  // As an older program made it.
  EXPECT_EQ(error(), "none");
  EXPECT_FALSE(read_run(directory_)->checked);
  sql("UPDATE histograms SET encoded = 'HISTFAAAA'");
  EXPECT_THAT(error(), AllOf(HasSubstr("results.sqlite: histogram 'map' of repetition 1"),
                             HasSubstr("strict.net-rx.1")));
  sql("UPDATE cells SET axes = '[]'");
  EXPECT_THAT(error(), HasSubstr("results.sqlite: the axes of cell"));
  sql("DROP TABLE cells");
  EXPECT_THAT(error(), AllOf(HasSubstr("results.sqlite"), HasSubstr("no such table")));
}

TEST_F(Damaged, WhatWasChangedIsNamed) {
  const auto changed = [&](const char* text, const char* named) {
    const std::string good = *read_whole_file(directory_ / "results.sqlite");
    sql(text);
    EXPECT_THAT(error(), AllOf(HasSubstr("results.sqlite: "), HasSubstr(named),
                               HasSubstr("not what the run stored")))
        << text;
    std::ofstream(directory_ / "results.sqlite", std::ios::binary) << good;
    EXPECT_EQ(error(), "none");
  };
  const char* repetition = "repetition 1 of 'strict.net-rx.1'";
  changed("UPDATE metrics SET value = value + 1", repetition);
  changed("UPDATE metrics SET because = 'no' WHERE value IS NULL", repetition);
  changed("DELETE FROM metrics WHERE name = 'cycles'", repetition);
  changed("UPDATE histograms SET encoded = 'HISTFAAAA'", repetition);
  changed("UPDATE histograms SET p99 = 1", repetition);
  changed("UPDATE repetitions SET duration_s = 2", repetition);
  changed("UPDATE repetitions SET finished = 0", repetition);
  changed("UPDATE notes SET text = 'all is well'", repetition);
  changed("UPDATE cells SET label = 'lazy'", "the list of cells");
  changed("DELETE FROM checks WHERE subject = 'repetition'", "repetition 1 of strict.net-rx.1");
  changed("DELETE FROM repetitions; DELETE FROM checks WHERE subject = 'repetition'",
          "the list of checksums");
  changed("INSERT INTO notes(at_s, severity, text, cell) VALUES(0, 'info', 'x', '')", "note");
  sql("DROP TABLE checks");
  EXPECT_THAT(error(), HasSubstr("results.sqlite: the table of checksums is damaged"));
}

// Whatever byte a disk changes: the numbers are those that were stored, or there is an error.
TEST_F(Damaged, NoByteOfItChangesANumberUnseen) {
  const auto numbers = [&]() -> std::string {
    const auto run = read_run(directory_);
    if (!run) return {};
    std::string all;
    EXPECT_TRUE(write_results_json(*run, [&all](std::string_view piece) -> Status {
      all += piece;
      return {};
    }));
    return all;
  };
  const std::string good = *read_whole_file(directory_ / "results.sqlite"), stored = numbers();
  ASSERT_FALSE(stored.empty());
  std::size_t seen = 0;
  for (std::size_t at = 100; at < good.size(); at += 1 + at % 59) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    std::ofstream(directory_ / "results.sqlite", std::ios::binary) << bad;
    const std::string now = numbers();
    if (now.empty()) {
      ++seen;
    } else {
      ASSERT_EQ(now, stored) << "byte " << at;
    }
  }
  EXPECT_GT(seen, 50u);
}

// A run folder from elsewhere may have links for names that a run writes to.
TEST_F(Damaged, NothingIsWrittenThroughALink) {
  const fs::path outside = folder_.path() / "precious";
  const auto plant = [&](const char* name) {
    std::ofstream(outside) << "precious";
    fs::remove_all(directory_ / name);
    fs::create_symlink(outside, directory_ / name);
  };
  const std::string database = *read_whole_file(directory_ / "results.sqlite");
  for (const char* name :
       {"lock", "log.txt", "results.sqlite", "manifest.json.next", "results.json.next", "hlog"}) {
    plant(name);
    {
      auto writer = RunWriter::resume(directory_, "0badcafe");
      if (writer) {
        static_cast<void>(writer->begin_repetition("strict.net-rx.1", 1));
        static_cast<void>(writer->interval("map", 0, 1, counted(1)));
        static_cast<void>(writer->finish_repetition(record_of("strict.net-rx.1", 1)));
        static_cast<void>(writer->close("finished"));
      }
      const bool next = std::string_view(name).ends_with(".next");
      EXPECT_EQ(writer.has_value(), next) << name;
    }
    EXPECT_EQ(*read_whole_file(outside), "precious") << name;
    fs::remove(directory_ / name);
    if (std::string_view(name) == "hlog") fs::create_directory(directory_ / name);
    std::ofstream(directory_ / "results.sqlite", std::ios::binary) << database;
  }
  EXPECT_TRUE(RunWriter::resume(directory_, "0badcafe"));
}

TEST_F(Damaged, AFolderThatOthersMayWriteToIsNotResumed) {
  ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
  const auto open_to_all = RunWriter::resume(directory_, "0badcafe");
  ASSERT_FALSE(open_to_all);
  EXPECT_THAT(open_to_all.error().message, HasSubstr("chmod o-w"));
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(::chown(directory_.c_str(), 65534, 65534), 0);
  const auto anothers = RunWriter::resume(directory_, "0badcafe");
  ASSERT_FALSE(anothers);
  EXPECT_EQ(anothers.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(anothers.error().message, HasSubstr("belongs to another user"));
  EXPECT_TRUE(read_run(directory_)) << "reading is harmless";
}

TEST(RunDirectory, ARunHasMoreCellsThanAProcessMayHaveFiles) {
  const TestFolder folder;
  RunSetup setup = setup_in(folder.path());
  setup.cells.clear();
  for (int i = 0; i < 100; ++i) setup.cells.push_back({fmt::format("cell-{}", i), "a", {}});
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit few = before;
  few.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  auto writer = RunWriter::create(setup);
  EXPECT_TRUE(writer);
  for (std::uint32_t repetition = 0; writer && repetition < 2; ++repetition) {
    for (const auto& cell : setup.cells) {
      EXPECT_TRUE(writer->begin_repetition(cell.id, repetition));
      EXPECT_TRUE(writer->interval("map", repetition, 1, counted(repetition)));
      EXPECT_TRUE(writer->finish_repetition(record_of(cell.id, repetition)));
    }
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  for (const auto& cell : setup.cells) {
    const auto log = read_hdr_log(writer->directory() / "hlog" / (cell.id + ".hlog"));
    ASSERT_TRUE(log) << log.error().message;
    EXPECT_EQ(log->intervals.size(), 2u);
  }
}

// AddressSanitizer keeps what is freed. The compiler's own macro first: libraries define a __has_feature that knows
// nothing for g++.
#if defined(__SANITIZE_ADDRESS__)
#define VIOLET_UNDER_ASAN 1
#elif defined(__has_feature)
#define VIOLET_UNDER_ASAN __has_feature(address_sanitizer)
#else
#define VIOLET_UNDER_ASAN 0
#endif
#if !VIOLET_UNDER_ASAN
// Decoded the histograms are 400 MB; a run of 5,000 cells needed 3 GB to be closed, and as much to be reported.
TEST(RunDirectory, NobodyHoldsAllOfItsHistogramsDecoded) {
  constexpr int kCells = 400, kHistograms = 4;
  constexpr long kMostKib = 128 << 10;
  const TestFolder folder;
  RunSetup setup = setup_in(folder.path());
  setup.cells.clear();
  for (int i = 0; i < kCells; ++i) {
    setup.cells.push_back({fmt::format("cell-{}", i), "a", {{"strategy", fmt::format("s{}", i)}}});
  }
  const pid_t child = ::fork();
  if (child == 0) {
    struct rusage before {
    }, after{};
    ::getrusage(RUSAGE_SELF, &before);
    auto writer = RunWriter::create(setup);
    for (const auto& cell : setup.cells) {
      auto record = record_of(cell.id, 0);
      for (int i = 1; i < kHistograms; ++i) record.histograms.push_back(record.histograms.front());
      for (auto& one : record.histograms)
        one.name += std::to_string(&one - record.histograms.data());
      if (!writer->begin_repetition(cell.id, 0) || !writer->finish_repetition(record)) ::_exit(2);
    }
    const bool closed = writer->close("finished").has_value();
    const auto run = read_run(writer->directory());
    if (!closed || !run || report(*run).table.rows.size() != kCells) ::_exit(3);
    ::getrusage(RUSAGE_SELF, &after);
    ::_exit(after.ru_maxrss - before.ru_maxrss < kMostKib ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: it took more memory";
}
#endif

TEST_F(Damaged, OtherSchemasAndStrangersAreToldApart) {
  sql("PRAGMA user_version = 0");
  EXPECT_THAT(error(), HasSubstr("results.sqlite: schema version 0, this program reads 1"));
  sql("PRAGMA application_id = 7");
  EXPECT_THAT(error(), HasSubstr("not results of Violet"));
  std::ofstream(directory_ / "results.sqlite")
      << "garbage, and long enough to be looked at as a database";
  EXPECT_THAT(error(), HasSubstr("results.sqlite: file is not a database"));
  fs::remove(directory_ / "results.sqlite");
  EXPECT_THAT(error(), HasSubstr("results.sqlite: cannot be opened"));
}

TEST_F(Damaged, ManifestsToo) {
  const fs::path path = directory_ / "manifest.json";
  const std::string good = *read_whole_file(path);
  std::ofstream(path) << good.substr(0, good.size() / 2);
  EXPECT_THAT(error(), HasSubstr("manifest.json: not JSON"));
  std::ofstream(path) << "{}";
  EXPECT_THAT(error(), HasSubstr("manifest.json: not a manifest"));
  std::ofstream(path) << R"({"schema": "violet.manifest", "version": 99})";
  EXPECT_THAT(error(), HasSubstr("manifest.json: schema version 99, this program reads 1"));
  std::ofstream(path) << R"({"schema": "violet.manifest", "version": "new"})";
  EXPECT_THAT(error(), HasSubstr("manifest.json: schema version \"new\""));
  std::ofstream(path) << R"({"schema": 7, "version": 1})";
  EXPECT_THAT(error(), HasSubstr("manifest.json: not a manifest"));
  std::ofstream(path) << R"({"schema": "violet.manifest", "version": 1, "run_id": 5})";
  EXPECT_THAT(error(), HasSubstr("manifest.json: "));
  // Not 2^64 - 1.
  for (const char* pointer : {"/seed", "/drop_counts/events"}) {
    auto json = nlohmann::json::parse(good);
    json[nlohmann::json::json_pointer(pointer)] = -1;
    std::ofstream(path) << json.dump();
    EXPECT_THAT(error(), HasSubstr("expected a whole number from 0, found -1")) << pointer;
  }
  fs::remove(path);
  EXPECT_THAT(error(), HasSubstr("is this a run directory?"));
  EXPECT_FALSE(read_run("/nonexistent"));
}

TEST_F(Damaged, ATruncatedDatabaseNeverReadsAsWhole) {
  const fs::path path = directory_ / "results.sqlite";
  fs::resize_file(path, fs::file_size(path) / 2);
  EXPECT_THAT(error(), HasSubstr("results.sqlite"));
}

TEST(ManifestFacts, AreKnownOrHaveAReason) {
  const Manifest m = host_manifest();
  for (const Fact* fact :
       {&m.host, &m.cpu_model, &m.kernel, &m.governor, &m.hugepages, &m.clock_source}) {
    EXPECT_NE(fact->value.empty(), fact->because.empty());
  }
  EXPECT_GT(m.ns_per_tick, 0);
  const auto back = manifest_from_json(to_json(m), "m");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(back->governor.text(), m.governor.text());
  EXPECT_EQ(to_json(*back), to_json(m));
  EXPECT_TRUE(build_id().known()) << build_id().because;
  EXPECT_EQ(build_id().value, host_manifest().build.value);
}

}  // namespace
}  // namespace violet::results
