// A plan that was resolved is read again: the same cells, whatever the defaults are by then.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "experiments/plans/example_vocabulary.hpp"
#include "experiments/plans/plan.hpp"

namespace violet::plans::resolved_plan_test {
namespace {

using ::testing::HasSubstr;

constexpr const char* kText =
    "[plan]\nname = 't'\ndescription = 'a \\u00b5 of it'\n"
    "[axes]\nstrategy = ['strict', 'lazy-percpu', 'off']\nworkload = ['net-rx', 'nvme-4k']\n"
    "[strategy.lazy-percpu]\nentries = [128, 256]\n[costs]\nhost_map_ns = 70\n"
    "[run]\nwarmup_operations = 7\nrepetitions = 3\ntrace_mib = 5\n[cores]\nengine = 1\n"
    "[[exclude]]\nstrategy = 'off'\nworkload = 'nvme-4k'\n";

Plan planned(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Problems problems;
  auto plan = parse_plan(text, "t.toml", overrides, example_vocabulary(), problems);
  EXPECT_TRUE(plan) << to_text(problems);
  return plan.value_or(Plan{});
}

Plan resolved(const std::string& json, const Vocabulary& vocabulary = example_vocabulary()) {
  Problems problems;
  auto plan = parse_resolved(json, "resolved.json", vocabulary, problems);
  EXPECT_TRUE(plan) << to_text(problems);
  return plan.value_or(Plan{});
}

std::string problems_of(const std::string& json) {
  Problems problems;
  EXPECT_FALSE(parse_resolved(json, "resolved.json", example_vocabulary(), problems));
  EXPECT_FALSE(problems.empty());
  return to_text(problems);
}

TEST(ResolvedPlan, IsReadAsItWas) {
  const Plan plan = planned(kText, {"seed=4", "limits.domains=9"});
  ASSERT_EQ(plan.cells.size(), 7u);
  const Plan again = resolved(resolved_json(plan));
  EXPECT_EQ(resolved_json(again), resolved_json(plan));
  EXPECT_EQ(again.hash(), plan.hash());
  EXPECT_TRUE(again.notes.empty());
  EXPECT_EQ(again.run.trace_mib, 5u);
  EXPECT_EQ(again.run.warmup_operations, 7u);
  EXPECT_EQ(again.run.duration_s, 1.0);
  EXPECT_EQ(again.cores.engine, 1u);
  EXPECT_EQ(again.cells[1].strategy_settings.integer("entries"), 128);
  EXPECT_EQ(again.cells[0].costs.host_map_ns, 70u);
}

TEST(ResolvedPlan, KeepsItsCellsWhenDefaultsChange) {
  const Plan plan = planned("[plan]\nname = 't'\n");
  Vocabulary later = example_vocabulary();
  std::swap(later.strategies[0], later.strategies[1]);
  later.workloads[0].settings.front().initial = std::int64_t{64};
  Problems problems;
  EXPECT_NE(parse_plan("[plan]\nname = 't'\n", "t.toml", {}, later, problems)->cells[0].id,
            plan.cells[0].id);
  const Plan again = resolved(resolved_json(plan), later);
  EXPECT_EQ(again.cells[0].id, plan.cells[0].id);
  EXPECT_EQ(again.cells[0].workload_settings.integer("packet_bytes"), 1500);
}

TEST(ResolvedPlan, SaysWhichSettingsItDoesNotKnowOf) {
  const Plan plan = planned("[plan]\nname = 't'\n[axes]\nqueue = ['split', 'packed']\n");
  Vocabulary later = example_vocabulary();
  later.workloads[0].settings.push_back({"burst", std::int64_t{8}, 1, 64, {}, ""});
  const Plan again = resolved(resolved_json(plan), later);
  ASSERT_EQ(again.notes.size(), 1u);
  EXPECT_THAT(again.notes[0], HasSubstr("'workload.net-rx.burst'; its default is used, 8"));
  EXPECT_EQ(again.cells.size(), 2u);
}

// Before there was such a key, all was kept that fitted.
TEST(ResolvedPlan, OfAnOlderProgramHasTodaysTraceBudget) {
  auto json = nlohmann::ordered_json::parse(resolved_json(planned("[plan]\nname = 't'\n")));
  json["run"].erase("trace_mib");
  EXPECT_EQ(resolved(json.dump()).run.trace_mib, kTraceMib);
  EXPECT_EQ(resolved(json.dump()).hash(), planned("[plan]\nname = 't'\n").hash());
}

// Before there was such a key, no time was taken apart; a plan that is run again has it, and stays the same plan.
TEST(ResolvedPlan, OfAnOlderProgramHasABreakdownAndItsHash) {
  const Plan plan = planned("[plan]\nname = 't'\n");
  auto json = nlohmann::ordered_json::parse(resolved_json(plan));
  json["run"].erase("breakdown");
  EXPECT_TRUE(resolved(json.dump()).run.breakdown);
  EXPECT_EQ(resolved(json.dump()).hash(), plan.hash());
  const Plan without = planned("[plan]\nname = 't'\n", {"run.breakdown=false"});
  EXPECT_FALSE(resolved(resolved_json(without)).run.breakdown);
  EXPECT_NE(without.hash(), plan.hash());
}

TEST(ResolvedPlan, KeepsTheRuleThatRepeatsItsCells) {
  const Plan plan = planned("[plan]\nname = 't'\n", {"until_ci_percent=5", "most_repetitions=12"});
  const Plan again = resolved(resolved_json(plan));
  EXPECT_EQ(again.run.until_ci_percent, 5.0);
  EXPECT_EQ(again.run.most(), 12u);
  EXPECT_EQ(again.hash(), plan.hash());
  auto json = nlohmann::ordered_json::parse(resolved_json(plan));
  json["run"]["most_repetitions"] = 3;
  EXPECT_THAT(problems_of(json.dump()), HasSubstr("more than the 5 of 'run.repetitions'"));
}

TEST(ResolvedPlan, WhatCannotBeRunIsNamedWithItsCell) {
  const auto good = nlohmann::ordered_json::parse(resolved_json(planned(kText)));
  auto json = good;
  json["cells"][2]["settings"]["strategy.lazy-percpu.entrys"] = 3;
  EXPECT_THAT(problems_of(json.dump()), HasSubstr("resolved.json: cell lazy-percpu.net-rx."));
  EXPECT_THAT(problems_of(json.dump()),
              HasSubstr("key 'strategy.lazy-percpu.entrys': unknown key"));
  json = good;
  json["cells"][0]["settings"]["strategy"] = "*";
  EXPECT_THAT(problems_of(json.dump()), HasSubstr("key 'axes.strategy': expected one value"));
  json = good;
  for (auto& cell : json["cells"]) cell["settings"]["iotlb"] = "nonesuch";
  const std::string once = problems_of(json.dump());
  EXPECT_THAT(once, HasSubstr("'nonesuch'"));
  EXPECT_EQ(once.find("nonesuch"), once.rfind("nonesuch"));
  json = good;
  json["cells"].push_back(json["cells"][0]);
  EXPECT_THAT(problems_of(json.dump()), HasSubstr("same settings"));
  json = good;
  json["run"]["repetitions"] = nullptr;
  json["run"]["seed"] = 1e300;
  EXPECT_THAT(problems_of(json.dump()), HasSubstr("key 'run.seed'"));
  json = good;
  json["cells"] = "none";
  EXPECT_THAT(problems_of(json.dump()), HasSubstr("it has no cells"));
}

TEST(ResolvedPlan, AnotherFileIsRefused) {
  EXPECT_THAT(problems_of("{}"), HasSubstr("not a resolved plan of version 1"));
  EXPECT_THAT(problems_of("x"), HasSubstr("not JSON"));
  EXPECT_THAT(problems_of(R"({"schema": "violet.plan", "version": 2})"), HasSubstr("version 1"));
  EXPECT_THAT(problems_of(R"({"schema": "violet.plan", "version": 1})"), HasSubstr("plan.name"));
}

}  // namespace
}  // namespace violet::plans::resolved_plan_test
