#include "experiments/results/overload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/results/compare.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/summary.hpp"

namespace violet::results {
namespace {

using testing::Contains;
using testing::HasSubstr;

// Five repetitions, of which so many fell behind.
RunData paced_run(const std::string& name, std::size_t overloaded) {
  RunData run;
  run.manifest.run_id = name;
  run.manifest.outcome = "finished";
  run.cells.push_back({{"a", "strategy=strict", {{"strategy", std::string("strict")}}}, {}});
  for (std::uint32_t i = 0; i < 5; ++i) {
    RepetitionRecord record;
    record.cell = "a";
    record.repetition = i;
    record.metrics = {measured("operations_per_s", 1000 + i),
                      measured(kOverloaded, i < overloaded ? 1 : 0)};
    HdrHistogram h;
    // As many as a 99th percentile needs.
    for (int call = 0; call < 300; ++call) h.record(i < overloaded ? 900'000'000 : 1000);
    for (const char* histogram : {"map", "lag", "map_response"}) {
      record.histograms.push_back({histogram, "ns", h, Better::kLower});
    }
    run.cells.front().repetitions.push_back(std::move(record));
  }
  return run;
}

TEST(Overload, OneOverloadedRepetitionLeavesNoPercentileOfThoseThatKeptUp) {
  const RunData run = paced_run("a", 2);
  for (const char* name : {"lag.p50", "lag.mean", "map_response.p99"}) {
    const Samples samples = samples_of(run.cells[0], name);
    EXPECT_TRUE(samples.values.empty()) << name;
    EXPECT_EQ(samples.because, "overloaded in 2 of 5 repetitions") << name;
  }
  EXPECT_EQ(samples_of(run.cells[0], "map.p50").values.size(), 5u) << "what a call took stays true";
  EXPECT_EQ(samples_of(run.cells[0], "overloaded").values, (std::vector<double>{1, 1, 0, 0, 0}));
}

TEST(Overload, WhoKeepsUpHasPercentiles) {
  const RunData run = paced_run("a", 0);
  EXPECT_EQ(samples_of(run.cells[0], "lag.p50").values, std::vector<double>(5, 1000));
  EXPECT_EQ(overloaded_text(run.cells[0]), "");
}

TEST(Overload, TablesOfPeopleAndProgramsSayIt) {
  const RunData run = paced_run("a", 5);
  const auto tables = summary(run, {.metrics = {"map_response.p99"}});
  ASSERT_TRUE(tables);
  EXPECT_THAT(render(tables->front(), Format::kText), HasSubstr("overloaded"));
  const Report all = report(run, {.columns = {"map_response.p99"}});
  EXPECT_THAT(render(run, all, Format::kText), HasSubstr("overloaded"));
  EXPECT_THAT(render(run, all, Format::kJson), HasSubstr("overloaded in 5 of 5 repetitions"));
  std::string json;
  ASSERT_TRUE(write_results_json(run, [&json](std::string_view piece) -> Status {
    json += piece;
    return {};
  }));
  EXPECT_THAT(json, HasSubstr("\"because\": \"overloaded in 5 of 5 repetitions\""));
}

TEST(Overload, AComparisonNamesWhoFellBehindAndGivesNoVerdictOnItsLag) {
  const RunData runs[] = {paced_run("quick", 0), paced_run("slow", 5)};
  CompareOptions options;
  options.metrics = {"lag.p50"};
  const auto comparison = compare(runs, options);
  ASSERT_TRUE(comparison);
  const Contrast& contrast = comparison->contrasts.front();
  EXPECT_THAT(contrast.warnings,
              Contains(HasSubstr("slow: strategy=strict: overloaded in 5 of 5 repetitions")));
  ASSERT_EQ(contrast.differences.size(), 1u);
  EXPECT_EQ(contrast.differences[0].verdict, Verdict::kInconclusive);
  EXPECT_EQ(contrast.differences[0].reason, "no number: overloaded in 5 of 5 repetitions");
}

}  // namespace
}  // namespace violet::results
