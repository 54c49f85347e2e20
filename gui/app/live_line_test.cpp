#include "gui/app/live_line.hpp"

#include <gtest/gtest.h>

#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/results/live_mark.hpp"
#include "gui/model/text.hpp"

namespace violet::gui {
namespace {

RunProgress running() {
  RunProgress progress;
  progress.state = RunProgress::State::kRunning;
  return progress;
}

TEST(LiveLine, SaysWhatIsKnown) {
  RunProgress progress = running();
  progress.step = {3, 6};
  progress.remaining_s = 12.3;
  progress.lag_s = 0.032;
  EXPECT_EQ(liveLine(progress, 3, false),
            QStringLiteral("cell 3 of 6 · 12 s left · lag 32 ms · all cells lost 0"));
  progress.lost = 12345;
  EXPECT_TRUE(
      liveLine(progress, 3, true).endsWith(QStringLiteral("all cells lost 12,345 · pinned")));
}

TEST(LiveLine, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(liveLine(running(), 0, false), QStringLiteral("live · no cell yet · all cells lost 0"));
  EXPECT_EQ(liveLine(running(), 2, false),
            QStringLiteral("live · between cells · all cells lost 0"));
  EXPECT_TRUE(liveLine({}, 2, false).isEmpty());
}

TEST(LiveLine, WarnsOfALagThatIsNotFine) {
  RunProgress progress = running();
  EXPECT_FALSE(isLate(progress));
  progress.lag_s = 0.1;
  EXPECT_FALSE(isLate(progress));
  progress.lag_s = 3;
  EXPECT_TRUE(isLate(progress));
}

TEST(LiveLine, ARunThatDiedIsNotCalledEnded) {
  RunProgress progress;
  progress.step = {3, 6};
  progress.state = RunProgress::State::kDied;
  progress.how = "its process 42 is gone";
  EXPECT_EQ(liveLine(progress, 3, false), QStringLiteral("run died"));
  EXPECT_TRUE(isLate(progress));
  const QString said = endingText(progress, QStringLiteral("lazy"));
  for (const char* part : {"died in cell 3 of 6, lazy", "process 42", "--resume", "whole"}) {
    EXPECT_TRUE(said.contains(QLatin1String(part))) << part << ": " << said.toStdString();
  }
  EXPECT_TRUE(endingText(progress, {}).contains(QStringLiteral("before its first cell")));
}

TEST(LiveLine, ARunWhoseProcessIsGoneHasNoPlaceAndNoTimeLeftHoweverFarBehindItIs) {
  RunProgress progress = running();
  progress.step = {3, 4};
  progress.lag_s = 20.9;
  progress.how = "its process 42 is gone";
  progress.died = true;
  EXPECT_EQ(liveLine(progress, 2, true),
            QStringLiteral("died · reading what it left · all cells lost 0"));
  progress.lag_s.reset();
  EXPECT_TRUE(isLate(progress));
  progress.died = false;
  progress.how = "finished";
  EXPECT_EQ(liveLine(progress, 2, false),
            QStringLiteral("finished · reading what it left · all cells lost 0"));
  EXPECT_FALSE(isLate(progress));
}

TEST(LiveLine, ARunThatEndedSaysHow) {
  RunProgress progress;
  progress.state = RunProgress::State::kEnded;
  progress.how = "finished";
  EXPECT_EQ(liveLine(progress, 3, false), QStringLiteral("run finished"));
  EXPECT_FALSE(isLate(progress));
  EXPECT_TRUE(endingText(progress, {}).contains(QStringLiteral("finished")));
  progress.how = "interrupted";
  EXPECT_TRUE(endingText(progress, {}).contains(QStringLiteral("--resume")));
  progress.how = "failed";
  EXPECT_TRUE(endingText(progress, {}).contains(QStringLiteral("log.txt")));
}

TEST(LiveLine, ARecordingOfARunThatDidNotEndSaysWhetherItGoesOn) {
  const TestFolder folder;
  EXPECT_EQ(unfinishedText(qt(write_fixture_run(folder.path(), {{"strict"}}))), QString());
  auto writer = results::RunWriter::create(fixture_setup(folder.path(), {{"lazy"}}));
  ASSERT_TRUE(writer.has_value());
  const QString path = qt(writer->directory().string());
  EXPECT_TRUE(unfinishedText(path).contains(QStringLiteral("no process here runs it")))
      << unfinishedText(path).toStdString();
  const auto mark = results::LiveMark::make(writer->directory(), 0);
  ASSERT_TRUE(mark.has_value());
  EXPECT_TRUE(unfinishedText(path).startsWith(QStringLiteral("This run goes on")))
      << unfinishedText(path).toStdString();
  EXPECT_EQ(unfinishedText(QStringLiteral("/no/such/run")), QString());
}

}  // namespace
}  // namespace violet::gui
