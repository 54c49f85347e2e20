#include "experiments/runner/thread_wait.hpp"

#include <gtest/gtest.h>

namespace violet {
namespace {

TEST(ThreadWait, ReadsWhatTheKernelCounts) {
  EXPECT_EQ(waited_ns("123456 789 12\n"), 789u);
  EXPECT_EQ(waited_ns("123456 0 12\n"), 0u) << "it was looked for";
}

// A kernel whose statistics are turned off has the file, and zeros in it.
TEST(ThreadWait, AThreadThatNeverRanIsOneThatNobodyCounts) {
  EXPECT_FALSE(waited_ns("0 0 0\n"));
  for (const char* text : {"", "\n", "12", "12 ", "x 1 2", "12 x 2", "99999999999999999999 1 2"}) {
    EXPECT_FALSE(waited_ns(text)) << text;
  }
}

}  // namespace
}  // namespace violet
