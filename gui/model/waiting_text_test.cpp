#include "gui/model/waiting_text.hpp"

#include <gtest/gtest.h>

namespace violet::gui {
using namespace query;
namespace {

TEST(WaitingText, ARunThatHasRecordedIsNotSaidToHaveRecordedNothing) {
  RunProgress progress;
  progress.state = RunProgress::State::kRunning;
  EXPECT_EQ(waitingText(progress), "The run has recorded no cell so far.");
  progress.step = {1, 4};
  progress.lag_s = 0.02;
  EXPECT_EQ(waitingText(progress), "The run has recorded no cell so far.");
  progress.step = {4, 4};
  progress.lag_s = 24.1;
  const QString late = waitingText(progress);
  EXPECT_TRUE(late.startsWith("The run is at cell 4 of 4, and nothing of it is shown so far"))
      << late.toStdString();
  EXPECT_FALSE(late.contains("lost"));
  progress.lost = 12;
  EXPECT_TRUE(waitingText(progress).contains("lost"));
}

TEST(WaitingText, ARunWhoseProcessIsGoneIsAtNoCell) {
  RunProgress progress;
  progress.state = RunProgress::State::kRunning;
  progress.step = {3, 4};
  progress.lag_s = 20.9;
  progress.how = "its process 42 is gone";
  progress.died = true;
  EXPECT_EQ(waitingText(progress),
            "The run died: its process 42 is gone. Nothing of it is shown so far; what it left is "
            "being read.");
  progress.died = false;
  progress.how = "finished";
  EXPECT_EQ(waitingText(progress),
            "The run is over (finished). Nothing of it is shown so far; what it left is being "
            "read.");
}

}  // namespace
}  // namespace violet::gui
