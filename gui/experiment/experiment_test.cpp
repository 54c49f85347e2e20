#include <gtest/gtest.h>

#include <QCoreApplication>
#include <QFileInfo>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>

#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/results/live_mark.hpp"
#include "gui/experiment/experiment_view.hpp"
#include "gui/experiment/fake_program_testing.hpp"
#include "gui/experiment/plan_editor.hpp"

namespace violet::gui {
using namespace query;
namespace {

class ExperimentViewTest : public testing::Test {
 protected:
  ExperimentViewTest() {
    run_ = QString::fromStdString(
        write_fixture_run(results_.path(), {{"strict"}, {"off", "net-rx", "sidecore", 5000}}, 2));
    places_ = fakePlaces(folder_, run_);
    QString error;
    EXPECT_TRUE(writeText(places_.bundled + "/one.toml", "[plan]\nname = \"one\"\n", error));
    EXPECT_TRUE(writeText(places_.bundled + "/two.toml", "[plan]\nname = \"two\" # long\n", error));
  }
  void open() {
    view_ = std::make_unique<ExperimentView>(places_);
    view_->resize(1280, 720);
    view_->show();
    untilChecked();
  }
  void untilChecked() {
    ASSERT_TRUE(QTest::qWaitFor([this] { return view_->check().verdict().has_value(); }, 20000));
  }
  void type(const QString& text) {
    editor()->setPlainText(text);
    untilChecked();
  }
  PlanEditor* editor() { return view_->findChild<PlanEditor*>(); }
  QListWidget* list(const char* name) {
    for (QListWidget* one : view_->findChildren<QListWidget*>()) {
      if (one->accessibleName() == QLatin1String(name)) return one;
    }
    return nullptr;
  }
  QPushButton* button(const char* text) {
    for (QPushButton* one : view_->findChildren<QPushButton*>()) {
      if (one->text() == QLatin1String(text)) return one;
    }
    ADD_FAILURE() << "no button " << text;
    return nullptr;
  }
  QTableView* table(const char* name) {
    for (QTableView* one : view_->findChildren<QTableView*>()) {
      if (one->accessibleName() == QLatin1String(name)) return one;
    }
    return nullptr;
  }
  QString verdict(int row) {
    return view_->claims().index(row, ClaimsTable::kVerdict).data().toString();
  }
  bool settles() {
    return QTest::qWaitFor([this] { return view_->settled(); }, 20000);
  }
  QString shownTexts() {
    QStringList texts;
    for (const QLabel* label : view_->findChildren<QLabel*>()) texts << label->text();
    return texts.join(QLatin1Char('\n'));
  }
  const TestFolder results_;
  const QTemporaryDir folder_;
  QString run_;
  PlanPlaces places_;
  std::unique_ptr<ExperimentView> view_;
};

TEST_F(ExperimentViewTest, APlanIsCheckedAndItsCellsAreListed) {
  open();
  EXPECT_EQ(list("Plans")->count(), 2);
  EXPECT_TRUE(shownTexts().contains("2 cells, 2 repetitions each, about 8 s"))
      << shownTexts().toStdString();
  EXPECT_EQ(view_->matrix().rowCount(), 2);
  EXPECT_TRUE(button("Start")->isEnabled());
}

TEST_F(ExperimentViewTest, APlanWithProblemsCannotBeStarted) {
  open();
  type("[plan]\nname = \"t\"\n    wrong = 1\n");
  QListWidget* problems = list("Problems of the plan");
  ASSERT_EQ(problems->count(), 2);
  EXPECT_EQ(problems->item(0)->text(), "line 3: key wrong: did you mean right?");
  EXPECT_FALSE(button("Start")->isEnabled());
  view_->startRun();
  EXPECT_FALSE(view_->process().running());
  emit problems->itemClicked(problems->item(0));
  EXPECT_EQ(editor()->textCursor().blockNumber(), 2);
  EXPECT_EQ(editor()->textCursor().positionInBlock(), 4);
  type("[plan]\n");
  EXPECT_TRUE(problems->isHidden());
  EXPECT_TRUE(button("Start")->isEnabled());
}

TEST_F(ExperimentViewTest, ARunFillsTheMatrixAndCanBeOpened) {
  open();
  QSignalSpy wants(view_.get(), &Workspace::wantsRun);
  QTest::mouseClick(button("Start"), Qt::LeftButton);
  EXPECT_FALSE(button("Start")->isEnabled());
  ASSERT_TRUE(QTest::qWaitFor(
      [this] {
        return !view_->process().running() && view_->settled() &&
               button("Open results")->isEnabled();
      },
      20000));
  EXPECT_EQ(view_->matrix().state(0), RunMatrix::CellState::kDone);
  EXPECT_EQ(view_->matrix().index(1, RunMatrix::kThroughput).data().toString(), "5.00 k");
  QTest::mouseClick(button("Open results"), Qt::LeftButton);
  ASSERT_EQ(wants.count(), 1);
  EXPECT_EQ(wants[0][0].toString(), run_);
}

TEST_F(ExperimentViewTest, StopAsksOnceAndResumeGoesOn) {
  open();
  view_->showPlan("two");
  untilChecked();
  QTest::mouseClick(button("Start"), Qt::LeftButton);
  ASSERT_TRUE(QTest::qWaitFor([this] { return view_->process().finishedSteps() == 1; }, 20000));
  QTest::mouseClick(button("Stop"), Qt::LeftButton);
  ASSERT_TRUE(QTest::qWaitFor([this] { return !view_->process().running(); }, 20000));
  EXPECT_TRUE(shownTexts().contains("interrupted; Resume goes on")) << shownTexts().toStdString();
  EXPECT_TRUE(button("Resume")->isEnabled());
}

TEST_F(ExperimentViewTest, AnOpenedRunShowsItsPlanAndItsCells) {
  open();
  view_->showRunOf(run_);
  untilChecked();
  ASSERT_TRUE(QTest::qWaitFor(
      [this] {
        return view_->settled() && view_->matrix().state(0) == RunMatrix::CellState::kDone;
      },
      20000))
      << shownTexts().toStdString();
  EXPECT_TRUE(shownTexts().contains("Plan of the run")) << shownTexts().toStdString();
  EXPECT_TRUE(shownTexts().contains("finished")) << shownTexts().toStdString();
  EXPECT_TRUE(button("Open results")->isEnabled());
  EXPECT_FALSE(button("Resume")->isEnabled());
  EXPECT_EQ(view_->process().finishedSteps(), view_->process().steps());
  view_->showRunOf(folder_.path());  // No plan there: nothing changes.
  EXPECT_EQ(view_->process().directory(), run_);
}

// A cell of the same settings is no result of this plan: its run was longer, shorter, or of other cores.
TEST_F(ExperimentViewTest, APlanThatWasNeverRunIsPlanned) {
  QString error;
  ASSERT_TRUE(writeText(places_.bundled + "/smoke.toml", "[plan]\nname = \"another\"\n", error));
  open();
  view_->showRunOf(run_);
  ASSERT_TRUE(QTest::qWaitFor(
      [this] {
        return view_->settled() && view_->matrix().state(0) == RunMatrix::CellState::kDone;
      },
      20000));
  view_->showPlan("smoke");
  untilChecked();
  ASSERT_TRUE(QTest::qWaitFor([this] { return view_->settled(); }, 20000));
  const RunMatrix& matrix = view_->matrix();
  ASSERT_EQ(matrix.rowCount(), 2);
  for (int row = 0; row < 2; ++row) {
    EXPECT_EQ(matrix.state(row), RunMatrix::CellState::kPlanned);
    EXPECT_EQ(matrix.index(row, RunMatrix::kDone).data().toString(), "0 / 2");
    EXPECT_EQ(matrix.index(row, RunMatrix::kThroughput).data().toString(), "");
    EXPECT_TRUE(matrix.index(row, RunMatrix::kState)
                    .data(Qt::ToolTipRole)
                    .toString()
                    .contains("same settings"));
  }
  EXPECT_FALSE(matrix.ofThisPlan());
  EXPECT_EQ(matrix.similar(), 2);
  EXPECT_TRUE(shownTexts().contains("is of another plan and has 2 of these cells"))
      << shownTexts().toStdString();
  view_->showPlan(run_ + "/plan.toml");
  untilChecked();
  ASSERT_TRUE(QTest::qWaitFor(
      [this] {
        return view_->settled() && view_->matrix().state(0) == RunMatrix::CellState::kDone;
      },
      20000));
}

TEST_F(ExperimentViewTest, ARunWithSettingsShowsItsResolvedPlan) {
  QString error;
  ASSERT_TRUE(writeText(run_ + "/resolved.json",
                        R"({"run":{"repetitions":3},"overrides":["run.repetitions=3"]})", error));
  open();
  view_->showRunOf(run_);
  ASSERT_TRUE(QTest::qWaitFor(
      [this] {
        return view_->settled() && view_->matrix().state(0) == RunMatrix::CellState::kPartly;
      },
      20000));
  EXPECT_EQ(view_->matrix().index(0, RunMatrix::kDone).data().toString(), "2 / 3");
  EXPECT_EQ(view_->process().steps(), 6);
  EXPECT_EQ(view_->process().finishedSteps(), 4);
  EXPECT_EQ(view_->check().overrides(), QStringList("run.repetitions=3"));
  ASSERT_TRUE(view_->check().verdict());
  EXPECT_EQ(view_->check().verdict()->repetitions, 3);
  EXPECT_TRUE(shownTexts().contains("2 cells, 3 repetitions each")) << shownTexts().toStdString();
  EXPECT_TRUE(shownTexts().contains("--set run.repetitions=3")) << shownTexts().toStdString();
}

TEST_F(ExperimentViewTest, ARunOfAnotherProcessIsReadUntilItEnds) {
  const std::vector<FixtureCell> cells{{"strict"}};
  const TestFolder folder;
  auto writer = results::RunWriter::create(fixture_setup(folder.path(), cells));
  ASSERT_TRUE(writer);
  const auto measure = [&](std::uint32_t repetition) {
    EXPECT_TRUE(writer->begin_repetition(cells[0].id(), repetition));
    EXPECT_TRUE(writer->finish_repetition(fixture_record(cells[0], repetition)));
  };
  measure(0);
  QString error;
  ASSERT_TRUE(writeText(QString::fromStdString(writer->directory().string()) + "/resolved.json",
                        R"({"run":{"repetitions":2}})", error));
  open();
  view_->showRunOf(QString::fromStdString(writer->directory().string()));
  const auto done = [this] { return view_->matrix().index(0, RunMatrix::kDone).data().toString(); };
  ASSERT_TRUE(
      QTest::qWaitFor([&] { return view_->matrix().rowCount() == 1 && done() == "1 / 2"; }, 20000));
  ASSERT_TRUE(QTest::qWaitFor([this] { return view_->settled(); }, 20000));
  EXPECT_TRUE(shownTexts().contains("did not end, and no process here is at work on it"))
      << shownTexts().toStdString();
  EXPECT_TRUE(button("Resume")->isEnabled());
  {
    const auto mark = results::LiveMark::make(writer->directory(), 0);
    ASSERT_TRUE(mark);
    EXPECT_TRUE(
        QTest::qWaitFor([this] { return shownTexts().contains("in another process"); }, 20000));
    EXPECT_FALSE(button("Resume")->isEnabled());
  }
  measure(1);
  ASSERT_TRUE(writer->close("finished"));
  ASSERT_TRUE(QTest::qWaitFor([&] { return done() == "2 / 2"; }, 20000));
  EXPECT_TRUE(QTest::qWaitFor([this] { return shownTexts().contains("finished"); }, 20000));
}

// Two expectations: that strict leaves nothing, and that its rate is above one that it never has.
constexpr const char* kExpecting = R"({"run":{"repetitions":2},"expectations":[
  {"claim":"nothing is left","class":"must","source":"own","kind":"value","metric":"mean_stale_pages",
   "where":{"strategy":["strict"]},"at_most":0},
  {"claim":"it is fast","class":"should","source":"own","kind":"value","metric":"operations_per_s",
   "where":{"strategy":["strict"]},"at_least":5000}]})";

TEST_F(ExperimentViewTest, WhatThePlanExpectsStandsBelowTheCells) {
  QString error;
  ASSERT_TRUE(writeText(run_ + "/resolved.json", kExpecting, error));
  open();
  QTableView* claims = table("Expectations");
  ASSERT_NE(claims, nullptr);
  EXPECT_FALSE(claims->isVisible());
  view_->showRunOf(run_);
  ASSERT_TRUE(QTest::qWaitFor([this] { return view_->claims().rowCount() == 2; }, 20000));
  EXPECT_TRUE(claims->isVisible());
  EXPECT_EQ(verdict(0), "holds");
  EXPECT_EQ(verdict(1), "inconclusive");
  EXPECT_TRUE(view_->claims()
                  .index(1, ClaimsTable::kMeasured)
                  .data()
                  .toString()
                  .endsWith("2 repetitions are too few for an interval: it takes 6"));
  EXPECT_TRUE(shownTexts().contains("Expectations (2): 1 holds, 1 inconclusive"))
      << shownTexts().toStdString();
  EXPECT_GT(claims->mapTo(view_.get(), QPoint()).y(),
            table("Cells of the plan")->mapTo(view_.get(), QPoint()).y());
  EXPECT_NE(claims->focusPolicy() & Qt::TabFocus, 0);
}

TEST_F(ExperimentViewTest, AnotherPlansRunIsNotJudged) {
  QString error;
  ASSERT_TRUE(writeText(run_ + "/resolved.json", kExpecting, error));
  ASSERT_TRUE(writeText(places_.bundled + "/smoke.toml", "[plan]\nname = \"another\"\n", error));
  open();
  view_->showRunOf(run_);
  ASSERT_TRUE(QTest::qWaitFor([this] { return view_->claims().rowCount() == 2; }, 20000));
  view_->showPlan("smoke");
  untilChecked();
  EXPECT_FALSE(table("Expectations")->isVisible());
  ASSERT_TRUE(settles());
  EXPECT_FALSE(view_->matrix().ofThisPlan());
  EXPECT_FALSE(table("Expectations")->isVisible());
  view_->showPlan(run_ + "/plan.toml");
  EXPECT_TRUE(QTest::qWaitFor([this] { return view_->claims().rowCount() == 2; }, 20000));
  EXPECT_TRUE(table("Expectations")->isVisible());
}

TEST_F(ExperimentViewTest, ARunThatGoesOnIsJudgedSoFar) {
  const std::vector<FixtureCell> cells{{"strict"}};
  const TestFolder folder;
  auto setup = fixture_setup(folder.path(), cells);
  setup.resolved_json = kExpecting;
  auto writer = results::RunWriter::create(std::move(setup));
  ASSERT_TRUE(writer);
  const auto mark = results::LiveMark::make(writer->directory(), 0);
  ASSERT_TRUE(mark);
  open();
  view_->showRunOf(QString::fromStdString(writer->directory().string()));
  ASSERT_TRUE(QTest::qWaitFor([this] { return view_->claims().rowCount() == 2; }, 20000));
  EXPECT_TRUE(shownTexts().contains("Expectations (2) so far: 2 not judged"))
      << shownTexts().toStdString();
  for (std::uint32_t repetition = 0; repetition < 2; ++repetition) {
    EXPECT_TRUE(writer->begin_repetition(cells[0].id(), repetition));
    EXPECT_TRUE(writer->finish_repetition(fixture_record(cells[0], repetition)));
  }
  EXPECT_TRUE(QTest::qWaitFor(
      [this] { return shownTexts().contains("so far: 1 holds, 1 inconclusive"); }, 20000))
      << shownTexts().toStdString();
  ASSERT_TRUE(writer->close("finished"));
  EXPECT_TRUE(QTest::qWaitFor(
      [this] { return shownTexts().contains("Expectations (2): 1 holds, 1 inconclusive"); }, 20000))
      << shownTexts().toStdString();
}

TEST_F(ExperimentViewTest, AStartedRunBeginsWithoutVerdicts) {
  QString error;
  ASSERT_TRUE(writeText(run_ + "/resolved.json", kExpecting, error));
  open();
  view_->showRunOf(run_);
  ASSERT_TRUE(QTest::qWaitFor([this] { return view_->claims().rowCount() == 2; }, 20000));
  view_->showPlan("one");
  untilChecked();
  ASSERT_TRUE(settles());
  view_->readResults();  // Its answer is about the run before.
  view_->startRun();
  EXPECT_EQ(view_->claims().rowCount(), 0);
  ASSERT_TRUE(
      QTest::qWaitFor([this] { return !view_->process().running() && view_->settled(); }, 20000));
  EXPECT_EQ(verdict(0), "holds");
}

// An answer about the run that was open before is of no use.
TEST_F(ExperimentViewTest, NothingOfTheRunBeforeIsShownAsThisRuns) {
  const TestFolder folder;
  const QString other = QString::fromStdString(
      write_fixture_run(folder.path(), {{"strict", "net-rx", "sidecore", 7000}}, 2));
  open();
  QStringList rates;
  QObject::connect(&view_->matrix(), &QAbstractItemModel::dataChanged, &view_->matrix(), [&] {
    rates << view_->matrix().index(0, RunMatrix::kThroughput).data().toString();
  });
  view_->showRunOf(other);
  view_->showRunOf(run_);
  ASSERT_TRUE(QTest::qWaitFor([this] { return view_->settled() && view_->matrix().anythingDone(); },
                              20000));
  EXPECT_FALSE(rates.contains("7.00 k")) << rates.join(' ').toStdString();
  EXPECT_TRUE(rates.contains("1.00 k")) << rates.join(' ').toStdString();
}

TEST_F(ExperimentViewTest, AMissingProgramIsSaidInTheWindow) {
  places_.program = folder_.filePath("nothing");
  open();
  EXPECT_TRUE(shownTexts().contains("The plan cannot be checked")) << shownTexts().toStdString();
  EXPECT_FALSE(button("Start")->isEnabled());
}

TEST_F(ExperimentViewTest, ADamagedDatabaseIsSaidAndTheRunGoesOn) {
  QFile file(run_ + "/results.sqlite");
  ASSERT_TRUE(file.open(QIODevice::WriteOnly));
  file.write(QByteArray(9000, '?'));
  file.close();
  open();
  QTest::mouseClick(button("Start"), Qt::LeftButton);
  ASSERT_TRUE(
      QTest::qWaitFor([this] { return !view_->process().running() && view_->settled(); }, 20000));
  QTest::qWait(1);
  EXPECT_TRUE(shownTexts().contains("results.sqlite")) << shownTexts().toStdString();
}

TEST_F(ExperimentViewTest, TheEditorColoursToml) {
  open();
  type("# c\n[plan]\nname = \"t\" # d\nn = 12\n");
  editor()->setFocus();
  const auto formats = editor()->document()->findBlockByNumber(2).layout()->formats();
  EXPECT_GE(formats.size(), 3);
}

// The real program, where it was built beside these tests.
TEST(ExperimentProgram, ChecksTheBundledPlans) {
  PlanPlaces places = PlanPlaces::fromEnvironment();
  if (!QFileInfo(places.program).isExecutable())
    GTEST_SKIP() << "the program violet is not built here";
  const auto plans = listPlans(places);
  ASSERT_FALSE(plans.empty()) << places.bundled.toStdString();
  PlanCheck check(places);
  QString text, error;
  ASSERT_TRUE(readText(plans[0].path, text, error)) << error.toStdString();
  check.setText(text);
  ASSERT_TRUE(QTest::qWaitFor([&check] { return check.verdict().has_value(); }, 60000));
  EXPECT_TRUE(check.verdict()->valid) << check.verdict()->failure.toStdString();
  EXPECT_FALSE(check.verdict()->cells.empty());
  check.setText(text + "\n[axis]\nstratgy = 1\n");
  ASSERT_TRUE(QTest::qWaitFor([&check] { return check.verdict().has_value(); }, 60000));
  ASSERT_FALSE(check.verdict()->problems.empty());
  EXPECT_GT(check.verdict()->problems[0].line, 0);
}

}  // namespace
}  // namespace violet::gui
