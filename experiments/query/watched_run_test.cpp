#include "experiments/query/watched_run.hpp"

#include <gtest/gtest.h>

#include "experiments/query/fake_run_testing.hpp"

namespace violet::query {
namespace {

struct Watched {
  std::shared_ptr<FakeRun> recorded = std::make_shared<FakeRun>();
  std::shared_ptr<FakeRun> live = std::make_shared<FakeRun>();
  std::shared_ptr<FakeCell> add(FakeRun& run, const std::string& strategy, std::uint32_t repetition,
                                std::uint64_t events) {
    auto cell = run.add(strategy, "nic");
    cell->about.repetition = repetition;
    cell->about.events = events;
    return cell;
  }
  std::vector<std::string> joined() {
    std::vector<std::string> all;
    for (const CellInfo& info : join_watched(recorded, *live)->cells()) {
      all.push_back(fmt::format("{} {} {}{}", info.strategy, info.repetition, info.events,
                                info.unrecorded ? " unrecorded" : ""));
    }
    return all;
  }
};
using Lines = std::vector<std::string>;

TEST(WatchedRun, W2_TheRecordingAndWhatOnlyTheWatcherHas) {
  Watched watched;
  for (const char* strategy : {"strict", "lazy"}) {
    watched.add(*watched.recorded, strategy, 0, 100);
    watched.add(*watched.live, strategy, 0, 90);
  }
  for (const char* strategy : {"strict", "lazy"}) watched.add(*watched.live, strategy, 1, 70);
  watched.live->says.state = RunProgress::State::kEnded;
  EXPECT_EQ(watched.joined(), (Lines{"strict 0 100", "lazy 0 100", "strict 1 70 unrecorded",
                                     "lazy 1 70 unrecorded"}));
}

TEST(WatchedRun, CellsThatTheWatcherCameTooLateForAreInTheirPlace) {
  Watched watched;
  for (const char* strategy : {"off", "strict", "lazy", "bounce"}) {
    watched.add(*watched.recorded, strategy, 0, 100);
  }
  watched.add(*watched.live, "strict", 0, 100);
  watched.add(*watched.live, "bounce", 0, 100);
  EXPECT_EQ(watched.joined(), (Lines{"off 0 100", "strict 0 100", "lazy 0 100", "bounce 0 100"}));
}

TEST(WatchedRun, W1_OfARunThatDiedTheFullerCellIsShown) {
  for (const bool died : {true, false}) {
    Watched watched;
    watched.add(*watched.recorded, "strict", 0, 100);
    watched.add(*watched.live, "strict", 0, 100);
    watched.add(*watched.recorded, "lazy", 0, 40);
    watched.add(*watched.live, "lazy", 0, 50);
    watched.live->says.state = died ? RunProgress::State::kDied : RunProgress::State::kEnded;
    EXPECT_EQ(watched.joined(),
              (Lines{"strict 0 100", died ? "lazy 0 50 unrecorded" : "lazy 0 40"}));
  }
}

TEST(WatchedRun, OpensEachCellFromWhereItIs) {
  Watched watched;
  const auto recorded = watched.add(*watched.recorded, "strict", 0, 100);
  watched.add(*watched.live, "strict", 0, 90);
  const auto seen = watched.add(*watched.live, "strict", 1, 70);
  const auto run = join_watched(watched.recorded, *watched.live);
  EXPECT_EQ(*run->open_cell(0, {}), recorded);
  EXPECT_EQ(*run->open_cell(1, {}), seen);
  EXPECT_FALSE(run->open_cell(2, {}));
  EXPECT_EQ(run->progress().state, RunProgress::State::kRecorded);
}

TEST(WatchedRun, WithoutARecordingItIsAnErrorThatNamesIt) {
  const auto live = std::make_shared<FakeRun>();
  live->directory = "/no/such/run";
  const auto run = open_watched(live);
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().message.find("/no/such/run"), std::string::npos);
}

}  // namespace
}  // namespace violet::query
