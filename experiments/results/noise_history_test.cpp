#include "experiments/results/noise_history.hpp"

#include <gtest/gtest.h>

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
  run_in(folder.path(), 999, "mine");
  run_in(folder.path(), 400, "mine", "1000", "finished", 48);
  EXPECT_EQ(noise_history(folder.path(), now()).pairs, 0u);
  run_in(folder.path(), 1009, "mine", "1000", "finished", 1.5);
  const auto history = noise_history(folder.path(), now());
  EXPECT_EQ(history.pairs, 1u);
  EXPECT_NEAR(history.floor.at("operations_per_s"), 0.01, 1e-9);
}

}  // namespace
}  // namespace violet::results
