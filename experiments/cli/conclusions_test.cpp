#include "experiments/cli/conclusions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace violet::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

results::CellData cell(const std::string& strategy, const std::string& placement, double stale) {
  results::CellData data{
      {strategy + "." + placement,
       strategy,
       {{"strategy", strategy}, {"workload", std::string("net-rx")}, {"placement", placement}}},
      {}};
  for (std::uint32_t i = 0; i < 5; ++i) {
    results::RepetitionRecord record{data.cell.id, i, 0, 1, {}, {}, {}};
    record.metrics = {{"mean_stale_pages", "pages", stale, {}, results::Better::kLower},
                      {"exposure_window.p50", "ns", 900.0, {}, results::Better::kLower}};
    data.repetitions.push_back(std::move(record));
  }
  return data;
}

std::string conclusion_under(const std::vector<std::string>& placements) {
  results::RunData run;
  for (const auto& placement : placements) {
    run.cells.push_back(cell("strict", placement, 0));
    run.cells.push_back(cell("lazy-percpu", placement, 3));
  }
  const auto conclusions = conclusions_of(run);
  return conclusions.empty() ? "" : conclusions.front();
}

TEST(Conclusions, SpeakOfThePlacementThatWasMeasured) {
  EXPECT_THAT(conclusion_under({"sidecore"}),
              HasSubstr("on a core of its own an UNMAP is executed"));
  for (const char* placement : {"samecore", "kick-thread"}) {
    EXPECT_THAT(conclusion_under({placement}),
                HasSubstr("waits in the queue for the next map's kick"));
    EXPECT_THAT(conclusion_under({placement}),
                Not(HasSubstr("With the engine on a core of its own")));
  }
  EXPECT_THAT(conclusion_under({"samecore", "sidecore"}), HasSubstr("The placement decides"));
}

}  // namespace
}  // namespace violet::cli
