#include "experiments/query/recorded_clock.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace violet::query {
namespace {

std::optional<Ticks> step_of(const std::vector<Ticks>& durations) {
  std::vector<Event> events;
  for (const Ticks duration : durations) {
    events.push_back({0, EventKind::kDmaMap, 0, pack_ticks(duration), 0, 0, 0});
  }
  RecordedClock step;
  step.add(events);
  return step.ticks();
}

// Those that calls on a virtual machine took: no number between the multiples of 21 ticks occurs.
std::vector<Ticks> multiples_of(double step, Ticks count) {
  std::vector<Ticks> durations;
  for (Ticks i = 1; i <= count; ++i) {
    durations.push_back(static_cast<Ticks>(static_cast<double>(i) * step));
  }
  return durations;
}

TEST(RecordedClock, IsWhatAllDurationsAreMultiplesOf) {
  EXPECT_EQ(step_of(multiples_of(21, 100)), 21u);
  EXPECT_EQ(step_of(multiples_of(2, 100)), 2u);
  auto one_odd = multiples_of(21, 150);
  one_odd.push_back(52);  // Between two processors.
  EXPECT_EQ(step_of(one_odd), 21u);
}

TEST(RecordedClock, OfAClockThatShowsEachTickIsATick) {
  EXPECT_EQ(step_of(multiples_of(1, 100)), 1u);
  EXPECT_EQ(
      step_of({100, 101, 102, 110, 125, 131, 140, 151, 163, 170, 185, 191, 200, 211, 230, 247}),
      1u);
}

TEST(RecordedClock, OfTooFewDurationsIsNotKnown) {
  EXPECT_EQ(step_of({}), std::nullopt);
  EXPECT_EQ(step_of({21, 42, 63, 84}), std::nullopt);
  EXPECT_EQ(step_of(multiples_of(21, RecordedClock::kLeastDurations - 1)), std::nullopt);
}

// 20, 41, 62, 83, 104: neither multiples of a number nor neighbours.
TEST(RecordedClock, ThatIsNoWholeNumberOfTicksIsNotKnown) {
  EXPECT_EQ(step_of(multiples_of(20.9, 100)), std::nullopt);
}

TEST(RecordedClock, LongDurationsAreRoundedAndSayNothing) {
  std::vector<Ticks> rounded;
  for (Ticks i = 0; i < 100; ++i) rounded.push_back(100'000 + i * 1'000);
  EXPECT_EQ(step_of(rounded), std::nullopt);
}

}  // namespace
}  // namespace violet::query
