#include "experiments/results/repeated_warnings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace violet::results {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> lines_of(const std::vector<std::string>& texts) {
  RepeatedWarnings warnings;
  for (const auto& text : texts) warnings.add(text);
  return warnings.lines();
}

TEST(RepeatedWarnings, WhatDiffersInItsQuantityIsOneLine) {
  EXPECT_THAT(lines_of({"others had the CPU for 19 % of the time",
                        "others had the CPU for 9.5 % of the time",
                        "others had the CPU for 12 % of the time"}),
              ElementsAre("others had the CPU for 9.5 to 19 % of the time (3 repetitions)"));
  EXPECT_THAT(lines_of({"12 requests failed", "3 requests failed", "3 dma_map calls failed"}),
              ElementsAre("3 dma_map calls failed (1 repetition)",
                          "3 to 12 requests failed (2 repetitions)"));
}

TEST(RepeatedWarnings, NumbersThatAreNamesTellThemApart) {
  EXPECT_THAT(lines_of({"guest and engine share CPU 0", "guest and engine share CPU 1",
                        "guest and engine share CPU 0"}),
              ElementsAre("guest and engine share CPU 0 (2 repetitions)",
                          "guest and engine share CPU 1 (1 repetition)"));
  EXPECT_THAT(lines_of({"reader nic0 held up an invalidation for over 10 ms"}),
              ElementsAre("reader nic0 held up an invalidation for over 10 ms (1 repetition)"));
}

TEST(RepeatedWarnings, EqualQuantitiesAreNoRange) {
  EXPECT_THAT(lines_of({"5 % of it", "5 % of it", "7"}),
              ElementsAre("5 % of it (2 repetitions)", "7 (1 repetition)"));
  EXPECT_THAT(lines_of({}), IsEmpty());
}

}  // namespace
}  // namespace violet::results
