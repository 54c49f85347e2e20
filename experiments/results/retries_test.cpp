#include "experiments/results/retries.hpp"

#include <gtest/gtest.h>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/noise_history.hpp"
#include "experiments/results/samples.hpp"

namespace violet::results {
namespace {

RepetitionRecord took(std::uint32_t number, double rate, double wait,
                      std::optional<std::uint32_t> retry_of = std::nullopt) {
  RepetitionRecord record;
  record.repetition = number;
  record.retry_of = retry_of;
  record.metrics = {measured("operations_per_s", rate), measured(kCpuWaitShare, wait)};
  return record;
}

CellData cell_of(std::vector<RepetitionRecord> repetitions) {
  CellData cell;
  cell.repetitions = std::move(repetitions);
  return cell;
}

TEST(Retries, WithoutOneEveryRepetitionCounts) {
  const CellData cell = cell_of({took(0, 1, 0), took(1, 2, 50)});
  const Samples rates = samples_of(cell, "operations_per_s");
  EXPECT_EQ(rates.values, (std::vector<double>{1, 2}));
  EXPECT_TRUE(disturbed(cell));
}

TEST(Retries, TheFirstUndisturbedOneCountsInTheOthersPlace) {
  const CellData cell = cell_of({took(0, 1, 0), took(1, 2, 50), took(2, 3, 0), took(3, 4, 60, 1),
                                 took(4, 5, 0, 1), took(5, 6, 0, 1)});
  const Samples rates = samples_of(cell, "operations_per_s");
  EXPECT_EQ(rates.values, (std::vector<double>{1, 5, 3}));
  EXPECT_EQ(rates.repetitions, (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_FALSE(disturbed(cell));
}

// A fast disturbed retry is no better than the slow disturbed first.
TEST(Retries, WhereAllWereDisturbedTheFirstCounts) {
  const CellData cell = cell_of({took(0, 1, 50), took(1, 9, 30, 0), took(2, 8, 6, 0)});
  EXPECT_EQ(samples_of(cell, "operations_per_s").values, (std::vector<double>{1}));
  EXPECT_TRUE(disturbed(cell));
}

TEST(Retries, SayWhatDisturbed) {
  RepetitionRecord record;
  EXPECT_EQ(what_disturbed(record), "");
  record.metrics = {measured("steal_share", 12), measured("throttled_periods", 3)};
  EXPECT_EQ(what_disturbed(record), "a hypervisor took a CPU for 12 % of the time");
  record.metrics = {measured("throttled_periods", 3)};
  EXPECT_EQ(what_disturbed(record), "");
  record.metrics = {not_measured("throttled_periods", "no cgroup"),
                    not_measured(kCpuWaitShare, "not said")};
  EXPECT_EQ(what_disturbed(record), "");
}

}  // namespace
}  // namespace violet::results
