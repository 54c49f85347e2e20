#include "experiments/query/plane.hpp"

#include <gtest/gtest.h>

#include "experiments/query/run_fixture_testing.hpp"

namespace violet::query {
namespace {

using Place = PlanePoint::Place;

class PlaneTest : public testing::Test {
 protected:
  results::RunData read(const std::vector<FixtureCell>& cells, std::uint32_t repetitions = 6) {
    const std::string path = write_fixture_run(folder_.path(), cells, repetitions);
    auto run = results::read_run(path);
    EXPECT_TRUE(run.has_value());
    return std::move(*run);
  }
  static const PlanePoint& point(const Plane& plane, const std::string& name) {
    for (const PlanePoint& one : plane.points) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << "no point " << name;
    return plane.points.front();
  }
  const TestFolder folder_;
};

TEST_F(PlaneTest, EveryCellHasItsPlace) {
  const auto run = read(every_place());
  EXPECT_EQ(workloads_of(run), (std::vector<std::string>{"net-rx", "nvme-4k"}));
  const Plane plane = make_plane(run, "net-rx");
  ASSERT_EQ(plane.points.size(), 8u);
  EXPECT_EQ(point(plane, "strict sidecore").place, Place::kZero);
  EXPECT_EQ(point(plane, "lazy-percpu samecore").place, Place::kStale);
  EXPECT_EQ(point(plane, "direct sidecore").place, Place::kAlways);
  // Its pool stays mapped, but the guest's own pages are not in it.
  EXPECT_EQ(point(plane, "bounce-dynamic sidecore").place, Place::kZero);
  const Plane other = make_plane(run, "nvme-4k");
  EXPECT_EQ(other.points[0].place, Place::kMissing);
  EXPECT_EQ(other.points[0].because, "12 events were lost");
}

TEST_F(PlaneTest, ThroughputIsRelativeToOff) {
  const Plane plane = make_plane(read(every_place()), "net-rx");
  EXPECT_TRUE(plane.reference_is_off);
  EXPECT_EQ(plane.reference, "off sidecore");
  EXPECT_NEAR(point(plane, "strict sidecore").relative->value, 0.4, 1e-9);
  EXPECT_EQ(point(plane, "off sidecore").relative->value, 1);
}

TEST_F(PlaneTest, ACellThatStoodStillIsKnownToHaveDoneNothing) {
  const std::vector<FixtureCell> cells{
      {"off", "net-rx", "sidecore", 10000, 0, true}, {"strict"}, {"lazy-percpu"}};
  for (const std::uint32_t repetitions : {1u, 2u, 6u}) {
    const TestFolder folder;
    auto still = cells;
    still[1].operations_per_s = 0;
    auto run = results::read_run(write_fixture_run(folder.path(), still, repetitions));
    ASSERT_TRUE(run);
    const Plane plane = make_plane(*run, "net-rx");
    const PlanePoint& strict = point(plane, "strict");
    ASSERT_TRUE(strict.relative) << strict.because;
    EXPECT_EQ(strict.relative->value, 0);
    EXPECT_EQ(strict.relative->interval.has_value(), repetitions == 6);
    EXPECT_EQ(strict.because, "");
    EXPECT_FALSE(strict.front) << "lazy-percpu is as safe and faster";
  }
}

TEST_F(PlaneTest, ACellOfWhichSomeRepetitionsStoodStillHasItsMedian) {
  auto run = read({{"off", "net-rx", "sidecore", 10000, 0, true}, {"strict"}});
  for (const std::size_t repetition : {0u, 4u}) {
    for (auto& metric : run.cells[1].repetitions[repetition].metrics) {
      if (metric.name == "operations_per_s") metric.value = 0;
    }
  }
  const Plane plane = make_plane(run, "net-rx");
  ASSERT_TRUE(plane.points[1].relative);
  EXPECT_NEAR(plane.points[1].relative->value, 0.1, 0.001);
  EXPECT_FALSE(plane.points[1].relative->interval) << "of the ratio there is none";
}

// Off was narrow after 7 repetitions; then the host was three times as fast for the other.
TEST_F(PlaneTest, RatiosAreOfTheRepetitionsThatBothHave) {
  auto run = read({{"off", "net-rx", "sidecore", 1000, 0, true}, {"strict"}}, 15);
  run.manifest.interleaved = true;
  run.cells[0].repetitions.resize(7);
  for (std::size_t i = 7; i < 15; ++i) {
    for (auto& metric : run.cells[1].repetitions[i].metrics) {
      if (metric.name == "operations_per_s") *metric.value *= 3;
    }
  }
  const Plane plane = make_plane(run, "net-rx");
  ASSERT_TRUE(point(plane, "strict").relative);
  EXPECT_EQ(point(plane, "strict").relative->value, 1);
  EXPECT_EQ(point(plane, "strict").relative->interval->low, 1);
  EXPECT_EQ(point(plane, "strict").relative->interval->high, 1);
}

TEST_F(PlaneTest, SaysHowManyRepetitionsAnIntervalTakes) {
  auto run = read({{"off", "net-rx", "sidecore", 1000, 0, true}, {"strict"}});
  EXPECT_EQ(make_plane(run, "net-rx").enough_for_interval, 6u);
  run.manifest.until_ci = results::UntilCi{5, 5, 30, 0.983876, {}};
  EXPECT_EQ(make_plane(run, "net-rx").enough_for_interval, 7u);
}

TEST_F(PlaneTest, PointsSayHowMuchWasInjected) {
  FixtureCell costly{"strict", "net-rx", "samecore"};
  costly.injected = 61.5;
  const Plane plane = make_plane(read({costly, {"strict"}}), "net-rx");
  EXPECT_EQ(plane.points[0].injected_percent, 61.5);
  EXPECT_EQ(plane.points[1].injected_percent, std::nullopt) << "not measured is not 0";
}

TEST_F(PlaneTest, WithoutOffTheFastestIsTheReference) {
  const Plane plane =
      make_plane(read({{"strict"}, {"lazy-percpu", "net-rx", "sidecore", 2000, 1}}), "net-rx");
  EXPECT_FALSE(plane.reference_is_off);
  EXPECT_EQ(plane.reference, "lazy-percpu");
}

TEST_F(PlaneTest, TheFrontHoldsWhatNoOtherBeats) {
  const Plane plane = make_plane(read(every_place()), "net-rx");
  EXPECT_TRUE(point(plane, "bounce-dynamic sidecore").front);
  EXPECT_TRUE(point(plane, "lazy-percpu sidecore").front);
  EXPECT_FALSE(point(plane, "strict sidecore").front);       // Bounce is as safe and faster.
  EXPECT_FALSE(point(plane, "lazy-single sidecore").front);  // More stale pages and slower.
  EXPECT_FALSE(point(plane, "off sidecore").front);          // Protects nothing.
}

TEST_F(PlaneTest, AnEmptyRunHasNoReference) {
  const Plane plane = make_plane(read({{"strict"}}, 0), "net-rx");
  ASSERT_EQ(plane.points.size(), 1u);
  EXPECT_TRUE(plane.reference.empty());
  EXPECT_EQ(plane.points[0].place, Place::kMissing);
  EXPECT_FALSE(plane.points[0].because.empty());
}

}  // namespace
}  // namespace violet::query
