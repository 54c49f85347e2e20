#include <gtest/gtest.h>

#include <set>

#include "experiments/runner/repetition.hpp"

namespace violet {
namespace {

TEST(Seeds, NoTwoRepetitionsShareOneAlsoNotOfNeighbouringRuns) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t run = 0; run < 100; ++run) {
    for (std::uint32_t repetition = 0; repetition < 100; ++repetition) {
      seeds.insert(seed_of_repetition(run, repetition));
    }
  }
  EXPECT_EQ(seeds.size(), 10'000u);
  EXPECT_EQ(seed_of_repetition(7, 3), seed_of_repetition(7, 3));
}

}  // namespace
}  // namespace violet
