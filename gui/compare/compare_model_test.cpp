#include "gui/compare/compare_model.hpp"

#include <gtest/gtest.h>

#include <QFile>
#include <QTest>

#include "experiments/query/fake_run_testing.hpp"
#include "experiments/query/run_fixture_testing.hpp"
#include "gui/compare/lane_panel.hpp"

namespace violet::gui {
using namespace query;
namespace {

class CompareModelTest : public testing::Test {
 protected:
  void open(const std::vector<FixtureCell>& cells) {
    path_ = write_fixture_run(folder_.path(), cells);
    run_ = std::make_shared<FakeRun>();
    run_->directory = path_;
    for (const FixtureCell& cell : cells) run_->add(cell.strategy, cell.workload, cell.placement);
  }
  CompareModel::Opener opener() {
    return [this](const std::string& path) -> Result<std::shared_ptr<RunQueries>> {
      if (path != path_) return fail("{}: no trace", path);
      return std::shared_ptr<RunQueries>(run_);
    };
  }
  static void settle(CompareModel& model) {
    ASSERT_TRUE(QTest::qWaitFor([&model] { return model.settled(); }, 20000));
  }

  const TestFolder folder_;
  std::string path_;
  std::shared_ptr<FakeRun> run_;
  Session session_;
};

TEST_F(CompareModelTest, LanesAreOfOneWorkload) {
  open(every_place());
  CompareModel model(session_, opener());
  session_.setRun(run_);
  settle(model);
  EXPECT_EQ(model.workload(), "net-rx");
  ASSERT_EQ(model.lanes().size(), 3u);
  EXPECT_EQ(model.lanes()[0].strategy, "strict");
  EXPECT_EQ(model.lanes()[1].strategy, "lazy-percpu");
  for (const Lane& lane : model.lanes())
    EXPECT_NE(lane.trace, nullptr) << lane.because.toStdString();
  model.setWorkload("nvme-4k");
  settle(model);
  ASSERT_EQ(model.lanes().size(), 1u);
  EXPECT_TRUE(model.differences().empty());
}

TEST_F(CompareModelTest, TheOpenCellDecidesTheWorkloadAndHasItsLane) {
  open(every_place());
  CompareModel model(session_, opener());
  session_.setRun(run_, 8);  // strict under nvme-4k
  ASSERT_TRUE(QTest::qWaitFor([this] { return session_.cell() != nullptr; }, 20000));
  settle(model);
  EXPECT_EQ(model.workload(), "nvme-4k");
  session_.openCell(7);
  ASSERT_TRUE(
      QTest::qWaitFor([this] { return session_.cell()->info().strategy == "direct"; }, 20000));
  settle(model);
  EXPECT_EQ(model.workload(), "net-rx");
  ASSERT_EQ(model.lanes().size(), 3u);
  EXPECT_EQ(model.lanes()[0].strategy, "strict");
  EXPECT_EQ(model.lanes()[2].strategy, "direct") << "it would not be one of the first three";
  model.setLanes({model.choices()[1], model.choices()[3]});
  session_.openCell(8);
  ASSERT_TRUE(
      QTest::qWaitFor([this] { return session_.cell()->info().workload == "nvme-4k"; }, 20000));
  settle(model);
  EXPECT_EQ(model.workload(), "net-rx") << "what somebody chose stays";
}

TEST_F(CompareModelTest, ColumnsStartWhereMeasuringDoes) {
  open(every_place());
  CompareModel model(session_, opener());
  session_.setRun(run_);
  settle(model);
  ASSERT_TRUE(QTest::qWaitFor([this] { return session_.cell() != nullptr; }, 20000));
  settle(model);
  EXPECT_EQ(model.window(), (TimeWindow{0, 800'000'000}));
  ASSERT_EQ(model.columns().lanes.size(), 3u);
  EXPECT_EQ(model.columns().step, 5'000'000);
  EXPECT_EQ(model.columns().window, (TimeWindow{0, 800'000'000}));
  EXPECT_EQ(model.columns().lanes[0].rows[0].size(), 160u);
  model.setCursor(5000);
  EXPECT_EQ(session_.cursor(), 100'005'000);
  EXPECT_EQ(model.cursor(), 5000);
  EXPECT_EQ(model.divergences().size(), 2u);
  EXPECT_GT(model.differences().size(), 2u);
}

TEST_F(CompareModelTest, ALaneOfARepetitionThatDoesNotCountSaysSo) {
  open(every_place());
  run_->held[1]->about.standing = {Standing::Kind::kDisturbed, "disturbed by the host", "why"};
  CompareModel model(session_, opener());
  session_.setRun(run_);
  settle(model);
  ASSERT_EQ(model.lanes()[0].strategy, "strict");
  EXPECT_TRUE(model.lanes()[0].shownName().endsWith("rep. 1 of 6, disturbed by the host"))
      << model.lanes()[0].shownName().toStdString();
  EXPECT_FALSE(model.lanes()[1].shownName().contains("disturbed"));
  const LanePanel panel(model, LaneRow::kThroughput);
  const auto legend = panel.frameOf(QRectF(0, 0, 1600, 200)).text.legend;
  EXPECT_TRUE(legend.at(0).text.contains("disturbed by the host")) << legend[0].text.toStdString();
}

// A rate is drawn from samples of a counter: a column between two of them has no value of its own.
TEST_F(CompareModelTest, NoRateIsSaidToBeOfAShorterTimeThanItsSamples) {
  open(every_place());
  run_->held[1]->sampled_every = 20'000'000;
  CompareModel model(session_, opener());
  session_.setRun(run_);
  settle(model);
  ASSERT_TRUE(QTest::qWaitFor([this] { return session_.cell() != nullptr; }, 20000));
  settle(model);
  ASSERT_EQ(model.lanes()[0].strategy, "strict");
  EXPECT_EQ(model.columns().lanes[0].samples_apart_ns, 20e6);
  const LanePanel panel(model, LaneRow::kThroughput);
  EXPECT_TRUE(panel.accessibleName().contains("over 5 ms, samples up to 20 ms apart"))
      << panel.accessibleName().toStdString();
}

// The table has the median of all repetitions; what is drawn beside it is one of them, and named.
TEST_F(CompareModelTest, ALaneIsTheRepetitionNearestToTheMedian) {
  path_ = write_fixture_run(folder_.path(), {{"strict"}, {"lazy-percpu"}}, 5);
  run_ = std::make_shared<FakeRun>();
  run_->directory = path_;
  for (const char* strategy : {"strict", "lazy-percpu"}) {
    for (const std::uint32_t repetition : {0u, 1u, 2u, 3u, 4u}) {
      // Of lazy-percpu the trace has lost the one in the middle.
      if (repetition == 2 && strategy == std::string("lazy-percpu")) continue;
      run_->add(strategy, "net-rx")->about.repetition = repetition;
    }
  }
  CompareModel model(session_, opener());
  session_.setRun(run_);
  settle(model);
  ASSERT_EQ(model.lanes().size(), 2u);
  EXPECT_EQ(model.lanes()[0].repetition, 2u);
  EXPECT_EQ(model.lanes()[0].shownName(), model.lanes()[0].name + ", rep. 3 of 5");
  const std::uint32_t second = model.lanes()[1].repetition;
  EXPECT_TRUE(second == 1 || second == 3) << second;
}

TEST_F(CompareModelTest, WithoutATraceTheResultsAreStillShown) {
  open(every_place());
  CompareModel model(session_, [](const std::string& path) -> Result<std::shared_ptr<RunQueries>> {
    return fail("{}/trace.events: cut off at 12", path);
  });
  session_.setRun(run_);
  settle(model);
  ASSERT_EQ(model.lanes().size(), 3u);
  EXPECT_EQ(model.lanes()[0].trace, nullptr);
  EXPECT_TRUE(model.lanes()[0].because.contains("trace.events"));
  EXPECT_EQ(model.plane().points.size(), 8u);
  EXPECT_FALSE(model.differences().empty());
}

TEST_F(CompareModelTest, ADamagedDatabaseIsNamed) {
  open(every_place());
  QFile file(QString::fromStdString(path_ + "/results.sqlite"));
  ASSERT_TRUE(file.open(QIODevice::WriteOnly));
  file.write(QByteArray(8192, 'x'));
  file.close();
  CompareModel model(session_, opener());
  session_.setRun(run_);
  settle(model);
  EXPECT_TRUE(model.runs().empty());
  EXPECT_TRUE(model.error().contains("results.sqlite")) << model.error().toStdString();
}

TEST_F(CompareModelTest, CellsOfAnotherRunCanBeChosen) {
  open({{"strict"}, {"lazy-percpu"}});
  const std::string other =
      write_fixture_run(folder_.path(), {{"strict", "net-rx", "sidecore", 1500}});
  CompareModel model(session_, opener());
  session_.setRun(run_);
  model.addRun(QString::fromStdString(other));
  settle(model);
  ASSERT_EQ(model.runs().size(), 2u);
  const auto choices = model.choices();
  ASSERT_EQ(choices.size(), 3u);
  EXPECT_TRUE(choices[2].name.contains("run 2"));
  model.setLanes({choices[0], choices[2]});
  settle(model);
  ASSERT_FALSE(model.differences().empty());
  EXPECT_NEAR(model.differences()[0].difference.ratio->value, 1.5, 0.01);
}

}  // namespace
}  // namespace violet::gui
