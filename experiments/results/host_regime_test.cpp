#include "experiments/results/host_regime.hpp"

#include <gtest/gtest.h>

#include "experiments/results/metric_catalogue.hpp"

namespace violet::results {
namespace {

RepetitionRecord state(double ping_pong, double spin = 20'000, double ping_pong_after = 0) {
  RepetitionRecord record;
  record.metrics = {measured("ping_pong_before", ping_pong),
                    measured("ping_pong_after", ping_pong_after > 0 ? ping_pong_after : ping_pong),
                    measured("spin_guest_before", 20'000),
                    measured("spin_guest_after", 20'000),
                    measured("spin_engine_before", spin),
                    measured("spin_engine_after", spin),
                    not_measured("spin_endpoint_before", "the endpoint has no lcore of its own")};
  return record;
}

RunData run_of(std::vector<std::vector<RepetitionRecord>> cells) {
  RunData run;
  for (auto& repetitions : cells) {
    CellData cell;
    cell.cell.label = "cell " + std::to_string(run.cells.size() + 1);
    for (auto& one : repetitions) {
      one.repetition = static_cast<std::uint32_t>(cell.repetitions.size());
      cell.repetitions.push_back(std::move(one));
    }
    run.cells.push_back(std::move(cell));
  }
  return run;
}

TEST(HostRegime, IsOneWhereRepetitionsScatter) {
  const RunData run = run_of({{state(100), state(130)}, {state(110), state(150)}});
  EXPECT_EQ(regimes_text(run), "cores 120 ns apart (4 repetitions)");
  EXPECT_EQ(mixed_regimes_text(run), "");
}

TEST(HostRegime, TellsFarCoresAndSlowOnes) {
  const RunData run =
      run_of({{state(100), state(640), state(110)}, {state(105, 41'000), state(600)}});
  EXPECT_EQ(
      regimes_text(run),
      "cores 105 ns apart (2 repetitions), cores 620 ns apart (2), cores 105 ns apart, one at "
      "49 % of the fastest (1)");
  EXPECT_EQ(mixed_regimes_text(run),
            "the host was not the same throughout: medians of 2 of 2 cells are over repetitions of "
            "different regimes, for example cell 1: cores 105 ns apart (2 repetitions), cores 620 "
            "ns apart (1)");
}

TEST(HostRegime, NamesARepetitionDuringWhichItChanged) {
  EXPECT_EQ(regimes_text(run_of({{state(100, 20'000, 700)}})),
            "cores that changed meanwhile (1 repetition)");
}

TEST(HostRegime, IsNotKnownOfOlderRuns) {
  const RunData old = run_of({{RepetitionRecord{}}});
  EXPECT_EQ(regimes_text(old),
            "not available, because no repetition says how far apart its cores are");
}

TEST(HostRegime, SaysOfHowManyItIsNotKnown) {
  RepetitionRecord silent;
  silent.metrics = {not_measured("ping_pong_before", "CPU 1 did not answer within 50 ms")};
  EXPECT_EQ(regimes_text(run_of({{state(100), silent}})),
            "cores 100 ns apart (1 repetition), not known of 1");
}

std::string difference(const RunData& a, const RunData& b) {
  const RunData* const both[] = {&a, &b};
  std::vector<CellPair> pairs;
  for (std::size_t i = 0; i < a.cells.size(); ++i) pairs.push_back({&a.cells[i], &b.cells[i]});
  return regimes_difference(host_regimes(both), pairs);
}

// Also where most repetitions of both runs are of one regime.
TEST(HostRegime, DiffersBetweenCellsByWhatMostOfTheirRepetitionsHad) {
  const RunData all = run_of({{state(100), state(101), state(600)}, {state(102), state(103)}});
  const RunData some = run_of({{state(104), state(105)}, {state(610), state(590), state(102)}});
  EXPECT_EQ(difference(all, all), "");
  EXPECT_EQ(
      difference(all, some),
      "the host regime differs in 1 of 2 pairs, for example cell 2: cores 102 ns apart / cores "
      "600 ns apart");
}

TEST(HostRegime, IsSaidToBeUnknownOfOneSideOnly) {
  const RunData old = run_of({{RepetitionRecord{}}}), young = run_of({{state(100)}});
  EXPECT_EQ(difference(old, young), "the host regime is not known in 1 of 1 pair");
  EXPECT_EQ(difference(old, old), "");
}

// Values that fill the gaps between two states hide them: the range is said, and whose repetitions span it.
TEST(HostRegime, AChainIsNamedByItsRange) {
  const RunData run =
      run_of({{state(100), state(440)}, {state(145), state(210)}, {state(300), state(305)}});
  EXPECT_EQ(regimes_text(run), "cores 100 to 440 ns apart (6 repetitions)");
  EXPECT_EQ(mixed_regimes_text(run),
            "the host was not the same throughout: medians of 1 of 3 cells are over repetitions of "
            "different regimes, for example cell 1: cores 100 to 440 ns apart (2 repetitions)");
}

TEST(HostRegime, IsKnownByOneMoment) {
  RepetitionRecord half;
  half.metrics = {measured("ping_pong_before", 100),
                  not_measured("ping_pong_after", "other programs had CPU 0 or 1")};
  EXPECT_EQ(regimes_text(run_of({{half}})), "cores 100 ns apart (1 repetition)");
  half.metrics.erase(half.metrics.begin());
  half.metrics.push_back(not_measured("ping_pong_before", "guest and engine share CPU 0"));
  EXPECT_EQ(regimes_text(run_of({{half}})), "not available, because guest and engine share CPU 0");
}

// What was set aside for a retry says nothing of the median.
TEST(HostRegime, LooksAtWhatCounts) {
  RunData run = run_of({{state(100), state(700), state(104)}});
  run.cells[0].repetitions[1].metrics.push_back(measured("steal_share", 30));
  run.cells[0].repetitions[2].retry_of = 1;
  EXPECT_EQ(regimes_text(run), "cores 102 ns apart (2 repetitions)");
}

}  // namespace
}  // namespace violet::results
