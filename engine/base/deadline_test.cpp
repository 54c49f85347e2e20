#include "engine/base/deadline.hpp"

#include <gtest/gtest.h>

namespace violet {
namespace {

TEST(Deadline, IsOverAtItsTimeAndNotBefore) {
  const Deadline deadline(nullptr, 100);
  EXPECT_FALSE(deadline.over(99));
  EXPECT_TRUE(deadline.over(100));
  EXPECT_FALSE(Deadline().over(Deadline::kNever - 1));
}

TEST(Deadline, AStopEndsItWhateverItsTime) {
  std::atomic<bool> stop{false};
  Deadline deadline(&stop);
  EXPECT_FALSE(deadline.over(1));
  stop = true;
  EXPECT_TRUE(deadline.over(1));
  EXPECT_TRUE(deadline.stopped());
  deadline.set(Deadline::kNever);
  EXPECT_TRUE(deadline.over(1));
}

// An hour of spinning would be noticed.
TEST(Deadline, NothingSpinsBeyondIt) {
  const Deadline passed(nullptr, 0);
  spin_ticks(ns_to_ticks(3'600'000'000'000), &passed);
  const Ticks start = now_ticks();
  spin_ticks(1000, static_cast<const Deadline*>(nullptr));
  const Deadline far;
  spin_ticks(1000, &far);
  EXPECT_GE(now_ticks() - start, 2000u);
}

TEST(Deadline, ASpinReturnsWhatItReallyTook) {
  const Deadline far;
  const Ticks start = now_ticks();
  const Ticks spun =
      spin_ticks(1000, &far) + spin_ticks(1000, static_cast<const Deadline*>(nullptr));
  EXPECT_GE(spun, 2000u);
  EXPECT_LE(spun, now_ticks() - start);
  EXPECT_EQ(spin_ticks(0, &far), 0u);
  const Deadline passed(nullptr, 0);
  EXPECT_EQ(spin_ticks(ns_to_ticks(3'600'000'000'000), &passed), 0u);
}

}  // namespace
}  // namespace violet
