#include "gui/model/session.hpp"

#include <gtest/gtest.h>

#include <QSignalSpy>
#include <QTest>

#include "experiments/query/fake_run_testing.hpp"

namespace violet::gui {
using namespace query;
namespace {

constexpr Nanos kWhole = 1'000'000'000;
constexpr TimeWindow kMeasured{100'000'000, 900'000'000};

class GrowingCell : public FakeCell {
 public:
  std::uint64_t grown = 1;
  std::uint64_t version() const override { return grown; }
};

struct Opened {
  Session session;
  std::shared_ptr<FakeRun> run = std::make_shared<FakeRun>();
  Opened() {
    run->add("strict", "nic");
    run->add("lazy-percpu", "nic");
    session.setRun(run);
    EXPECT_TRUE(QTest::qWaitFor([this] { return session.cell() != nullptr; }));
  }
};

TEST(Session, OpensTheFirstCellAtItsMeasuredTime) {
  Opened o;
  EXPECT_EQ(o.session.cellIndex(), 0u);
  EXPECT_EQ(o.session.window(), kMeasured);
  EXPECT_FALSE(o.session.opening());
}

TEST(Session, FitShowsTheMeasuredTimeAndThenTheWhole) {
  Opened o;
  o.session.setWindow({0, 1000});
  o.session.fit();
  EXPECT_EQ(o.session.window(), kMeasured);
  o.session.fit();
  EXPECT_EQ(o.session.window(), (TimeWindow{0, kWhole}));
}

TEST(Session, TheWindowStaysInside) {
  Opened o;
  o.session.setWindow({-50, kWhole * 3});
  EXPECT_EQ(o.session.window(), (TimeWindow{0, kWhole}));
  o.session.setWindow({kWhole + 5, kWhole + 6});
  EXPECT_EQ(o.session.window().length(), Session::kShortestWindow);
  EXPECT_EQ(o.session.window().to, kWhole);
  for (int i = 0; i < 100; ++i) o.session.zoom(0.5, 0.3);
  EXPECT_EQ(o.session.window().length(), Session::kShortestWindow);
  for (int i = 0; i < 100; ++i) o.session.zoom(2, 0.3);
  EXPECT_EQ(o.session.window(), (TimeWindow{0, kWhole}));
}

TEST(Session, ZoomKeepsTheAnchor) {
  Opened o;
  o.session.setWindow({200'000'000, 600'000'000});
  o.session.zoom(0.5, 0.25);
  EXPECT_NEAR(double(o.session.window().from), 250e6, 2);
  EXPECT_NEAR(double(o.session.window().length()), 200e6, 2);
}

TEST(Session, NothingIsSignalledForNothing) {
  Opened o;
  QSignalSpy windows(&o.session, &Session::windowChanged),
      cursors(&o.session, &Session::cursorChanged);
  o.session.setWindow(o.session.window());
  o.session.setCursor(5);
  o.session.setCursor(5);
  EXPECT_EQ(windows.count(), 0);
  EXPECT_EQ(cursors.count(), 1);
}

TEST(Session, ClearingClearsTimeAndFilter) {
  Opened o;
  Filter filter;
  filter.endpoints = {EndpointId{0x28}};
  o.session.select(TimeWindow{1, 2}, filter);
  QSignalSpy changes(&o.session, &Session::selectionChanged);
  o.session.clearSelection();
  EXPECT_EQ(changes.count(), 1);
  EXPECT_FALSE(o.session.selectedTime());
  EXPECT_TRUE(o.session.filter().empty());
}

TEST(Session, AnotherCellForgetsSelectionPageAndCursor) {
  Opened o;
  o.session.select(TimeWindow{1, 2}, {});
  o.session.setPage(Iova{0x1000}, 5);
  o.session.setCursor(7);
  o.session.openCell(1);
  ASSERT_TRUE(QTest::qWaitFor([&] { return o.session.cellIndex() == 1u; }));
  EXPECT_FALSE(o.session.selectedTime());
  EXPECT_FALSE(o.session.page());
  EXPECT_FALSE(o.session.cursor());
}

TEST(Session, ACellThatCannotBeOpenedSaysWhyAndKeepsTheOther) {
  Opened o;
  QSignalSpy failures(&o.session, &Session::failed);
  o.session.openCell(7);
  ASSERT_TRUE(QTest::qWaitFor([&] { return failures.count() == 1; }));
  EXPECT_EQ(o.session.cellIndex(), 0u);
  EXPECT_NE(o.session.cell(), nullptr);
}

TEST(Session, OfTwoQuickOpeningsTheLastOneWins) {
  Opened o;
  o.session.openCell(0);
  o.session.openCell(1);
  ASSERT_TRUE(QTest::qWaitFor([&] { return !o.session.opening(); }));
  EXPECT_EQ(o.session.cellIndex(), 1u);
}

TEST(Session, PlayingMovesTheCursorAndStopsAtTheEnd) {
  Opened o;
  o.session.setSpeed(100);  // The whole second in ten milliseconds.
  o.session.setPlaying(true);
  EXPECT_TRUE(o.session.playing());
  ASSERT_TRUE(QTest::qWaitFor([&] { return !o.session.playing(); }));
  EXPECT_EQ(o.session.cursor(), kWhole - 1);
}

// A live run whose cells begin and end when the test says so.
struct Live {
  Session session;
  std::shared_ptr<FakeRun> run = std::make_shared<FakeRun>();
  Live() { run->says.state = RunProgress::State::kRunning; }
  std::shared_ptr<GrowingCell> begin() {
    auto cell = std::make_shared<GrowingCell>();
    cell->about.cell_id = std::to_string(run->held.size());
    cell->about.live = true;
    cell->about.whole = {0, 500'000'000};
    run->held.push_back(cell);
    return cell;
  }
  static void end(const std::shared_ptr<GrowingCell>& cell) {
    cell->about.live = false;
    ++cell->grown;
  }
  bool shows(std::size_t index) {
    return QTest::qWaitFor([&] { return session.cell() && session.cellIndex() == index; });
  }
};

TEST(Session, ALiveCellIsFollowedAtTheLengthThatWasChosen) {
  Live live;
  Session& session = live.session;
  const auto cell = live.begin();
  session.setRun(live.run);
  ASSERT_TRUE(live.shows(0));
  EXPECT_TRUE(session.following());
  EXPECT_EQ(session.window(), (TimeWindow{0, 500'000'000})) << "all there is";
  const auto grow_to = [&](Nanos end) {
    cell->about.whole.to = end;
    ++cell->grown;
    session.pull();
  };
  grow_to(10'000'000'000);
  EXPECT_EQ(session.window(), (TimeWindow{10'000'000'000 - Session::kFollowed, 10'000'000'000}));
  session.zoom(0.5, 1);
  grow_to(11'000'000'000);
  EXPECT_EQ(session.window().length(), Session::kFollowed / 2);
  EXPECT_EQ(session.window().to, 11'000'000'000);
  session.pan(-0.5);
  EXPECT_FALSE(session.following());
  const TimeWindow before = session.window();
  grow_to(12'000'000'000);
  EXPECT_EQ(session.window(), before);
}

// Cells come while nobody pulls: from a thread of the run's own.
TEST(Session, EveryNewCellOfALiveRunIsShownWheneverItCame) {
  Live live;
  live.session.setRun(live.run);
  QSignalSpy news(&live.session, &Session::cellsChanged);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto cell = live.begin();
    live.session.pull();
    ASSERT_TRUE(live.shows(i)) << i;
    EXPECT_EQ(std::size_t(news.count()), i + 1);
    live.end(cell);
    live.session.pull();
  }
  EXPECT_FALSE(live.session.pinned());
}

TEST(Session, ACellThatHasEndedBeforeItIsOpenDoesNotEndTheFollowing) {
  Live live;
  live.session.setRun(live.run);
  live.end(live.begin());
  live.session.pull();
  ASSERT_TRUE(live.shows(0));
  EXPECT_FALSE(live.session.following()) << "this cell does not grow";
  live.begin();
  live.session.pull();
  ASSERT_TRUE(live.shows(1));
  EXPECT_TRUE(live.session.following());
}

TEST(Session, SeveralNewCellsAtOnceShowTheNewest) {
  Live live;
  live.session.setRun(live.run);
  for (int i = 0; i < 4; ++i) live.end(live.begin());
  live.session.pull();
  ASSERT_TRUE(live.shows(3));
}

TEST(Session, AChosenCellIsPinnedUntilTheNewestIsWantedAgain) {
  Live live;
  Session& session = live.session;
  live.end(live.begin());
  live.begin();
  session.setRun(live.run);
  ASSERT_TRUE(live.shows(1));
  session.openCell(0);
  ASSERT_TRUE(live.shows(0));
  EXPECT_TRUE(session.pinned());
  live.begin();
  session.pull();
  EXPECT_FALSE(session.opening());
  EXPECT_EQ(session.cellIndex(), 0u);
  session.followNewest();
  ASSERT_TRUE(live.shows(2));
  EXPECT_FALSE(session.pinned());
  EXPECT_TRUE(session.following());
  live.begin();
  session.pull();
  ASSERT_TRUE(live.shows(3));
}

TEST(Session, GoingBackInTimePinsTheCell) {
  Live live;
  live.begin();
  live.session.setRun(live.run);
  ASSERT_TRUE(live.shows(0));
  live.session.setFollowing(false);
  EXPECT_TRUE(live.session.pinned());
  live.begin();
  live.session.pull();
  EXPECT_EQ(live.session.cellIndex(), 0u);
  EXPECT_FALSE(live.session.opening());
}

TEST(Session, ARecordedRunPinsNothing) {
  Opened o;
  o.session.openCell(1);
  o.session.setFollowing(false);
  EXPECT_FALSE(o.session.pinned());
  o.session.followNewest();
  EXPECT_FALSE(o.session.following());
}

std::shared_ptr<FakeRun> recording_of(const Live& live) {
  auto recording = std::make_shared<FakeRun>();
  recording->add("another", "nic");  // Which the viewer came too late for.
  for (const auto& seen : live.run->held) {
    auto cell = recording->add("recorded", "nic");
    cell->about.cell_id = seen->about.cell_id;
  }
  return recording;
}

TEST(Session, TheRecordingShowsTheSameCellAsItWasChosen) {
  Live live;
  Session& session = live.session;
  live.end(live.begin());
  live.begin();
  session.setRun(live.run);
  ASSERT_TRUE(live.shows(1));
  session.openCell(0);
  ASSERT_TRUE(live.shows(0));
  session.setWindow({200'000'000, 300'000'000});
  session.select(TimeWindow{210'000'000, 220'000'000}, {});
  session.setPage(Iova{0x1000}, 5);
  session.setCursor(250'000'000);
  const auto seen = session.cell();
  session.continueWith(recording_of(live));
  EXPECT_EQ(session.cell(), seen) << "until the recorded one is open";
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != seen; }));
  EXPECT_EQ(session.cell()->info().strategy, "recorded");
  EXPECT_EQ(session.cellIndex(), 1u);
  EXPECT_EQ(session.window(), (TimeWindow{200'000'000, 300'000'000}));
  EXPECT_EQ(session.selectedTime(), (TimeWindow{210'000'000, 220'000'000}));
  EXPECT_EQ(session.page(), Iova{0x1000});
  EXPECT_EQ(session.cursor(), 250'000'000);
}

TEST(Session, WhoFollowedSeesAllThatWasMeasuredOfTheLastCell) {
  Live live;
  const auto cell = live.begin();
  live.session.setRun(live.run);
  ASSERT_TRUE(live.shows(0));
  live.session.zoom(0.1, 1);
  live.end(cell);
  live.session.pull();
  live.session.continueWith(recording_of(live));
  ASSERT_TRUE(live.shows(1));
  ASSERT_TRUE(QTest::qWaitFor([&] { return !live.session.opening(); }));
  EXPECT_EQ(live.session.window(), kMeasured);
}

TEST(Session, ClosingARunLeavesNothing) {
  Opened o;
  o.session.closeRun();
  EXPECT_EQ(o.session.cell(), nullptr);
  EXPECT_EQ(o.session.run(), nullptr);
  EXPECT_EQ(o.session.window(), TimeWindow{});
  o.session.fit();
  o.session.setPlaying(true);
  EXPECT_FALSE(o.session.playing());
}

TEST(Session, ARunWithoutCellsSaysWhatToDo) {
  Session session;
  QSignalSpy failures(&session, &Session::failed);
  session.setRun(std::make_shared<FakeRun>());
  ASSERT_EQ(failures.count(), 1);
  EXPECT_TRUE(failures.at(0).at(0).toString().contains("tracing"));
}

}  // namespace
}  // namespace violet::gui
