#include "experiments/query/time_base.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

namespace violet::query {
namespace {

constexpr Ticks kLatest = std::numeric_limits<Ticks>::max();

// Also where a tick is so short that any number of them round to one nanosecond.
RC_GTEST_PROP(TimeBaseProperties, TicksAreTheFirstThatAreSoLate, ()) {
  const TimeBase base(0, *rc::gen::element(1e-10, 0.3, 0.5, 1.0, 3.7, 1e9));
  const auto at = *rc::gen::suchThat(rc::gen::arbitrary<Nanos>(), [](Nanos n) { return n > 0; });
  const Ticks ticks = base.ticks_since(at);
  if (ticks != kLatest) RC_ASSERT(base.since(ticks) >= at);
  if (ticks > 0) RC_ASSERT(base.since(ticks - 1) < at);
}

TEST(TimeBase, NothingIsLaterThanTheLastTick) {
  const TimeBase base(100, 1e-10);
  EXPECT_EQ(base.ticks_since(std::numeric_limits<Nanos>::max()), kLatest);
  EXPECT_EQ(base.ticks(std::numeric_limits<Nanos>::max()), kLatest);
  EXPECT_EQ(base.ticks(0), 0u);
  const TimeBase coarse(0, 1e9);
  EXPECT_EQ(coarse.since(kLatest), TimeBase::kLatest);
  EXPECT_EQ(coarse.nanos(kLatest), TimeBase::kLatest);
  EXPECT_EQ(coarse.since(3), 3'000'000'000);
  EXPECT_EQ(base.ticks(-5), 0u);
}

}  // namespace
TEST(TimeWindow, ALengthThatNanosCannotHoldIsTheLongestThatItCan) {
  constexpr Nanos kLeast = std::numeric_limits<Nanos>::min(),
                  kMost = std::numeric_limits<Nanos>::max();
  EXPECT_EQ((TimeWindow{kLeast, kMost}.length()), kMost);
  EXPECT_EQ((TimeWindow{kMost, kLeast}.length()), kLeast);
  EXPECT_EQ((TimeWindow{kMost - 5, kMost}.length()), 5);
  EXPECT_EQ((TimeWindow{7, 5}.length()), -2);
}

}  // namespace violet::query
