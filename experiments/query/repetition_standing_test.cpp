#include "experiments/query/repetition_standing.hpp"

#include <gtest/gtest.h>

#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/results/retries.hpp"

namespace violet::query {
namespace {

using Kind = Standing::Kind;

// A cell of which every repetition but those that a test changes was quiet and lost nothing.
class Standings : public testing::Test {
 protected:
  Standings() {
    run_.manifest.outcome = "finished";
    run_.cells.push_back({{fixture_.id(), "strategy=strict", {}}, {}});
    for (std::uint32_t i = 0; i < 3; ++i) {
      cell().repetitions.push_back(fixture_record(fixture_, i));
      add(i, results::kCpuWaitShare, 0);
      add(i, "lost_events", 0);
    }
  }
  results::CellData& cell() { return run_.cells.front(); }
  void add(std::size_t repetition, const char* name, double value) {
    auto& metrics = cell().repetitions[repetition].metrics;
    std::erase_if(metrics, [name](const auto& one) { return one.name == name; });
    metrics.push_back({name, "1", value, {}, results::Better::kNeither});
  }
  void retry(std::uint32_t of) {
    const auto number = static_cast<std::uint32_t>(cell().repetitions.size());
    cell().repetitions.push_back(fixture_record(fixture_, number));
    cell().repetitions.back().retry_of = of;
  }
  Standing of(std::uint32_t repetition) { return standing_of(run_, cell(), repetition); }

  FixtureCell fixture_{"strict"};
  results::RunData run_;
};

TEST_F(Standings, AQuietRepetitionCountsAndNothingIsSaid) {
  EXPECT_EQ(of(1).kind, Kind::kCounts);
  EXPECT_EQ(of(1).words, "");
  EXPECT_EQ(of(1).why, "");
}

TEST_F(Standings, ADisturbedOneCountsAndNoVerdictRestsOnIt) {
  add(1, results::kCpuWaitShare, 63);
  EXPECT_EQ(of(1).kind, Kind::kDisturbed);
  EXPECT_EQ(of(1).words, "disturbed by the host");
  EXPECT_EQ(of(1).why,
            "other programs had the CPU of an lcore for 63 % of the time, so that no verdict rests "
            "on it");
  EXPECT_EQ(of(0).kind, Kind::kCounts);
}

TEST_F(Standings, WhetherOthersHadItsCpusIsTwoThingsWhenItIsNotKnown) {
  EXPECT_EQ(of(1).disturbance, "") << "measured, and hardly any";
  add(1, results::kCpuWaitShare, 77);
  EXPECT_EQ(of(1).disturbance, "other programs had the CPU of an lcore for 77 % of the time");
  retry(1);
  EXPECT_EQ(of(1).kind, Kind::kSetAside);
  EXPECT_EQ(of(1).disturbance, "other programs had the CPU of an lcore for 77 % of the time");
  EXPECT_EQ(of(3).disturbance, std::nullopt) << "an older program did not look";
  EXPECT_EQ(of(9).disturbance, std::nullopt) << "there is no record of it";
}

TEST_F(Standings, OfARepetitionAndItsRetriesOneCounts) {
  add(1, results::kCpuWaitShare, 63);
  retry(1);
  EXPECT_EQ(of(1).kind, Kind::kSetAside);
  EXPECT_EQ(of(1).words, "disturbed by the host, not counted");
  EXPECT_TRUE(of(1).why.ends_with("; repetition 4 counts in its place")) << of(1).why;
  EXPECT_EQ(of(3).kind, Kind::kCounts);
  add(3, results::kCpuWaitShare, 12);
  EXPECT_EQ(of(1).kind, Kind::kDisturbed) << "the retry was no better";
  EXPECT_EQ(of(3).kind, Kind::kSetAside);
  EXPECT_EQ(of(3).words, "retried in vain, not counted");
  EXPECT_TRUE(of(3).why.ends_with("; repetition 2 counts in its place")) << of(3).why;
}

TEST_F(Standings, WhereEventsWereLostExposureIsNotJudged) {
  add(2, "lost_events", 412);
  EXPECT_EQ(of(2).kind, Kind::kNoExposure);
  EXPECT_EQ(of(2).words, "its exposure not counted");
  EXPECT_EQ(of(2).why, "exposure is judged of repetitions that lost no event");
}

TEST_F(Standings, WhatFailedOrWasInterruptedHasNoNumbers) {
  EXPECT_EQ(of(5).kind, Kind::kUnknown) << "nobody began it";
  run_.unfinished.emplace_back(cell().cell.id, 5);
  run_.notes.push_back({0, "error", "the guest hangs", cell().cell.id});
  EXPECT_EQ(of(5).kind, Kind::kUnfinished);
  EXPECT_EQ(of(5).words, "not finished, not counted");
  EXPECT_EQ(of(5).why, "it was begun and never ended; of its cell the run says: the guest hangs");
  run_.manifest.outcome = "interrupted";
  run_.notes.clear();
  EXPECT_EQ(of(5).why, "the run was interrupted while it was measured");
}

}  // namespace
}  // namespace violet::query
