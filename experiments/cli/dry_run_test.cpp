#include "experiments/cli/dry_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/plans/example_vocabulary.hpp"

namespace violet::cli {
namespace {

using nlohmann::json;

TEST(DryRun, JsonSaysWhatWouldRun) {
  plans::Problems problems;
  const auto plan =
      plans::parse_plan("[plan]\nname = \"t\"\n[axes]\nstrategy = \"*\"\n[run]\nrepetitions = 3\n",
                        "t.toml", {}, plans::example_vocabulary(), problems);
  ASSERT_TRUE(plan) << plans::to_text(problems);
  const json said = json::parse(dry_run_json(*plan, {12.5, 12.5}));
  EXPECT_EQ(said["schema"], "violet.dry_run");
  EXPECT_TRUE(said["problems"].empty());
  EXPECT_EQ(said["plan"]["name"], "t");
  EXPECT_EQ(said["plan"]["hash"], plan->hash());
  EXPECT_EQ(said["repetitions"], 3);
  EXPECT_EQ(said["estimated_s"], 12.5);
  EXPECT_EQ(said["trace_mib"], 64);
  EXPECT_FALSE(said.contains("until_ci"));
  ASSERT_EQ(said["cells"].size(), plan->cells.size());
  EXPECT_EQ(said["cells"][0]["id"], plan->cells[0].id);
  EXPECT_EQ(said["cells"][0]["settings"]["strategy"], plan->cells[0].strategy);
}

TEST(DryRun, SaysWhatRepeatingUntilAnIntervalIsNarrowMayTake) {
  plans::Problems problems;
  const std::vector<std::string> rule = {"until_ci_percent=2.5", "most_repetitions=12"};
  const auto plan = plans::parse_plan("[plan]\nname = \"t\"\n", "t.toml", rule,
                                      plans::example_vocabulary(), problems);
  ASSERT_TRUE(plan) << plans::to_text(problems);
  const json said = json::parse(dry_run_json(*plan, {10, 24}));
  EXPECT_EQ(said["repetitions"], 5);
  EXPECT_EQ(said["estimated_s"], 10);
  EXPECT_EQ(said["until_ci"],
            json({{"percent", 2.5}, {"most_repetitions", 12}, {"most_estimated_s", 24.0}}));
  EXPECT_THAT(dry_run_text(*plan, {10, 24}),
              testing::AllOf(testing::HasSubstr("would take about 10 s"),
                             testing::HasSubstr("and up to 24 s where no interval"),
                             testing::HasSubstr("2.5 %"), testing::HasSubstr("12 times")));
}

TEST(DryRun, ShowsWhatIsExpected) {
  plans::Problems problems;
  const auto plan = plans::parse_plan(
      "[plan]\nname = \"t\"\n[[expect]]\nclaim = \"no fault\"\nclass = \"should\"\nsource = "
      "\"me\"\n"
      "kind = \"value\"\nmetric = \"faults\"\nat_most = 0\n",
      "t.toml", {}, plans::example_vocabulary(), problems);
  ASSERT_TRUE(plan) << plans::to_text(problems);
  const json said = json::parse(dry_run_json(*plan, {1, 1}));
  ASSERT_EQ(said["expectations"].size(), 1u);
  EXPECT_EQ(said["expectations"][0]["claim"], "no fault");
  EXPECT_EQ(said["expectations"][0]["expected"], "faults: 0");
  const std::string text = dry_run_text(*plan, {1, 1});
  EXPECT_THAT(text, testing::HasSubstr("1 expectation on it"));
  EXPECT_THAT(text, testing::HasSubstr("no fault"));
}

TEST(DryRun, EveryProblemComesWithItsPlace) {
  plans::Problems problems;
  const auto plan = plans::parse_plan("[plan]\nname = \"t\"\n[axes]\n  stratgy = \"strict\"\n",
                                      "a:b.toml", {}, plans::example_vocabulary(), problems);
  ASSERT_FALSE(plan);
  const json said = json::parse(problems_json(problems));
  ASSERT_EQ(said["problems"].size(), 1u);
  const json& problem = said["problems"][0];
  EXPECT_EQ(problem["line"], 4);
  EXPECT_EQ(problem["column"], 3);
  EXPECT_THAT(problem["message"].get<std::string>(), testing::HasSubstr("strategy"));
}

TEST(DryRun, AProblemWithoutAPlaceHasNone) {
  const json said = json::parse(problems_json({{"--set x=1", "unknown key"}, {"", "no file"}}));
  EXPECT_TRUE(said["problems"][0]["line"].is_null());
  EXPECT_EQ(said["problems"][1]["message"], "no file");
}

TEST(DryRun, TextsThatAreNoUtf8AreReplaced) {
  EXPECT_TRUE(json::accept(problems_json({{"x:1:1", "found '\xff'"}})));
}

}  // namespace
}  // namespace violet::cli
