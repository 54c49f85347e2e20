#include "experiments/cli/run_ending.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "experiments/cli/plan_loading.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/query/run_fixture_testing.hpp"

namespace violet::cli {
namespace {

using ::testing::HasSubstr;

int ending(const RunOutcome& outcome, std::string& said) {
  testing::internal::CaptureStderr();
  const int code = run_ending(outcome, resume_command("demo", {"repetitions=2"}));
  said = testing::internal::GetCapturedStderr();
  return code;
}

TEST(RunEnding, FailuresAreSaidAndEndInOne) {
  std::string said;
  EXPECT_EQ(ending({.finished = 2}, said), kOk);
  EXPECT_EQ(said, "");
  EXPECT_EQ(
      ending({.finished = 2, .failures = {"strict #1: 7 operations carried wrong data"}}, said),
      kRunFailed);
  EXPECT_THAT(said, HasSubstr("violet: strict #1: 7 operations"));
}

TEST(RunEnding, AnInterruptedRunSaysHowToGoOn) {
  std::string said;
  EXPECT_EQ(ending({.interrupted = true, .finished = 3}, said), kInterrupted);
  EXPECT_THAT(said, HasSubstr("./violet run demo --set repetitions=2 --resume goes on"));
  EXPECT_EQ(ending({.interrupted = true}, said), kInterruptedAtOnce);
}

results::JudgedExpectation judged_as(results::Importance importance,
                                     results::Fulfilment fulfilment) {
  results::JudgedExpectation one;
  one.expectation.claim = "strict leaves nothing";
  one.expectation.importance = importance;
  one.fulfilment = fulfilment;
  return one;
}

TEST(RunEnding, AMustThatFailedEndsInThreeAndAnOpenOneIsSaid) {
  using results::Fulfilment;
  using results::Importance;
  const auto said = [](results::JudgedExpectation one, int code) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(expectations_ending(std::span(&one, 1)), code);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_THAT(said(judged_as(Importance::kMust, Fulfilment::kFails), kRegression),
              HasSubstr("a must failed: strict leaves nothing"));
  EXPECT_EQ(said(judged_as(Importance::kShould, Fulfilment::kFails), kOk), "");
  EXPECT_EQ(said(judged_as(Importance::kMust, Fulfilment::kHolds), kOk), "");
  EXPECT_THAT(said(judged_as(Importance::kMust, Fulfilment::kInconclusive), kOk),
              HasSubstr("1 expectation that must hold is neither shown nor refuted"));
  EXPECT_THAT(said(judged_as(Importance::kMust, Fulfilment::kNotJudged), kOk),
              HasSubstr("neither"));
}

// What is printed can be pasted into a shell, whatever the plan is called.
TEST(RunEnding, TheCommandIsQuoted) {
  EXPECT_EQ(resume_command("my plans/it's.toml",
                           {"workload=trace:a b.vtrace", "axes.strategy=lazy-percpu,strict"}),
            "./violet run 'my plans/it'\\''s.toml' --set 'workload=trace:a b.vtrace' "
            "--set axes.strategy=lazy-percpu,strict --resume");
}

TEST(RunEnding, AReproductionGoesOnAsItBegan) {
  EXPECT_EQ(resume_command(ReproduceFlags{}, "runs/old", "runs/new"),
            "./violet reproduce runs/old --resume runs/new");
  ReproduceFlags flags;
  flags.trace = false;
  flags.retry_disturbed = 2;
  EXPECT_EQ(resume_command(flags, "runs/old", "my runs/new"),
            "./violet reproduce runs/old --retry-disturbed 2 --no-trace --resume 'my runs/new'");
}

// Names and settings of a run from elsewhere are in it.
TEST(RunEnding, TheCommandSendsNothingToTheTerminal) {
  std::string said;
  testing::internal::CaptureStderr();
  run_ending({.interrupted = true, .finished = 1, .failures = {"\033]0;mine\007"}},
             resume_command("demo", {"workload=trace:\033[2J"}));
  said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find('\033'), std::string::npos) << said;
  EXPECT_EQ(said.find('\007'), std::string::npos) << said;
}

TEST(RunEnding, AFinishedRunIsToldAndNoFailure) {
  std::string said;
  EXPECT_EQ(ending({.directory = "runs/a", .was_finished = true, .finished = 3}, said), kOk);
  EXPECT_THAT(said, HasSubstr("runs/a was finished before: there was nothing to resume"));
}

TEST(RunEnding, AnotherReadersPartIsNamed) {
  std::string said;
  EXPECT_EQ(ending({.directory = "runs/a", .finished = 3, .in_write_ahead_log = true}, said), kOk);
  EXPECT_THAT(said, HasSubstr("runs/a/results.sqlite open"));
  EXPECT_THAT(said, HasSubstr("results.sqlite-wal"));
}

// What `reproduce` says of the run that it made.
TEST(RunEnding, TheExpectationsOfARunAreJudgedAndPrinted) {
  const TestFolder folder;
  const std::filesystem::path run = query::write_fixture_run(folder.path(), {{"strict"}});
  const auto ends = [&](double at_most, results::Format format, int code) {
    std::ofstream(run / "resolved.json")
        << R"({"expectations": [{"claim": "slow", "class": "must", "source": "s", "kind": "value",)"
        << R"("metric": "operations_per_s", "at_most": )" << at_most << "}]}";
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    EXPECT_EQ(expectations_of(run, format), code);
    return std::pair(testing::internal::GetCapturedStdout(),
                     testing::internal::GetCapturedStderr());
  };
  const auto [table, said] = ends(0, results::Format::kText, kRegression);
  EXPECT_THAT(table, HasSubstr("must: fails"));
  EXPECT_THAT(said, HasSubstr("a must failed: slow"));
  const auto [none, also_said] = ends(0, results::Format::kJson, kRegression);
  EXPECT_EQ(none, "");
  EXPECT_THAT(also_said, HasSubstr("a must failed: slow"));
  EXPECT_THAT(ends(1e9, results::Format::kText, kOk).first, HasSubstr("What the plan expects"));
}

TEST(LoadingPlans, AnUnknownNameSuggestsTheNearest) {
  Places places;
  places.plans = std::filesystem::path(__FILE__).parent_path().parent_path().string() + "/plans";
  const auto plan = load_named_plan(places, "stratgies", {});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(plan.error().message, HasSubstr("did you mean 'strategies'?"));
}

}  // namespace
}  // namespace violet::cli
