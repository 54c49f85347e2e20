// Counters and levels that were sampled now and then, and what is said of the time between two samples.
#include <gtest/gtest.h>

#include <vector>

#include "experiments/query/live_cell.hpp"

namespace violet::query {
namespace {

constexpr Nanos kMs = 1'000'000;

// Sampled every millisecond for 10 ms and, after 30 ms in which nobody looked, for another 10. Each counter grows by
// 1000 a millisecond, and of the polls every tenth is useful.
class Sampled : public testing::Test {
 protected:
  Sampled() {
    events_.push_back(MarkEvent{0, 0, Phase::kStart}.event(0));
    for (Nanos ms = 0; ms <= 50; ++ms) {
      if (ms > 10 && ms < 40) continue;
      const auto at = static_cast<Ticks>(ms * kMs), total = static_cast<Ticks>(ms * 1000);
      sample(at, Gauge::kPolls, kEngineLcore, total);
      sample(at, Gauge::kUsefulPolls, kEngineLcore, total / 10);
      sample(at, Gauge::kQueueDepth, kEngineLcore, 3);
      sample(at, Gauge::kRequestsMap, kEngineLcore, total);
      sample(at, Gauge::kOperations, kGuestLcore, total);
    }
    const std::vector<LiveCell::Batch> batches{{kRecorderLcore, events_, 0, false}};
    cell_.advance(batches, 51 * kMs);
    cell_.end({});
  }
  void sample(Ticks at, Gauge gauge, std::uint8_t lcore, std::uint64_t value) {
    events_.push_back(SampleEvent{gauge, lcore, value}.event(at));
  }
  // Of each column of 0.5 ms, whether it is known.
  static void expect_open_between(const std::vector<Column>& columns) {
    ASSERT_EQ(columns.size(), 100u);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      EXPECT_FALSE(columns[i].gap) << "nothing was lost, " << i;
      if (i == 20) continue;  // The last sample lies where it begins.
      EXPECT_EQ(columns[i].known(), i < 20 || i >= 80) << i;
    }
  }

  std::vector<Event> events_;
  LiveCell cell_{{}, 0, 1, true};
};

TEST_F(Sampled, NothingIsSaidOfTimesInWhichNobodyLooked) {
  const EngineColumns engine = cell_.engine({0, 50 * kMs}, 100);
  ASSERT_EQ(engine.lcores.size(), 2u);
  const auto& polls = engine.lcores[1].role == "engine" ? engine.lcores[1] : engine.lcores[0];
  expect_open_between(polls.utilisation);
  expect_open_between(engine.requests_per_s[2]);
  expect_open_between(engine.workload_per_s);
  expect_open_between(engine.queue_depth);
  EXPECT_FLOAT_EQ(engine.queue_depth[3].mean, 3) << "a level holds until the next sample";
  EXPECT_NEAR(engine.requests_per_s[2][5].mean, 1e6, 1);
  EXPECT_NEAR(polls.utilisation[5].mean, 0.1, 1e-6);
}

TEST_F(Sampled, AColumnThatHoldsBothSamplesKnowsWhatWasCountedBetweenThem) {
  const EngineColumns engine = cell_.engine({0, 50 * kMs}, 1);
  EXPECT_NEAR(engine.workload_per_s[0].mean, 1e6, 1);
  EXPECT_NEAR(engine.requests_per_s[2][0].mean, 1e6, 1);
}

TEST_F(Sampled, NoValueIsOfAShorterTimeThanItsSamplesAreApart) {
  EXPECT_EQ(cell_.engine({0, 10 * kMs}, 100).workload_step_ns, kMs);
  EXPECT_EQ(cell_.engine({0, 50 * kMs}, 100).workload_step_ns, kMs) << "the gap is no step";
  EXPECT_EQ(cell_.engine({0, 50 * kMs}, 1).workload_step_ns, 30 * kMs) << "one column has it";
}

}  // namespace
}  // namespace violet::query
