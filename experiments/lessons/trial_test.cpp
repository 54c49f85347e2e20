// Trials of every strategy that is registered, on every engine and placement: whatever is added later is tried as well.
#include "experiments/lessons/trial.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace violet::lessons::trial_test {
namespace {

struct Case {
  EngineChoice engine;
  std::string strategy;
  Placement placement;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const EngineChoice& engine : engine_choices()) {
    for (const std::string& strategy : strategies().names()) {
      for (const auto placement : {Placement::kSamecore, Placement::kSidecore}) {
        all.push_back({engine, strategy, placement});
      }
    }
  }
  return all;
}

class EveryStrategy : public testing::TestWithParam<Case> {};

TEST_P(EveryStrategy, MovesEveryPacketAndExposesNoMoreThanItSays) {
  Scene scene(GetParam().engine);
  const TrialResult result = run_trial(
      scene, {.strategy = GetParam().strategy, .placement = GetParam().placement, .buffers = 24});
  EXPECT_EQ(result.guest.maps, 24u);
  EXPECT_EQ(result.guest.unmaps, 24u);
  EXPECT_EQ(result.guest.failed_requests, 0u);
  EXPECT_EQ(scene.stage().faults(), 0u);
  const Snapshot shot = scene.look();
  EXPECT_EQ(shot.violations, 0u);
  EXPECT_EQ(shot.strategy, GetParam().strategy);
  int written = 0;
  for (const PageView& page : shot.pages) {
    written += page.owner == "NIC buffer" && page.text == "data" ? 1 : 0;
  }
  EXPECT_EQ(written, 4);
  const AfterUnmap after = strategies().find(GetParam().strategy)->after_unmap;
  // Nothing that a timer could have closed is open at the end.
  if (after != AfterUnmap::kUntilNeeded && after != AfterUnmap::kForgotten) {
    EXPECT_FALSE(scene.guest().any_stale());
  }
  EXPECT_EQ(result.never_closed, after == AfterUnmap::kBuffers || scene.guest().any_stale());
  if (after == AfterUnmap::kBuffers) {
    EXPECT_GE(result.exposure.always_mapped_bytes, 4 * kPageBytes);
  }
  EXPECT_EQ(result.guest.kicks == 0,
            GetParam().placement == Placement::kSidecore || result.requests == 0);
}

TEST_P(EveryStrategy, GivesTheSameNumbersEachTime) {
  const auto run = [] {
    Scene scene(GetParam().engine);
    return run_trial(
        scene, {.strategy = GetParam().strategy, .placement = GetParam().placement, .buffers = 12});
  };
  const TrialResult first = run();
  const TrialResult second = run();
  EXPECT_EQ(first.busy_ns, second.busy_ns);
  EXPECT_EQ(first.requests, second.requests);
  EXPECT_EQ(first.exposure.longest_ns, second.exposure.longest_ns);
  EXPECT_EQ(first.exposure.mean_stale_pages, second.exposure.mean_stale_pages);
}

INSTANTIATE_TEST_SUITE_P(Strategies, EveryStrategy, testing::ValuesIn(cases()),
                         [](const auto& tried) {
                           std::string name =
                               tried.param.strategy + "_" + tried.param.engine.store + "_" +
                               tried.param.engine.iotlb + "_" + to_text(tried.param.placement);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Trial, OptimisticSendsAMapForEachOfTheBuffersOnly) {
  Scene scene(EngineChoice{});
  const TrialResult result =
      run_trial(scene, {.strategy = "optimistic", .placement = Placement::kSidecore});
  EXPECT_EQ(result.guest.map_requests, 4u);
  EXPECT_EQ(result.guest.unmap_requests, 4u);
  EXPECT_NEAR(static_cast<double>(result.exposure.longest_ns), 10e6, 0.2e6);
}

TEST(Trial, SettingsReachTheStrategy) {
  Scene scene(EngineChoice{});
  const TrialResult result = run_trial(
      scene,
      {.strategy = "bounce-dynamic", .settings = {{"limit_bytes", std::int64_t{0}}}, .buffers = 8});
  EXPECT_EQ(result.guest.bytes_copied, 0u);
  EXPECT_EQ(result.guest.map_requests, 8u);
}

}  // namespace
}  // namespace violet::lessons::trial_test
