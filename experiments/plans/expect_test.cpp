#include "experiments/plans/expect.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/plans/example_vocabulary.hpp"

namespace violet::plans::expect_test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kPlan =
    "[plan]\nname = \"t\"\n"
    "[axes]\nstrategy = [\"strict\", \"lazy-percpu\", \"off\"]\ncpus = [1, 2, 4]\n";

// The keys that every expectation has, and `rest`. It begins in line 6.
std::string with(const std::string& rest) {
  return kPlan + "[[expect]]\nclaim = \"c\"\nclass = \"must\"\nsource = \"s\"\n" + rest;
}

std::optional<Plan> parsed(const std::string& text, Problems& problems,
                           std::vector<std::string> overrides = {}) {
  return parse_plan(text, "t.toml", overrides, example_vocabulary(), problems);
}

std::string problem_of(const std::string& text) {
  Problems problems;
  const auto plan = parsed(text, problems);
  EXPECT_FALSE(plan) << text;
  return to_text(problems);
}

const std::string kRatio =
    "kind = \"ratio\"\nmetric = \"operations_per_s\"\nwhere = { cpus = 1 }\n"
    "of = { strategy = \"lazy-percpu\" }\nto = { strategy = \"strict\" }\nat_least = 2\n";

TEST(Expect, IsReadCheckedAndStoredWithThePlan) {
  Problems problems;
  const auto plan = parsed(with(kRatio), problems);
  ASSERT_TRUE(plan) << to_text(problems);
  ASSERT_EQ(plan->expectations.size(), 1u);
  const results::Expectation& e = plan->expectations[0];
  EXPECT_EQ(e.claim, "c");
  EXPECT_EQ(e.importance, results::Importance::kMust);
  EXPECT_EQ(e.kind, results::ExpectationKind::kRatio);
  EXPECT_EQ(e.at_least, 2);
  ASSERT_EQ(e.where.size(), 1u);
  EXPECT_EQ(e.where[0].first, "cpus");
  EXPECT_THAT(e.where[0].second, ElementsAre("1"));
  const auto json = nlohmann::json::parse(resolved_json(*plan));
  const auto again = results::expectations_from_json(json["expectations"], "resolved.json");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(results::to_json(again->at(0)), results::to_json(e));
}

// What is expected changes nothing that is measured: --resume, compare and the noise history go on.
TEST(Expect, ChangesNoHashAndNoCell) {
  Problems problems;
  const auto plain = parsed(kPlan, problems), expecting = parsed(with(kRatio), problems);
  ASSERT_TRUE(plain && expecting) << to_text(problems);
  EXPECT_EQ(plain->hash(), expecting->hash());
  EXPECT_THAT(resolved_json(*plain), ::testing::Not(HasSubstr("expectations")));
}

TEST(Expect, EveryKindIsRead) {
  const std::string metric = "metric = \"unmap.p99\"\n";
  const char* kinds[] = {
      "kind = \"order\"\nover = \"strategy\"\norder = [\"off\", \"strict\"]\n",
      "kind = \"value\"\nat_most = 0\n",
      "kind = \"rising\"\nover = \"cpus\"\n",
      "kind = \"falling\"\nover = \"axes.cpus\"\ntolerance_percent = 3\n",
      "kind = \"flat\"\nover = \"cpus\"\ntolerance_percent = 3\n",
      "kind = \"knee\"\nover = \"cpus\"\ntolerance_percent = 3\nbetween = [1, 2]\n",
      "kind = \"collapse\"\nover = \"cpus\"\nat_most = 0.5\n",
      "kind = \"crossover\"\nover = \"cpus\"\nof.strategy = \"off\"\nto.strategy = \"strict\"\n",
  };
  for (const char* kind : kinds) {
    Problems problems;
    EXPECT_TRUE(parsed(with(metric + kind), problems)) << kind << to_text(problems);
  }
}

TEST(Expect, ErrorsNameFileLineKeyAndWhatMayBeMeant) {
  EXPECT_THAT(problem_of(with("kind = \"rati\"\nmetric = \"map.p50\"\n")),
              AllOf(StartsWith("t.toml:10:"), HasSubstr("key 'expect.kind'"),
                    HasSubstr("did you mean 'ratio'?")));
  EXPECT_THAT(problem_of(with("kind = \"value\"\nmetric = \"operation_per_s\"\nat_most = 1\n")),
              AllOf(StartsWith("t.toml:11:"), HasSubstr("key 'expect.metric'"),
                    HasSubstr("did you mean 'operations_per_s'?")));
  EXPECT_THAT(problem_of(with("kind = \"value\"\nmetric = \"unmap\"\nat_most = 1\n")),
              HasSubstr("one of unmap.mean, unmap.p50"));
  EXPECT_THAT(problem_of(with("kind = \"value\"\nmetric = \"map.p50\"\nat_mots = 1\n")),
              AllOf(HasSubstr("t.toml:12:1: key 'expect.at_mots': unknown key"),
                    HasSubstr("did you mean 'at_most'?")));
  EXPECT_THAT(problem_of(with("kind = \"value\"\nmetric = \"map.p50\"\nat_most = 1\n"
                              "where = { stratgy = \"off\" }\n")),
              AllOf(StartsWith("t.toml:13:"), HasSubstr("did you mean 'strategy'?")));
  EXPECT_THAT(problem_of(with("kind = \"value\"\nmetric = \"map.p50\"\nat_most = 1\n"
                              "where = { strategy = \"strct\" }\n")),
              AllOf(StartsWith("t.toml:13:"), HasSubstr("did you mean 'strict'?")));
  EXPECT_THAT(
      problem_of(with("kind = \"value\"\nmetric = \"map.p50\"\n")),
      HasSubstr("key 'expect.at_least': expected this key or at_most, which a value needs"));
  EXPECT_THAT(
      problem_of(with("kind = \"value\"\nmetric = \"map.p50\"\nat_most = 1\nover = \"cpus\"\n")),
      HasSubstr("key 'expect.over': a value has no such key"));
  EXPECT_THAT(problem_of(with("kind = \"knee\"\nmetric = \"map.p50\"\nover = \"cpus\"\n"
                              "tolerance_percent = 5\nbetween = [4, 2]\n")),
              HasSubstr("the smaller one first"));
  EXPECT_THAT(
      problem_of(kPlan + "[[expect]]\nkind = \"value\"\nmetric = \"map.p50\"\nat_most = 1\n"),
      AllOf(HasSubstr("t.toml:6:1: key 'expect.claim'"), HasSubstr("'expect.class'"),
            HasSubstr("'expect.source'")));
  EXPECT_THAT(problem_of(kPlan + "[expect]\nkind = \"value\"\n"),
              HasSubstr("expected a table written [[expect]]"));
}

// Allowed as a value of its key, and in no cell of this plan.
TEST(Expect, ATextWithoutEndIsAProblem) {
  const std::string end(results::kLongestClaim + 1, 'x');
  const auto with_source = [](const std::string& source) {
    return std::string(kPlan) + "[[expect]]\nclaim = \"c\"\nclass = \"must\"\nsource = \"" +
           source + "\"\nkind = \"value\"\nmetric = \"map.p50\"\nat_most = 1\n";
  };
  EXPECT_THAT(problem_of(with_source(end)),
              HasSubstr("key 'expect.source': expected at most 1000 bytes, found 1001"));
  Problems problems;
  EXPECT_TRUE(parsed(with_source(end.substr(1)), problems)) << to_text(problems);
}

TEST(Expect, AValueThatNoCellHasIsAProblem) {
  const std::string lost = "kind = \"value\"\nmetric = \"map.p50\"\nat_most = 1\n";
  EXPECT_THAT(problem_of(with(lost + "where = { strategy = \"direct\" }\n")),
              AllOf(StartsWith("t.toml:13:"), HasSubstr("there are strict, lazy-percpu, off")));
  EXPECT_THAT(problem_of(with(lost + "where = { cpus = 3 }\n")), HasSubstr("there are 1, 2, 4"));
  EXPECT_THAT(
      problem_of(with("kind = \"rising\"\nmetric = \"map.p50\"\nover = \"iotlb_entries\"\n")),
      HasSubstr("expected an axis with several values"));
  EXPECT_THAT(problem_of(with("kind = \"rising\"\nmetric = \"map.p50\"\nover = \"repetitions\"\n")),
              HasSubstr("key of the matrix"));
}

TEST(Expect, BetweenThatMeetsNoValueIsAProblem) {
  const std::string knee =
      "kind = \"knee\"\nmetric = \"map.p50\"\nover = \"cpus\"\ntolerance_percent = 5\n";
  EXPECT_THAT(problem_of(with(knee + "between = [0.1, 0.5]\n")),
              AllOf(StartsWith("t.toml:14:"), HasSubstr("key 'expect.between'"),
                    HasSubstr("there are 1, 2, 4")));
  EXPECT_THAT(problem_of(with(knee + "between = [2, 8]\n")), HasSubstr("key 'expect.between'"));
}

TEST(Expect, AnOrderThatNamesAValueTwiceIsAProblem) {
  EXPECT_THAT(problem_of(with("kind = \"order\"\nmetric = \"map.p50\"\nover = \"strategy\"\n"
                              "order = [\"off\", \"strict\", \"off\"]\n")),
              HasSubstr("expected each value once, found 'off' twice"));
}

// A narrower run of a bundled plan is no mistake: what it leaves out is not judged, and that is said.
TEST(Expect, WhatASetLeavesOutIsANote) {
  Problems problems;
  const auto plan = parsed(with(kRatio), problems, {"strategy=strict"});
  ASSERT_TRUE(plan) << to_text(problems);
  EXPECT_EQ(plan->expectations.size(), 1u);
  ASSERT_EQ(plan->notes.size(), 1u);
  EXPECT_THAT(plan->notes[0], HasSubstr("will not be judged"));
}

TEST(Expect, ManyAreRefused) {
  std::string text = kPlan;
  for (int i = 0; i < 65; ++i) {
    text +=
        "[[expect]]\nclaim = \"c\"\nclass = \"must\"\nsource = \"s\"\nkind = \"value\"\n"
        "metric = \"map.p50\"\nat_most = 1\n";
  }
  EXPECT_THAT(problem_of(text), HasSubstr("at most 64"));
}

}  // namespace
}  // namespace violet::plans::expect_test
