// How wide the columns are that churn has behind the last kept event, where pages and time were merged.
#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/query/query_rig_testing.hpp"
#include "experiments/trace/aggregation.hpp"

namespace violet::query {
namespace {

// However many rows a picture has: finer pages are no reason for columns that lie beside the window for the most part.
TEST(ChurnSteps, KeepToTheWindowInAPictureOfAnyHeight) {
  SyntheticOptions options;
  options.strategy = SyntheticStrategy::kLazy;
  options.events = 120'000;
  const QueryRig rig(options, 40'000);
  Aggregation aggregation({.ns_per_tick = options.ns_per_tick, .most_cells = 4096});
  SyntheticRun(options).run([&](std::uint16_t lcore, std::span<const Event> events,
                                std::uint64_t lost) { aggregation.add(lcore, events, lost); },
                            [&](Ticks until) { aggregation.advance(until); });
  aggregation.finish();
  ASSERT_TRUE(append_pyramid(rig.folder() + "/trace.pyramid", 0, 0, aggregation.pyramid()));
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const CellInfo info = cell->info();
  const IovaRange used{cell->used_ranges().ranges.front().first,
                       cell->used_ranges().ranges.back().last};
  const auto step_in = [&](TimeWindow window, std::uint32_t rows) {
    return cell->churn({window, used, 64, rows, {}}).resolution.bin.value_or(0);
  };
  const Nanos rest = info.whole.to - info.kept_until, from = info.kept_until + rest / 4;
  const Nanos finest = step_in({from, from + 2}, 1);
  ASSERT_GT(finest, 2);
  EXPECT_EQ(step_in({from, from + 2}, 4096), finest);
  int lengths = 0;
  for (Nanos length = finest; length <= rest / 2; length += length / 2, ++lengths) {
    for (const std::uint32_t rows : {1u, 64u, 512u, 4096u}) {
      EXPECT_LE(step_in({from, from + length}, rows), std::max(finest, length / 4 + 1))
          << length << " ns, " << rows << " rows";
    }
  }
  EXPECT_GT(lengths, 4);
}

}  // namespace
}  // namespace violet::query
