#include "gui/experiment/run_process.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>
#include <cerrno>

#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/results/until_ci.hpp"
#include "gui/experiment/fake_program_testing.hpp"
#include "gui/experiment/run_matrix.hpp"

namespace violet::gui {
using namespace query;
namespace {

class RunProcessTest : public testing::Test {
 protected:
  RunProcessTest() : places_(fakePlaces(folder_, folder_.path())) {}
  QString plan(const char* text) {
    QString error;
    const QString path = folder_.filePath("plan.toml");
    EXPECT_TRUE(writeText(path, QString::fromLatin1(text), error)) << error.toStdString();
    return path;
  }
  static void untilIdle(RunProcess& run) {
    ASSERT_TRUE(QTest::qWaitFor([&run] { return !run.running(); }, 20000));
  }
  static void untilSecondStep(RunProcess& run) {
    ASSERT_TRUE(QTest::qWaitFor(
        [&run] { return run.finishedSteps() == 1 && !run.currentCell().isEmpty(); }, 20000));
  }
  const QTemporaryDir folder_;
  PlanPlaces places_;
};

TEST_F(RunProcessTest, FollowsTheProgress) {
  RunProcess run(places_);
  QSignalSpy steps(&run, &RunProcess::stepDone), ended(&run, &RunProcess::ended);
  ASSERT_TRUE(run.start(plan("short")));
  EXPECT_FALSE(run.start(plan("short"))) << "one run at a time";
  untilIdle(run);
  EXPECT_EQ(run.outcome(), "finished");
  EXPECT_TRUE(run.trouble().isEmpty()) << run.trouble().toStdString();
  EXPECT_EQ(run.directory(), folder_.path());
  EXPECT_EQ(run.share(), 1);
  ASSERT_EQ(steps.count(), 2);
  EXPECT_EQ(steps[0][0].toString(), "strict.net-rx.sidecore");
  EXPECT_EQ(ended.count(), 1);
}

// It was measured whole: what failed is a claim of the plan.
TEST_F(RunProcessTest, ARunWhoseMustFailedIsFinishedAndSaysWhich) {
  RunProcess run(places_);
  ASSERT_TRUE(run.start(plan("unexpected")));
  untilIdle(run);
  EXPECT_EQ(run.outcome(), "finished");
  EXPECT_TRUE(run.trouble().contains("a must failed: strict is free"))
      << run.trouble().toStdString();
}

TEST_F(RunProcessTest, AStoppedRunCanBeResumed) {
  RunProcess run(places_);
  ASSERT_TRUE(run.start(plan("long")));
  untilSecondStep(run);
  EXPECT_EQ(run.currentCell(), "off.net-rx.sidecore");
  EXPECT_TRUE(run.remaining().has_value());
  run.stop();
  EXPECT_EQ(run.state(), RunProcess::State::kStopping);
  untilIdle(run);
  EXPECT_EQ(run.outcome(), "interrupted");
  ASSERT_TRUE(run.canResume());
  ASSERT_TRUE(run.resume(plan("short"), run.directory()));
  untilIdle(run);
  EXPECT_EQ(run.outcome(), "finished");
  EXPECT_TRUE(run.notes().contains("resumed"));
}

TEST_F(RunProcessTest, NoProcessIsLeftBehind) {
  qint64 pid = 0;
  {
    RunProcess run(places_);
    ASSERT_TRUE(run.start(plan("long")));
    untilSecondStep(run);
    pid = run.processId();
    ASSERT_GT(pid, 0);
  }
  EXPECT_EQ(::kill(static_cast<pid_t>(pid), 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(RunProcessTest, FailuresSayWhatTheProgramSaid) {
  RunProcess run(places_);
  ASSERT_TRUE(run.start(plan("fails")));
  untilIdle(run);
  EXPECT_EQ(run.outcome(), "failed");
  EXPECT_TRUE(run.trouble().contains("no memory left")) << run.trouble().toStdString();
  EXPECT_FALSE(run.canResume());
  ASSERT_TRUE(run.start(plan("environment")));
  untilIdle(run);
  EXPECT_TRUE(run.trouble().contains("This machine lacks something.\nviolet: needs two CPUs"));
}

TEST_F(RunProcessTest, AMissingProgramIsSaid) {
  places_.program = folder_.filePath("nothing");
  RunProcess run(places_);
  ASSERT_TRUE(run.start(plan("short")));
  untilIdle(run);
  EXPECT_EQ(run.outcome(), "failed");
  EXPECT_TRUE(run.trouble().contains("cannot be started")) << run.trouble().toStdString();
}

TEST(RunMatrix, FillsAsRepetitionsFinish) {
  const TestFolder folder;
  const std::vector<FixtureCell> cells = {{"strict"},
                                          {"off", "net-rx", "sidecore", 5000, -1},
                                          {"direct", "net-rx", "sidecore", 9000, 0, true}};
  auto writer = results::RunWriter::create(fixture_setup(folder.path(), cells));
  ASSERT_TRUE(writer.has_value());
  RunMatrix matrix;
  const QAbstractItemModelTester tester(&matrix,
                                        QAbstractItemModelTester::FailureReportingMode::Fatal);
  matrix.setPlan({{"strict.net-rx.sidecore", "strategy=strict"},
                  {"off.net-rx.sidecore", "strategy=off"},
                  {"direct.net-rx.sidecore", "strategy=direct"}},
                 2, "0badcafe");
  EXPECT_EQ(matrix.state(0), RunMatrix::CellState::kPlanned);
  EXPECT_FALSE(matrix.anythingDone());
  for (const FixtureCell& cell : cells) {
    ASSERT_TRUE(writer->begin_repetition(cell.id(), 0));
    ASSERT_TRUE(writer->finish_repetition(fixture_record(cell, 0)));
  }
  ASSERT_TRUE(writer->note({0, "error", "out of luck", "off.net-rx.sidecore"}));
  matrix.setCurrent("strict.net-rx.sidecore", 1);
  matrix.setResults(*results::read_run(writer->directory()));  // While it is being written.
  const auto text = [&matrix](int row, int column) {
    return matrix.index(row, column).data().toString();
  };
  EXPECT_EQ(matrix.state(0), RunMatrix::CellState::kRunning);
  EXPECT_EQ(matrix.state(1), RunMatrix::CellState::kFailed);
  EXPECT_EQ(text(0, RunMatrix::kDone), "1 / 2");
  EXPECT_EQ(text(0, RunMatrix::kThroughput), "1 k");
  EXPECT_EQ(text(1, RunMatrix::kStalePages), "n/a");
  EXPECT_EQ(text(2, RunMatrix::kStalePages), "always") << "as the report, the plane and Compare";
  const auto exact = matrix.index(0, RunMatrix::kThroughput).data(Qt::ToolTipRole).toString();
  EXPECT_TRUE(exact.contains("median of 1 repetition")) << exact.toStdString();
  EXPECT_FALSE(exact.contains("1 repetitions")) << exact.toStdString();
  EXPECT_TRUE(matrix.index(1, RunMatrix::kStalePages)
                  .data(Qt::ToolTipRole)
                  .toString()
                  .contains("12 events were lost"));
  ASSERT_TRUE(writer->finish_repetition(fixture_record(cells[0], 1)));
  matrix.setCurrent({}, 0);
  matrix.setResults(*results::read_run(writer->directory()));
  EXPECT_EQ(matrix.state(0), RunMatrix::CellState::kDone);
}

// Of a run that repeats its cells until they are narrow.
TEST(RunMatrix, IsDoneWhereACellIsNarrowOrAtTheMost) {
  const TestFolder folder;
  const std::vector<FixtureCell> cells = {
      {"strict"}, {"off", "net-rx", "sidecore", 5000}, {"lazy", "net-rx", "sidecore", 9000}};
  auto setup = fixture_setup(folder.path(), cells);
  setup.manifest.until_ci = results::until_ci_rule(5, 5, 9);
  auto writer = results::RunWriter::create(setup);
  ASSERT_TRUE(writer.has_value());
  const auto add = [&](const FixtureCell& cell, std::uint32_t repetition, double factor) {
    auto record = fixture_record(cell, repetition);
    *record.metrics[0].value *= factor;
    EXPECT_TRUE(writer->begin_repetition(cell.id(), repetition));
    EXPECT_TRUE(writer->finish_repetition(record));
  };
  for (std::uint32_t i = 0; i < 7; ++i) {
    add(cells[0], i, 1);
    add(cells[1], i, i % 2 == 0 ? 1 : 3);
    add(cells[2], i, i % 2 == 0 ? 1 : 3);
  }
  RunMatrix matrix;
  const auto read = [&] {
    const auto run = results::read_run(writer->directory());
    ASSERT_TRUE(run) << run.error().message;
    matrix.setPlanOf(*run);
    matrix.setResults(*run);
  };
  const auto done = [&matrix](int row) {
    return matrix.index(row, RunMatrix::kDone).data().toString();
  };
  read();
  EXPECT_EQ(matrix.state(0), RunMatrix::CellState::kDone);
  EXPECT_EQ(done(0), "7 / 7");
  EXPECT_EQ(matrix.state(1), RunMatrix::CellState::kPartly) << "it is wide";
  EXPECT_EQ(done(1), "7 of up to 9");
  EXPECT_DOUBLE_EQ(matrix.index(1, 0).data(RunMatrix::kShareRole).toDouble(), 7.0 / 9);
  ASSERT_TRUE(writer->note({0, "error", "out of luck", cells[2].id()}));
  for (std::uint32_t i = 7; i < 9; ++i) add(cells[1], i, i % 2 == 0 ? 1 : 3);
  read();
  EXPECT_EQ(matrix.state(1), RunMatrix::CellState::kDone) << "at the most";
  EXPECT_EQ(done(1), "9 / 9");
  EXPECT_EQ(matrix.state(2), RunMatrix::CellState::kFailed) << "and not done";
}

}  // namespace
}  // namespace violet::gui
