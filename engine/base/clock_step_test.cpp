#include "engine/base/clock_step.hpp"

#include <gtest/gtest.h>

namespace violet::clock_step_test {
namespace {

// A counter that moves by `step` and takes `read` ticks to look at; every so often something comes in between.
struct Counter {
  Ticks step, read;
  Ticks at = 0;
  std::uint64_t reads = 0;
  static Ticks now(void* context) noexcept {
    auto& counter = *static_cast<Counter*>(context);
    counter.at += counter.read;
    if (++counter.reads % 1000 == 0) counter.at += 100'003;
    return counter.at / counter.step * counter.step;
  }
};

std::optional<ClockStep> step_of(Ticks step, Ticks read) {
  Counter counter{step, read};
  return measure_clock_step({&Counter::now, &counter});
}

TEST(ClockStep, IsWhatAllDifferencesAreMultiplesOf) {
  EXPECT_EQ(step_of(21, 20)->step, 21u);
  EXPECT_EQ(step_of(21, 30)->step, 21u);
  EXPECT_EQ(step_of(100, 7)->step, 100u);
  EXPECT_EQ(step_of(100, 7)->between, 100u);
}

// Where it moves by single ticks, it does so however long a read takes.
TEST(ClockStep, IsNotWhatAReadTakes) {
  Counter counter{1, 20};
  const TickSource jitters{[](void* context) noexcept {
                             auto& one = *static_cast<Counter*>(context);
                             one.at += 20 + one.reads++ % 7 % 3;
                             return one.at;
                           },
                           &counter};
  const auto found = measure_clock_step(jitters);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 1u);
  EXPECT_EQ(found->between, 20u);
}

TEST(ClockStep, OfAClockThatStandsStillIsNotKnown) {
  EXPECT_FALSE(measure_clock_step({[](void*) noexcept { return Ticks{5}; }, nullptr}));
}

TEST(ClockStep, OfThisMachineIsMoreThanNothing) {
  const auto found = measure_clock_step();
  ASSERT_TRUE(found);
  EXPECT_GT(found->step, 0u);
  EXPECT_GE(found->between, found->step);
}

}  // namespace
}  // namespace violet::clock_step_test
