#include "experiments/plans/plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "experiments/plans/example_vocabulary.hpp"

namespace violet::plans {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kHead = "[plan]\nname = \"t\"\n";

Problems problems_of(const std::string& text, std::vector<std::string> overrides = {}) {
  Problems problems;
  const auto plan = parse_plan(text, "t.toml", overrides, example_vocabulary(), problems);
  EXPECT_EQ(plan.has_value(), problems.empty());
  return problems;
}

std::string only_problem(const std::string& text, std::vector<std::string> overrides = {}) {
  const Problems problems = problems_of(text, std::move(overrides));
  EXPECT_EQ(problems.size(), 1u) << to_text(problems);
  return to_text(problems);
}

Plan good(const std::string& text, std::vector<std::string> overrides = {}) {
  Problems problems;
  auto plan = parse_plan(text, "t.toml", overrides, example_vocabulary(), problems);
  EXPECT_TRUE(plan.has_value()) << to_text(problems);
  return plan.value_or(Plan{});
}

TEST(Plan, DefaultsAreTheFirstOfEachVocabulary) {
  const Plan plan = good(kHead);
  ASSERT_EQ(plan.cells.size(), 1u);
  const Cell& cell = plan.cells[0];
  EXPECT_EQ(cell.strategy, "strict");
  EXPECT_EQ(cell.iova, "rcache");
  EXPECT_EQ(cell.placement, "sidecore");
  EXPECT_EQ(cell.store, "radix");
  EXPECT_EQ(cell.workload, "net-rx");
  EXPECT_EQ(cell.queue, RingFormat::kSplit);
  EXPECT_EQ(cell.pace_scale, 1);
  EXPECT_EQ(plan.run.repetitions, 5u);
  EXPECT_EQ(plan.run.duration_s, 1.0);
  EXPECT_FALSE(plan.run.operations.has_value());
  EXPECT_FALSE(plan.cores.engine.has_value());
}

TEST(Plan, ListsMakeAMatrix) {
  const Plan plan = good(std::string(kHead) +
                         "[axes]\nstrategy = ['strict', 'off']\niotlb_entries = [64, 256, 1024]\n");
  EXPECT_EQ(plan.cells.size(), 6u);
  EXPECT_THAT(plan.varying, ElementsAre("strategy", "iotlb_entries"));
  EXPECT_EQ(plan.cells[0].label, "strategy=strict iotlb_entries=64");
}

// A setting that a generator got later leaves the cells of older plans what they were.
TEST(Plan, ANewSettingThatIsNotMentionedChangesNoCell) {
  const std::string text = std::string(kHead) + "[axes]\nworkload = 'nvme-4k'\n";
  const Plan plain = good(text);
  const Plan paced = good(text + "[workload.nvme-4k]\nservice_ns = 100\n");
  const auto says = [](const Plan& plan) {
    const auto& settings = plan.cells[0].settings;
    return std::any_of(settings.begin(), settings.end(),
                       [](const auto& one) { return one.first == "workload.nvme-4k.service_ns"; });
  };
  EXPECT_FALSE(says(plain));
  EXPECT_TRUE(says(paced));
  EXPECT_EQ(plain.cells[0].workload_settings.integer("service_ns"), 0);
  EXPECT_NE(plain.cells[0].id, paced.cells[0].id);
}

TEST(Plan, AStarMeansEveryName) {
  const Vocabulary all = example_vocabulary();
  EXPECT_EQ(good(std::string(kHead) + "[axes]\niotlb = '*'\n").cells.size(), all.iotlbs.size());
  EXPECT_EQ(good(std::string(kHead) + "[axes]\nworkload = '*'\n").cells.size(),
            all.workloads.size() + all.datasets.size());
}

TEST(Plan, SettingsBelongToTheirStrategyOnly) {
  const Plan plan = good(std::string(kHead) +
                         "[axes]\nstrategy = ['strict', 'lazy-percpu']\n"
                         "[strategy.lazy-percpu]\nentries = [128, 512]\ntimer_ms = 5\n");
  ASSERT_EQ(plan.cells.size(), 3u);  // strict does not multiply by lazy's setting.
  EXPECT_FALSE(plan.cells[0].strategy_settings.has("entries"));
  EXPECT_EQ(plan.cells[1].strategy_settings.integer("entries"), 128);
  EXPECT_EQ(plan.cells[1].strategy_settings.real("timer_ms"), 5.0);
  EXPECT_EQ(plan.cells[2].strategy_settings.integer("entries"), 512);
}

TEST(Plan, TraceSettingsGoToEveryTrace) {
  const Plan plan = good(
      std::string(kHead) +
      "[axes]\nworkload = ['trace:net-rx-strict', 'net-rx']\n[workload.trace]\nloop = false\n");
  ASSERT_EQ(plan.cells.size(), 2u);
  EXPECT_EQ(plan.cells[0].dataset, "net-rx-strict");
  EXPECT_FALSE(plan.cells[0].workload_settings.flag("loop"));
  EXPECT_EQ(plan.cells[1].dataset, "");
  EXPECT_FALSE(plan.cells[1].workload_settings.has("loop"));
  EXPECT_NE(plan.cells[0].id, plan.cells[1].id);
}

TEST(Plan, ATracesPathIsAWorkloadWhenTheFileIsGood) {
  Vocabulary words = example_vocabulary();
  words.trace_suffixes = {".vtrace"};
  words.trace_problem = [](const std::string& path) {
    return path == "/data/mine.vtrace" ? std::string() : path + ": cannot be read";
  };
  Problems problems;
  const std::vector<std::string> mine = {"axes.workload=trace:/data/mine.vtrace", "pace=paced"};
  const auto plan = parse_plan(kHead, "t.toml", mine, words, problems);
  ASSERT_TRUE(plan) << to_text(problems);
  EXPECT_EQ(plan->cells[0].dataset, "/data/mine.vtrace");
  EXPECT_THAT(plan->cells[0].id, StartsWith("strict.mine.vtrace."));
  const std::vector<std::string> other = {"workload=trace:gone.vtrace"};
  EXPECT_FALSE(parse_plan(kHead, "t.toml", other, words, problems));
  EXPECT_THAT(to_text(problems), HasSubstr("key 'axes.workload': gone.vtrace: cannot be read"));
  EXPECT_THAT(only_problem(kHead, {"workload=trace:net-rx-strit"}),
              HasSubstr("did you mean 'trace:net-rx-strict'?"));
}

TEST(Plan, SaysThatARuleTellsLittleOfPacedCells) {
  const std::string text =
      std::string(kHead) + "[axes]\nworkload = 'trace:net-rx-strict'\npace = ['closed', 'paced']\n";
  EXPECT_TRUE(good(text).notes.empty());
  EXPECT_THAT(good(text + "[run]\nuntil_ci_percent = 5\n").notes,
              ElementsAre(HasSubstr("paced cells have from their trace: 1 cell will be narrow")));
}

TEST(Plan, PaceScaleCountsOnlyWhenPaced) {
  const Plan plan = good(std::string(kHead) +
                         "[axes]\nworkload = 'trace:net-rx-strict'\npace = ['closed', "
                         "'paced']\npace_scale = [1, 2]\n");
  ASSERT_EQ(plan.cells.size(), 3u);
  EXPECT_EQ(plan.cells[2].pace_scale, 2.0);
}

TEST(Plan, P1_AllProblemsAreReportedWithPlaces) {
  const Problems problems = problems_of(
      "[plan]\nname = 't'\nnmae = 'x'\n[axes]\nstrategy = ['strictt', 'off']\niotlb_entries = "
      "'big'\n"
      "[run]\nrepetitions = 0\n");
  const std::string text = to_text(problems);
  ASSERT_EQ(problems.size(), 4u) << text;
  EXPECT_THAT(problems[0].where, StartsWith("t.toml:3:"));  // In the order of the file.
  EXPECT_THAT(problems[3].where, StartsWith("t.toml:8:"));
  EXPECT_THAT(text, HasSubstr("t.toml:3:1: key 'plan.nmae': unknown key, expected one of name, "
                              "description in [plan], did you mean 'name'?"));
  EXPECT_THAT(text, HasSubstr("t.toml:5:13: key 'axes.strategy': expected one of strict, off, "));
  EXPECT_THAT(text, HasSubstr("found 'strictt', did you mean 'strict'?"));
  EXPECT_THAT(text,
              HasSubstr("t.toml:6:17: key 'axes.iotlb_entries': expected an integer between 1 "
                        "and 16777216, found 'big'"));
  EXPECT_THAT(text,
              HasSubstr("t.toml:8:15: key 'run.repetitions': expected an integer between 1 and "
                        "10000, found 0"));
}

TEST(Plan, KeysInTheWrongTableAreFoundElsewhere) {
  EXPECT_THAT(only_problem(std::string(kHead) + "[axes]\nseed = 5\n"),
              EndsWith("did you mean 'run.seed'?\n"));
  EXPECT_THAT(only_problem("strategy = 'off'\n[plan]\nname = 't'\n"),
              EndsWith("did you mean 'axes.strategy'?\n"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[strategy.lazy_percpu]\nentries = 5\n"),
              HasSubstr("did you mean 'strategy.lazy-percpu.entries'?"));
}

TEST(Plan, AnUnknownTableIsNamedWithTheNearest) {
  EXPECT_THAT(only_problem(std::string(kHead) + "[axis]\nnothing_like_it = 5\n"),
              EndsWith("unknown key, there is no table [axis], did you mean [axes]?\n"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[nothing]\nnothing_like_it = 5\n"),
              EndsWith("unknown key, there is no table [nothing]\n"));
}

// What a kind of workload knows of its settings is asked of each cell, and blamed on the setting.
TEST(Plan, WhatACellCannotDoIsAProblemOfItsKey) {
  Vocabulary words = example_vocabulary();
  words.cell_problem = [](const Cell& cell, const Limits& limits) -> std::optional<CellProblem> {
    EXPECT_EQ(limits.domains, 64u);
    if (cell.workload != "net-rx" || cell.workload_settings.integer("packet_bytes") != 999) {
      return std::nullopt;
    }
    return CellProblem{"workload.net-rx.packet_bytes", "expected an even number, found 999"};
  };
  Problems problems;
  const std::string text = std::string(kHead) +
                           "[axes]\nworkload = ['net-tx', 'net-rx']\nstrategy = ['off', 'strict']\n"
                           "[workload.net-rx]\npacket_bytes = [64, 999]\n";
  EXPECT_FALSE(parse_plan(text, "t.toml", {}, words, problems));
  ASSERT_EQ(problems.size(), 1u) << to_text(problems);
  EXPECT_EQ(
      to_text(problems),
      "t.toml:7:21: key 'workload.net-rx.packet_bytes': expected an even number, found 999\n");
}

TEST(Plan, WrongTypesAndSyntax) {
  EXPECT_THAT(only_problem(std::string(kHead) + "[run]\nseed = 1.5\n"),
              HasSubstr("t.toml:4:8: key 'run.seed': expected an integer between"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[run]\nseed = [1, 2]\n"),
              HasSubstr("found a list"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[axes]\nqueue = 1979-05-27\n"),
              HasSubstr("found a date or time"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[axes]\nqueue = []\n"),
              HasSubstr("an empty list"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[axes]\nindirect = 'yes'\n"),
              HasSubstr("expected true or false, found 'yes'"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[run]\nduration_s = nan\n"),
              HasSubstr("found nan"));
  EXPECT_THAT(only_problem("[plan\nname = 't'\n"), StartsWith("t.toml:1:"));
  EXPECT_THAT(only_problem("# nothing\n"), HasSubstr("key 'plan.name'"));
  EXPECT_THAT(only_problem("[plan]\nname = '../x'\n"), HasSubstr("found '../x'"));
}

TEST(Plan, ImpossibleCombinationsAreErrorsUnlessExcluded) {
  const std::string conflict =
      std::string(kHead) +
      "[axes]\nstrategy = ['strict', 'off']\niotlb = ['locked', 'versioned']\n";
  EXPECT_THAT(only_problem(conflict), AllOf(StartsWith("t.toml:4:23: key 'axes.strategy'"),
                                            HasSubstr("nothing is translated")));
  const Plan plan = good(conflict + "[[exclude]]\nstrategy = 'off'\niotlb = 'versioned'\n");
  EXPECT_EQ(plan.cells.size(), 3u);
  EXPECT_THAT(only_problem(std::string(kHead) + "[axes]\npace = 'paced'\n"),
              HasSubstr("only a trace has times to keep"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[axes]\niotlb_entries = 100\n"),
              HasSubstr("expected a power of two, found 100"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[axes]\niotlb_entries = 2\niotlb_ways = 4\n"),
              HasSubstr("a set cannot be larger than the cache"));
  EXPECT_THAT(only_problem(std::string(kHead) + "[run]\nduration_s = 1\noperations = 5\n"),
              HasSubstr("found both"));
}

TEST(Plan, ExcludesAreChecked) {
  const std::string head = std::string(kHead) + "[axes]\nstrategy = ['strict', 'off']\n";
  EXPECT_THAT(only_problem(head + "[[exclude]]\nstrategy = 'of'\n"),
              HasSubstr("did you mean 'off'?"));
  EXPECT_THAT(only_problem(head + "[[exclude]]\nstratgy = 'off'\n"), HasSubstr("'axes.strategy'?"));
  EXPECT_THAT(only_problem(head + "[[exclude]]\nseed = 1\n"), HasSubstr("a key of the matrix"));
  EXPECT_THAT(only_problem(head + "[[exclude]]\nstrategy = '*'\n"), HasSubstr("none is left"));
  EXPECT_THAT(only_problem(head + "[[exclude]]\n"), HasSubstr("at least one key"));
  EXPECT_THAT(only_problem("exclude = 3\n" + head), HasSubstr("[[exclude]]"));
  const Plan plan = good(head + "[[exclude]]\nstrategy = 'direct'\n");
  EXPECT_THAT(plan.notes, ElementsAre(HasSubstr("meets no cell")));
}

TEST(Plan, OverridesAreCheckedAlikeAndNamed) {
  const Plan plan = good(kHead, {"strategy=strict,lazy-percpu", "run.seed=7", "operations=100",
                                 "strategy.lazy-percpu.entries=[64, 128]", "indirect=false"});
  EXPECT_EQ(plan.cells.size(), 3u);
  EXPECT_EQ(plan.run.seed, 7u);
  EXPECT_EQ(plan.run.operations, 100u);
  EXPECT_FALSE(plan.run.duration_s.has_value());
  EXPECT_FALSE(plan.cells[0].indirect);
  EXPECT_THAT(only_problem(kHead, {"strategy=strct"}),
              StartsWith("--set strategy=strct: key 'axes.strategy': expected one of"));
  EXPECT_THAT(only_problem(kHead, {"sed=1"}), HasSubstr("did you mean 'run.seed'?"));
  EXPECT_THAT(only_problem(kHead, {"seed"}), HasSubstr("expected key=value"));
  EXPECT_THAT(only_problem(kHead, {"seed="}), HasSubstr("expected a value"));
  EXPECT_THAT(only_problem(kHead, {"seed=1\nstrategy=2"}), HasSubstr("expected"));
}

TEST(Plan, AnOverrideReplacesWhatTheFileSaid) {
  const Plan plan =
      good(std::string(kHead) + "[axes]\nstrategy = ['strict', 'off']\n[run]\nduration_s = 3\n",
           {"strategy=direct", "operations=9"});
  ASSERT_EQ(plan.cells.size(), 1u);
  EXPECT_EQ(plan.cells[0].strategy, "direct");
  EXPECT_EQ(plan.run.operations, 9u);
}

TEST(Plan, P2_IdsDependOnTheCellAlone) {
  const Plan one = good(std::string(kHead) + "[axes]\nstrategy = 'off'\n");
  const Plan many = good("[axes]\niotlb_entries = [64, 65536]\nstrategy = ['off', 'strict']\n" +
                         std::string(kHead));
  std::set<std::string> ids;
  for (const Cell& cell : many.cells) {
    EXPECT_TRUE(ids.insert(cell.id).second);
    EXPECT_EQ(cell.id.find_first_of("/: "), std::string::npos);
  }
  EXPECT_EQ(ids.count(one.cells[0].id), 1u);
  // Also across releases: a change here orphans every finished run for --resume.
  EXPECT_EQ(one.cells[0].id.substr(0, 11), "off.net-rx.");
}

TEST(Plan, UntilAnIntervalIsNarrowIsOffUnlessItIsAskedFor) {
  const Plan plain = good(kHead);
  EXPECT_FALSE(plain.run.until_ci_percent);
  EXPECT_EQ(plain.run.most(), 5u);
  EXPECT_EQ(resolved_json(plain).find("until_ci"), std::string::npos);
  const Plan rule = good(kHead, {"until_ci_percent=5"});
  EXPECT_EQ(rule.run.until_ci_percent, 5.0);
  EXPECT_EQ(rule.run.repetitions, 5u);
  EXPECT_EQ(rule.run.most(), kMostRepetitions);
  EXPECT_NE(rule.hash(), plain.hash());
  EXPECT_EQ(rule.cells[0].id, plain.cells[0].id);
  const std::string in_file = std::string(kHead) + "[run]\nuntil_ci_percent = 2.5\n";
  EXPECT_EQ(good(in_file, {"most_repetitions=12"}).run.most(), 12u);
  EXPECT_FALSE(good(in_file, {"until_ci_percent=0"}).run.until_ci_percent);
  const Plan useless = good(std::string(kHead) + "[run]\nmost_repetitions = 12\n");
  EXPECT_EQ(useless.hash(), plain.hash());
  EXPECT_THAT(useless.notes, ElementsAre(HasSubstr("says nothing without run.until_ci_percent")));
}

TEST(Plan, UntilAnIntervalIsNarrowNeedsRoomForMoreRepetitions) {
  EXPECT_THAT(only_problem(kHead, {"until_ci_percent=5", "most_repetitions=5"}),
              AllOf(StartsWith("--set most_repetitions=5: key 'run.most_repetitions'"),
                    HasSubstr("more than the 5 of 'run.repetitions', found 5")));
  EXPECT_THAT(only_problem(kHead, {"until_ci_percent=5", "repetitions=40"}),
              AllOf(StartsWith("--set until_ci_percent=5:"), HasSubstr("found 30, its default")));
  EXPECT_THAT(only_problem(kHead, {"until_ci_percent=5", "repetitions=2", "most_repetitions=4"}),
              HasSubstr("expected at least 6, below which no median has an interval, found 4"));
  EXPECT_THAT(only_problem(kHead, {"until_ci_percent=-1"}), HasSubstr("expected"));
  EXPECT_THAT(only_problem(kHead, {"until_ci_percent=5", "most_repetitions=1001"}),
              HasSubstr("expected"));
}

TEST(Plan, P3_SameInputSameResolvedPlan) {
  const std::string text = std::string(kHead) + "[axes]\nstrategy = '*'\n";
  EXPECT_EQ(resolved_json(good(text)), resolved_json(good(text)));
  EXPECT_EQ(good(text).hash(), good(text).hash());
  EXPECT_NE(good(text).hash(), good(text, {"seed=2"}).hash());
}

TEST(Plan, ResolvedJsonNamesEveryDefault) {
  const auto json = nlohmann::json::parse(resolved_json(good(kHead)));
  EXPECT_EQ(json["schema"], "violet.plan");
  EXPECT_EQ(json["version"], kResolvedPlanSchema);
  EXPECT_EQ(json["run"]["seed"], 1);
  EXPECT_TRUE(json["run"]["operations"].is_null());
  EXPECT_EQ(json["limits"]["domains"], 64);
  const auto& settings = json["cells"][0]["settings"];
  EXPECT_EQ(settings["costs.exit_ns"], 1500);
  EXPECT_EQ(settings["workload.net-rx.packet_bytes"], 1500);
  EXPECT_EQ(settings["indirect"], true);
}

// A cost that nobody mentions leaves cells as they were before there was such a cost.
TEST(Plan, CostsThatAreNotMentionedAreNoSettings) {
  const Plan plain = good(kHead);
  const Plan costly = good(std::string(kHead) + "[costs]\nhost_map_ns = 70\npacket_ns = 586\n");
  const auto has = [](const Cell& cell, const std::string& key) {
    return std::any_of(cell.settings.begin(), cell.settings.end(),
                       [&](const auto& setting) { return setting.first == key; });
  };
  EXPECT_TRUE(has(plain.cells[0], "costs.exit_ns"));
  EXPECT_FALSE(has(plain.cells[0], "costs.host_map_ns"));
  EXPECT_TRUE(has(costly.cells[0], "costs.host_map_ns"));
  EXPECT_FALSE(has(costly.cells[0], "costs.host_unmap_ns"));
  EXPECT_EQ(plain.cells[0].costs.exit_ns, 1500u);
  EXPECT_EQ(plain.cells[0].costs.host_map_ns, 0u);
  EXPECT_FALSE(has(plain.cells[0], "timers"));
  EXPECT_EQ(plain.cells[0].timers, Timers::kReal);
  const Plan timed = good(std::string(kHead) + "[axes]\ntimers = ['real', 'workload']\n");
  ASSERT_EQ(timed.cells.size(), 2u);
  EXPECT_EQ(timed.cells[0].label, "timers=real");
  EXPECT_EQ(timed.cells[1].timers, Timers::kWorkload);
  EXPECT_EQ(costly.cells[0].costs.host_map_ns, 70u);
  EXPECT_EQ(costly.cells[0].costs.packet_ns, 586u);
  EXPECT_NE(plain.cells[0].id, costly.cells[0].id);
}

TEST(Plan, AnExitsCostIsNoAxisOfACellWithoutExits) {
  const Plan plan =
      good(std::string(kHead) +
           "[axes]\nplacement = ['samecore', 'sidecore']\n[costs]\nexit_ns = [0, 250, 1500]\n");
  std::vector<std::string> cells;
  for (const Cell& cell : plan.cells) {
    cells.push_back(fmt::format("{} {}", cell.placement, cell.costs.exit_ns));
  }
  EXPECT_THAT(cells,
              ::testing::ElementsAre("samecore 0", "samecore 250", "samecore 1500", "sidecore 0"));
}

TEST(Plan, TooManyCellsAreRefusedQuickly) {
  std::string text = std::string(kHead) + "[axes]\nstore = '*'\nworkload = '*'\niotlb = '*'\n";
  std::string list;
  for (int i = 0; i < 10'000; ++i) list += fmt::format("{},", i);
  text += "[costs]\nexit_ns = [" + list + "]\n";
  EXPECT_THAT(only_problem(text),
              HasSubstr("t.toml:8:1: key 'costs.exit_ns': expected at most 100000"));
}

TEST(Plan, EveryBundledPlanLoads) {
  int loaded = 0;
  const std::filesystem::path folder = std::filesystem::path(__FILE__).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    Problems problems;
    const auto plan = load_plan(entry.path(), {}, example_vocabulary(), problems);
    ASSERT_TRUE(plan.has_value()) << to_text(problems);
    EXPECT_EQ(plan->name, entry.path().stem().string());
    EXPECT_FALSE(plan->description.empty());
    EXPECT_TRUE(plan->notes.empty());
    ++loaded;
  }
  EXPECT_GE(loaded, 5);
}

TEST(Plan, TheDemoFitsInTwoMinutes) {
  Problems problems;
  const auto path = std::filesystem::path(__FILE__).parent_path() / "demo.toml";
  const auto plan = load_plan(path, {}, example_vocabulary(), problems);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->cells.size(), 12u);
  const double each_s = plan->run.duration_s.value() + plan->run.warmup_s.value();
  const double measured_s =
      each_s * plan->run.repetitions * static_cast<double>(plan->cells.size());
  EXPECT_LE(measured_s, 60.0);  // Setting up and tearing down take the rest.
}

TEST(Plan, AMissingFileIsAProblem) {
  Problems problems;
  EXPECT_FALSE(load_plan("/nonexistent.toml", {}, example_vocabulary(), problems).has_value());
  EXPECT_THAT(to_text(problems), StartsWith("/nonexistent.toml: cannot be read"));
}

// ---- sizes ----

// The parser of TOML goes one call deeper for each part of a key.
TEST(Plan, KeysOfManyPartsAreRefusedWithTheirPlace) {
  std::string deep = "a";
  for (int i = 0; i < 200'000; ++i) deep += ".a";
  EXPECT_THAT(only_problem(std::string(kHead) + deep + " = 1\n"),
              AllOf(StartsWith("t.toml:3:"), HasSubstr("at most 16 parts")));
  EXPECT_THAT(only_problem("[plan]\nname = \"a # b\"\n[" + deep + "]\nb = 1\n"),
              AllOf(StartsWith("t.toml:3:"), HasSubstr("at most 16 parts")));
  EXPECT_THAT(only_problem("text = \"\"\"\n\\\"\n\"\"\"\n[[" + deep + "]]\nb = 1\n"),
              AllOf(StartsWith("t.toml:4:"), HasSubstr("at most 16 parts")));
  EXPECT_THAT(only_problem("x = { " + deep + " = 1 }\n"), HasSubstr("at most 16 parts"));
  EXPECT_THAT(only_problem("x = \"not ended\n" + deep + " = 1\n"), StartsWith("t.toml:2:"));
}

TEST(Plan, DotsInTextsAndNumbersAreNoParts) {
  const std::string dots(100, '.');
  const Plan plan = good("[plan]\nname = 't'  # " + dots + "\ndescription = \"\"\"" + dots + "\n" +
                         dots + "\"\"\"\n[run]\nduration_s = 0.5\n");
  EXPECT_EQ(plan.run.duration_s, 0.5);
  EXPECT_EQ(plan.description, dots + "\n" + dots);
}

TEST(Plan, LongOverridesAreRefused) {
  std::string deep = "a";
  for (int i = 0; i < 60'000; ++i) deep += ".a";
  EXPECT_THAT(only_problem(kHead, {deep + "=1"}),
              AllOf(StartsWith("--set a.a"), HasSubstr("at most 1000 bytes")));
  const auto problems = problems_of(kHead, {"run.operations={" + deep + "=1}"});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].where, StartsWith("--set run.operations="));
}

// Each value of an [[exclude]] is compared with each cell.
TEST(Plan, ExcludesAreBounded) {
  std::string text = kHead;
  for (int i = 0; i < 1'001; ++i) text += "[[exclude]]\nstrategy = \"strict\"\n";
  EXPECT_THAT(only_problem(text), HasSubstr("at most 1000 values in all"));
}

TEST(Plan, OfAFileWithoutAnEndIsReadUpToTheLimit) {
  Problems problems;
  EXPECT_FALSE(load_plan("/dev/zero", {}, example_vocabulary(), problems).has_value());
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].message, HasSubstr("at most 1048576 bytes"));
}

}  // namespace
}  // namespace violet::plans
