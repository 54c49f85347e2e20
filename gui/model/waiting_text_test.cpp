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

}  // namespace
}  // namespace violet::gui
