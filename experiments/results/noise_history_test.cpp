#include "experiments/results/noise_history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "engine/base/test_folder_testing.hpp"
#include "experiments/results/run_directory.hpp"

namespace violet::results {
namespace {

// A finished run of one cell whose map.p50-like metric is about `value`.
void run_in(const std::filesystem::path& root, double value, const std::string& build,
            const std::string& operations = "1000", const char* outcome = "finished",
            double waited = 0) {
  RunSetup setup;
  setup.root = root;
  setup.resolved_json = "{\"run\": {\"operations\": " + operations + "}}";
  setup.cells = {{"strict.net-rx.1", "strict", {}}};
  setup.manifest = host_manifest();
  setup.manifest.build = {build, {}};
  setup.manifest.plan_name = "t";
  setup.manifest.plan_hash = "0badcafe";
  auto writer = RunWriter::create(setup);
  ASSERT_TRUE(writer) << writer.error().message;
  for (std::uint32_t i = 0; i < 3; ++i) {
    RepetitionRecord record{"strict.net-rx.1", i, 0, 1, {}, {}, {}};
    record.metrics = {{"operations_per_s", "op/s", value + i, {}, Better::kHigher},
                      {"cpu_wait_share", "%", i == 1 ? waited : 0.0, {}, Better::kNeither}};
    ASSERT_TRUE(writer->begin_repetition("strict.net-rx.1", i));
    ASSERT_TRUE(writer->finish_repetition(record));
  }
  ASSERT_TRUE(writer->close(outcome));
}

// The same of two cells, of the second of which the value is `second`.
void run_of_two(const std::filesystem::path& root, double value, double second) {
  RunSetup setup;
  setup.root = root;
  setup.resolved_json = "{\"run\": {\"operations\": 1000}}";
  setup.cells = {{"strict.net-rx.1", "strict", {}}, {"strict.net-rx.2", "strict", {}}};
  setup.manifest = host_manifest();
  setup.manifest.build = {"mine", {}};
  setup.manifest.plan_name = "t";
  setup.manifest.plan_hash = "0badcafe";
  auto writer = RunWriter::create(setup);
  ASSERT_TRUE(writer) << writer.error().message;
  for (const CellRecord& cell : setup.cells) {
    for (std::uint32_t i = 0; i < 2; ++i) {
      RepetitionRecord record{cell.id, i, 0, 1, {}, {}, {}};
      record.metrics = {
          {"operations_per_s", "op/s", cell.id.back() == '1' ? value : second, {}, Better::kHigher},
          {"cpu_wait_share", "%", 0.0, {}, Better::kNeither}};
      ASSERT_TRUE(writer->begin_repetition(cell.id, i));
      ASSERT_TRUE(writer->finish_repetition(record));
    }
  }
  ASSERT_TRUE(writer->close("finished"));
}

Manifest now() {
  Manifest manifest = host_manifest();
  manifest.build = {"mine", {}};
  return manifest;
}

TEST(NoiseHistory, IsTheDifferenceThatEqualCellsShowInOtherRuns) {
  const TestFolder folder;
  EXPECT_TRUE(noise_history(folder.path(), now()).floor.empty());
  run_in(folder.path(), 999, "mine");
  EXPECT_TRUE(noise_history(folder.path(), now()).floor.empty());
  run_in(folder.path(), 1099, "mine");
  const auto history = noise_history(folder.path(), now());
  EXPECT_EQ(history.pairs, 1u);
  EXPECT_NEAR(history.floor.at("operations_per_s"), 0.1, 1e-9);
  EXPECT_NEAR(history.floor.at("*"), 0.1, 1e-9);
}

const RunData kRunOfLength = [] {
  RunData run;
  run.run_settings = {{"operations", "1000"}};
  return run;
}();
const CellRecord kStrict{"strict.net-rx.1", "strict", {}};

TEST(NoiseHistory, ScatterBelongsToACellAndAMetric) {
  const TestFolder folder;
  for (const double value : {99.0, 109.0}) run_in(folder.path(), value, "mine");
  const auto history = noise_history(folder.path(), now());
  const auto noise = history.of(kRunOfLength, kStrict, "operations_per_s");
  ASSERT_TRUE(noise.has_value());
  EXPECT_EQ(noise->freedom, 1);
  EXPECT_NEAR(*noise->of_logarithm, std::log(1.1) / std::sqrt(2.0), 1e-12);  // Medians 100 and 110.
  EXPECT_NEAR(*noise->of_value, 10 / std::sqrt(2.0), 1e-12);
  EXPECT_THAT(noise->source, ::testing::HasSubstr("cells of this placement and strategy"));
  EXPECT_FALSE(history.of(kRunOfLength, kStrict, "map.p50").has_value());
  EXPECT_FALSE(history.of({}, kStrict, "operations_per_s").has_value());  // Of another length.
  const CellRecord lazy{"lazy.1", "lazy", {{"strategy", std::string("lazy")}}};
  EXPECT_FALSE(history.of(kRunOfLength, lazy, "operations_per_s").has_value());
}

TEST(NoiseHistory, ACellWithRunsEnoughStandsForItself) {
  const TestFolder folder;
  for (int i = 0; i < 6; ++i) run_in(folder.path(), 99 + i, "mine");
  const auto history = noise_history(folder.path(), now());
  const auto noise = history.of(kRunOfLength, kStrict, "operations_per_s");
  ASSERT_TRUE(noise.has_value());
  EXPECT_EQ(noise->freedom, 5);
  EXPECT_NEAR(*noise->of_value, std::sqrt(3.5), 1e-12);  // Of 100 to 105.
  EXPECT_THAT(noise->source, ::testing::HasSubstr("this cell"));
}

// Two runs whose medians agree by chance do not make a cell quiet.
TEST(NoiseHistory, FewRunsScatterAtLeastAsAllCellsDo) {
  NoiseHistory history;
  const std::string length = "\n1000\n";
  RunScatter alike, loud;
  alike.add({{0, 7.0}, {1, 7.0}, {2, 7.0}});
  alike.settle(1);
  RunMedians medians;
  for (std::size_t run = 0; run < 10; ++run) {
    medians.emplace_back(run, std::exp((run % 2 == 0 ? 1 : -1) * std::sqrt(0.009)));
  }
  loud.add(medians);
  loud.settle(1);
  history.kinds[length + "\nstrict\n"]["operations_per_s"] = alike;
  history.kinds[length + "any cell\n"]["operations_per_s"] = loud;
  const CellRecord strict{"strict.1", "strict", {{"strategy", std::string("strict")}}};
  const auto noise = history.of(kRunOfLength, strict, "operations_per_s");
  ASSERT_TRUE(noise.has_value());
  EXPECT_NEAR(*noise->of_logarithm, 0.1, 1e-12);
  EXPECT_EQ(noise->freedom, 9);
}

// Two runs of two cells: what befell a run befell both, and one more cell tells nothing more of it.
TEST(NoiseHistory, CellsOfARunAreNotWitnessesOfTheirOwn) {
  const auto freedom_of = [](double of_second) {
    const TestFolder folder;
    for (const double value : {100.0, 110.0, 104.0}) {
      run_of_two(folder.path(), value, value == 104.0 ? of_second : 3 * value);
    }
    return noise_history(folder.path(), now())
        .of(kRunOfLength, kStrict, "operations_per_s")
        ->freedom;
  };
  EXPECT_NEAR(freedom_of(3 * 104), 2, 0.01);
  EXPECT_GT(freedom_of(3 * 100), 2.1);
}

TEST(NoiseHistory, BuildsPoolTheirScatterAndContendersAreApart) {
  const TestFolder folder;
  run_in(folder.path(), 99, "mine");
  run_in(folder.path(), 109, "mine");
  run_in(folder.path(), 299, "another");
  run_in(folder.path(), 299, "another");
  const auto history = noise_history(folder.path(), now());
  EXPECT_EQ(history.of(kRunOfLength, kStrict, "operations_per_s")->freedom, 2);
  std::set<std::string> contenders;
  for (const auto& run : list_runs(folder.path())) {
    const auto data = read_run(run);
    if (data->manifest.build.value == "mine") contenders.insert(data->manifest.run_id);
  }
  ASSERT_EQ(contenders.size(), 2u);
  contenders.erase(contenders.begin());  // One of two equal runs is in question.
  EXPECT_EQ(noise_history(folder.path(), now(), contenders)
                .of(kRunOfLength, kStrict, "operations_per_s")
                ->freedom,
            1);
}

TEST(NoiseHistory, OtherBuildsLengthsAndUnfinishedRunsDoNotCount) {
  const TestFolder folder;
  run_in(folder.path(), 999, "mine");
  run_in(folder.path(), 1999, "another");
  run_in(folder.path(), 2999, "mine", "5");
  run_in(folder.path(), 3999, "mine", "1000", "interrupted");
  EXPECT_EQ(noise_history(folder.path(), now()).pairs, 0u);
}

// Two runs on the same cores, or a build beside one.
TEST(NoiseHistory, WhatOtherProgramsDisturbedDoesNotCount) {
  const TestFolder folder;
  EXPECT_EQ(source_text(noise_history(folder.path(), now())),
            "unknown: there is no finished run here of this host, kernel and kind of pages; run a "
            "plan twice");
  run_in(folder.path(), 999, "mine");
  EXPECT_EQ(source_text(noise_history(folder.path(), now())),
            "unknown: there is one finished run here of this host, kernel and kind of pages; run "
            "its plan again");
  run_in(folder.path(), 400, "mine", "1000", "finished", 48);
  const auto disturbed = noise_history(folder.path(), now());
  EXPECT_EQ(disturbed.pairs, 0u);
  EXPECT_EQ(disturbed.disturbed_cells, 1u);
  EXPECT_THAT(source_text(disturbed),
              ::testing::AllOf(
                  ::testing::HasSubstr("1 of 2 cells of the finished runs here does not count"),
                  ::testing::HasSubstr("while nothing else runs")));
  run_in(folder.path(), 1009, "mine", "1000", "finished", 1.5);
  const auto history = noise_history(folder.path(), now());
  EXPECT_EQ(history.pairs, 1u);
  EXPECT_NEAR(history.floor.at("operations_per_s"), 0.01, 1e-9);
}

}  // namespace
}  // namespace violet::results
