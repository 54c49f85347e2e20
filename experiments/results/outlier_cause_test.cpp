#include "experiments/results/outlier_cause.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/retries.hpp"

namespace violet::results::outlier_cause_test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// Nine repetitions of about 1000, the fifth of 500.
CellData outlying_cell() {
  CellData cell;
  cell.cell.label = "strategy=a";
  for (std::uint32_t i = 0; i < 9; ++i) {
    RepetitionRecord record;
    record.repetition = i;
    record.metrics = {measured("operations_per_s", i == 4 ? 500 : 1000 + i),
                      measured(kCpuWaitShare, 0.5), measured("frequency_after", 3000),
                      measured("ping_pong_before", 100)};
    cell.repetitions.push_back(std::move(record));
  }
  return cell;
}

std::string cause(const CellData& cell, std::size_t index,
                  const char* metric = "operations_per_s") {
  return outlier_cause(cell, samples_of(cell, metric), index);
}

TEST(OutlierCause, AWorseHostIsNoneOfABetterNumber) {
  CellData cell = outlying_cell();
  cell.repetitions[4].metrics[0] = measured("operations_per_s", 2000);
  cell.repetitions[4].metrics[1] = measured(kCpuWaitShare, 12);
  cell.repetitions[4].metrics[2] = measured("frequency_after", 2000);
  EXPECT_EQ(cause(cell, 4), "no visible cause");
  cell.repetitions[4].metrics[2] = measured("frequency_after", 4000);
  EXPECT_EQ(cause(cell, 4), "frequency_after 4000 MHz, median 3000 MHz");
  cell.repetitions[4].metrics[0] = measured("operations_per_s", 500);
  EXPECT_EQ(cause(cell, 4), "cpu_wait_share 12.0 %, median 0.500 %");
}

TEST(OutlierCause, OfAHostMetricIsNotItself) {
  CellData cell = outlying_cell();
  cell.repetitions[4].metrics[1] = measured(kCpuWaitShare, 12);
  EXPECT_EQ(cause(cell, 4, kCpuWaitShare), "no visible cause");
  for (auto& record : cell.repetitions) record.metrics.resize(2);
  EXPECT_EQ(cause(cell, 4, kCpuWaitShare), "nothing else of the host was sampled");
}

TEST(OutlierCause, IsNotKnownWhereNobodySampledTheHost) {
  CellData cell = outlying_cell();
  cell.repetitions[4].metrics.resize(1);
  EXPECT_EQ(cause(cell, 4), "the host was not sampled");
  EXPECT_EQ(cause(cell, 3), "no visible cause");
}

TEST(OutlierCause, IsNoneWhereTheHostWasAsEver) {
  const CellData cell = outlying_cell();
  EXPECT_EQ(cause(cell, 4), "no visible cause");
}

TEST(OutlierCause, IsWhatTheHostDidMoreThanElse) {
  CellData cell = outlying_cell();
  cell.repetitions[4].metrics[1] = measured(kCpuWaitShare, 12);
  cell.repetitions[4].metrics[2] = measured("frequency_after", 2000);
  cell.repetitions[4].metrics[3] = measured("ping_pong_before", 149);  // Within a regime.
  EXPECT_EQ(cause(cell, 4),
            "cpu_wait_share 12.0 %, median 0.500 %; frequency_after 2000 MHz, median 3000 MHz");
  EXPECT_EQ(cause(cell, 3), "no visible cause");
  cell.repetitions[4].metrics[3] = measured("ping_pong_before", 600);
  EXPECT_THAT(cause(cell, 4), HasSubstr("ping_pong_before 600 ns, median 100 ns"));
}

TEST(OutlierCause, ATrifleIsNone) {
  CellData cell = outlying_cell();
  for (auto& record : cell.repetitions) record.metrics[1] = measured(kCpuWaitShare, 0);
  cell.repetitions[4].metrics[1] = measured(kCpuWaitShare, 0.9);
  EXPECT_EQ(cause(cell, 4), "no visible cause");
  cell.repetitions[4].metrics[1] = measured(kCpuWaitShare, 1);
  EXPECT_EQ(cause(cell, 4), "cpu_wait_share 1.00 %, median 0 %");
}

TEST(OutlierCause, IsNamedInTheReport) {
  RunData run;
  run.cells = {outlying_cell()};
  run.cells[0].repetitions[4].metrics[1] = measured(kCpuWaitShare, 40);
  EXPECT_THAT(report(run).notes, Contains(HasSubstr("in repetition 5 (-")));
  EXPECT_THAT(report(run).notes, Contains(HasSubstr("cpu_wait_share 40.0 %, median 0.500 %)")));
}

}  // namespace
}  // namespace violet::results::outlier_cause_test
