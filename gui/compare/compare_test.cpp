#include <gtest/gtest.h>

#include <QComboBox>
#include <QFile>
#include <QFontMetricsF>
#include <QLabel>
#include <QSignalSpy>
#include <QTableView>
#include <QTest>
#include <QToolTip>

#include "experiments/query/fake_run_testing.hpp"
#include "experiments/query/run_fixture_testing.hpp"
#include "gui/compare/compare_view.hpp"
#include "gui/kit/drawn_words_testing.hpp"
#include "gui/kit/theme.hpp"

namespace violet::gui {
using namespace query;
namespace {

class CompareViewTest : public testing::Test {
 protected:
  void open(const std::vector<FixtureCell>& cells, bool damaged = false,
            std::uint32_t repetitions = 6) {
    const std::string path = write_fixture_run(folder_.path(), cells, repetitions);
    run_ = std::make_shared<FakeRun>();
    run_->directory = path;
    for (const FixtureCell& cell : cells) {
      auto trace = run_->add(cell.strategy, cell.workload, cell.placement);
      trace->about.cell_id = cell.id();
      trace->operations_per_s = static_cast<float>(cell.operations_per_s);
      trace->stale = static_cast<float>(cell.stale);
      using Stays = CellInfo::Stays;
      trace->about.stays = !cell.persistent  ? Stays::kNothing
                           : cell.copied > 0 ? Stays::kPool
                                             : Stays::kBuffers;
    }
    if (damaged) {
      QFile file(QString::fromStdString(path + "/results.sqlite"));
      ASSERT_TRUE(file.open(QIODevice::WriteOnly));
      file.write(QByteArray(9000, '?'));
    }
    view_ = std::make_unique<CompareView>(
        session_, [this](const std::string&) -> Result<std::shared_ptr<RunQueries>> {
          return std::shared_ptr<RunQueries>(run_);
        });
    view_->resize(1280, 720);
    view_->show();
    session_.setRun(run_);
    settle();
  }
  void settle() {
    ASSERT_TRUE(QTest::qWaitFor([this] { return session_.cell() && view_->settled(); }, 20000));
    QTest::qWait(1);
  }
  QString shownTexts() {
    QStringList texts;
    for (const QLabel* label : view_->findChildren<QLabel*>()) {
      if (label->isVisible()) texts << label->text();
    }
    return texts.join(QLatin1Char('\n'));
  }
  QComboBox* box(const char* name) {
    for (QComboBox* one : view_->findChildren<QComboBox*>()) {
      if (one->accessibleName() == QLatin1String(name)) return one;
    }
    return nullptr;
  }
  const TestFolder folder_;
  std::shared_ptr<FakeRun> run_;
  Session session_;
  std::unique_ptr<CompareView> view_;
};

TEST_F(CompareViewTest, ShowsLanesTableAndPlane) {
  open(every_place());
  EXPECT_EQ(box("Workload")->currentText(), "net-rx");
  EXPECT_EQ(box("Baseline")->currentText(), "strict sidecore");
  EXPECT_EQ(box("against")->currentText(), "lazy-percpu sidecore");
  EXPECT_GT(view_->findChild<QTableView*>()->model()->rowCount(), 4);
  EXPECT_EQ(view_->findChild<PlaneView*>()->plane().points.size(), 8u);
  EXPECT_TRUE(view_->caption().contains("workload net-rx"));
}

TEST_F(CompareViewTest, AnotherBaselineIsChosen) {
  open(every_place());
  QComboBox* baseline = box("Baseline");
  const int off = baseline->findText("off sidecore");
  ASSERT_GE(off, 0);
  baseline->setCurrentIndex(off);
  emit baseline->activated(off);
  settle();
  EXPECT_EQ(view_->model().lanes()[0].strategy, "off");
  ASSERT_EQ(view_->model().lanes().size(), 3u) << "off was the third: they change places";
  EXPECT_EQ(view_->model().lanes()[2].strategy, "strict");
}

TEST_F(CompareViewTest, AnotherWorkloadIsChosen) {
  open(every_place());
  emit box("Workload")->activated(1);
  settle();
  EXPECT_EQ(view_->model().workload(), "nvme-4k");
  EXPECT_EQ(view_->model().lanes().size(), 1u);
}

TEST_F(CompareViewTest, OneCursorForAllRows) {
  open(every_place());
  auto panels = view_->findChildren<LanePanel*>();
  ASSERT_EQ(panels.size(), 3);
  QTest::mouseMove(panels[0], QPoint(400, 80));
  QMouseEvent move(QEvent::MouseMove, QPointF(400, 80), QPointF(400, 80), Qt::NoButton, {}, {});
  QApplication::sendEvent(panels[0], &move);
  ASSERT_TRUE(session_.cursor().has_value());
  for (const LanePanel* panel : panels) EXPECT_EQ(panel->cursor(), panels[0]->cursor());
}

TEST_F(CompareViewTest, TheFirstDivergenceIsMarkedAndSaid) {
  open(every_place());
  auto* panel = view_->findChild<LanePanel*>();
  const QImage before = panel->grab().toImage();
  for (const auto& cell : run_->held) {
    EventLine line;
    line.at = cell->about.measured.from + cell->about.measured.length() / 2;
    line.event.kind = EventKind::kDmaMap;
    line.event.b = cell->about.strategy == "strict" ? 4096 : 2048;
    cell->lines = {line};
  }
  view_->model().setLanes(view_->model().lanes());
  settle();
  EXPECT_TRUE(shownTexts().contains("first differ at call 1: map 4 KiB"))
      << shownTexts().toStdString();
  EXPECT_NE(panel->grab().toImage(), before);
}

TEST_F(CompareViewTest, TheWheelZoomsTheSession) {
  open(every_place());
  auto* panel = view_->findChild<LanePanel*>();
  const Nanos before = session_.window().length();
  QWheelEvent wheel(QPointF(400, 60), QPointF(400, 60), {}, QPoint(0, 240), {}, {},
                    Qt::NoScrollPhase, false);
  QApplication::sendEvent(panel, &wheel);
  EXPECT_LT(session_.window().length(), before);
  EXPECT_EQ(panel->window().length(), session_.window().length());
}

TEST_F(CompareViewTest, AClickOnAPointOpensItsCell) {
  open(every_place());
  auto* plane = view_->findChild<PlaneView*>();
  const PlaneLayout layout = layOutPlane(plane->plane(), QRectF(plane->rect()), text_font(9));
  ASSERT_EQ(layout.dots.size(), 8u);
  QSignalSpy spy(plane, &PlaneView::cellPicked);
  QTest::mouseClick(plane, Qt::LeftButton, {}, layout.dots[3].at.toPoint());
  ASSERT_EQ(spy.count(), 1);
  EXPECT_EQ(spy[0][0].toString(), "lazy-percpu.net-rx.sidecore");
  const auto opened = [this] {
    return session_.cell()->info().cell_id == "lazy-percpu.net-rx.sidecore";
  };
  EXPECT_TRUE(QTest::qWaitFor(opened, 20000)) << session_.cell()->info().cell_id;
  EXPECT_TRUE(plane->describe(3).contains("0.8 times the throughput of off sidecore"))
      << plane->describe(3).toStdString();
}

TEST_F(CompareViewTest, ATipOfThePlaneGoesWithItsPlane) {
  open(every_place());
  auto* plane = view_->findChild<PlaneView*>();
  const PlaneLayout layout = layOutPlane(plane->plane(), QRectF(plane->rect()), text_font(9));
  const QPointF at = layout.dots.at(0).at;
  QMouseEvent over(QEvent::MouseMove, at, plane->mapToGlobal(at), Qt::NoButton, Qt::NoButton, {});
  QCoreApplication::sendEvent(plane, &over);
  ASSERT_TRUE(QToolTip::isVisible());
  EXPECT_EQ(QToolTip::text(), plane->describe(plane->pointAt(at)));
  view_->model().setWorkload("nvme-4k");
  settle();
  ASSERT_EQ(plane->plane().points.size(), 1u);
  EXPECT_TRUE(QTest::qWaitFor([] { return !QToolTip::isVisible(); }))
      << QToolTip::text().toStdString();
}

TEST(PlaneLayoutTest, AStripSaysThatItHasNoScale) {
  using Place = PlanePoint::Place;
  Plane plane;
  for (const Place place : {Place::kStale, Place::kZero, Place::kAlways, Place::kMissing}) {
    plane.points.emplace_back();
    plane.points.back().place = place;
    plane.points.back().stale = {10, {}, 3};
    plane.points.back().relative = results::Estimate{1, {}, 3};
  }
  const PlaneLayout layout = layOutPlane(plane, QRectF(0, 0, 700, 500), text_font(9));
  PlaneView view;
  view.resize(700, 500);
  view.setPlane(plane);
  const auto words = drawn_words(view);
  const QRectF strips[] = {layout.zero, layout.always, layout.missing};
  std::size_t said = 0;
  for (const DrawnWords& one : words) said += one.text == "no x scale" ? 1 : 0;
  EXPECT_EQ(said, std::size(strips)) << "and not over what has a scale";
  for (const QRectF& strip : strips) {
    ASSERT_FALSE(strip.isNull());
    const QRectF top(strip.left(), strip.top(), strip.width(), 18);
    EXPECT_TRUE(std::any_of(words.begin(), words.end(), [&](const DrawnWords& one) {
      return one.text == "no x scale" && top.contains(one.at);
    }));
    EXPECT_LE(QFontMetricsF(text_font(8)).horizontalAdvance("no x scale"), strip.width());
  }
}

struct ReadableLane : LanePanel {
  using LanePanel::describe;
  using LanePanel::LanePanel;
};

TEST_F(CompareViewTest, NeitherNamesNorNumbersOfTheTableAreCut) {
  const std::string name = "lazy-percpu-with-a-name-that-is-longer-than-any-column-was";
  open({{"strict", "net-rx", "sidecore", 4000}, {name, "net-rx", "sidecore", 8000}});
  const auto* table = view_->findChild<QTableView*>();
  const QAbstractItemView* items = table;
  for (int column = 0; column < DifferenceTable::kWhy; ++column)
    EXPECT_GE(table->columnWidth(column), items->sizeHintForColumn(column)) << column;
}

// A moment without any operation lies below the scale, and not at its lowest value.
TEST_F(CompareViewTest, ZeroHasAPlaceOfItsOwnOnALogScale) {
  open({{"strict", "net-rx", "sidecore", 100}, {"lazy-percpu", "net-rx", "sidecore", 8000}});
  LanePanel lane(view_->model(), LaneRow::kThroughput);
  lane.setWindow(view_->model().columns().window);
  const QRectF area(0, 0, 800, 200);
  const Frame before = lane.frameOf(area);
  ASSERT_TRUE(before.y.log);
  EXPECT_FALSE(before.y.zero_px) << "nothing is zero here";
  run_->held[0]->silent_at = 0;
  view_->model().setLanes(view_->model().lanes());
  settle();
  const Frame frame = lane.frameOf(area);
  ASSERT_TRUE(frame.y.zero_px);
  EXPECT_GT(frame.y.pixel(0), frame.y.pixel(frame.y.low) + 8);
  EXPECT_LT(frame.y.pixel(0), frame.plot.bottom());
  const auto labels = axis_labels(frame);
  EXPECT_TRUE(std::any_of(labels.begin(), labels.end(),
                          [](const AxisLabel& label) { return label.text == "0"; }));
}

TEST_F(CompareViewTest, WhatIsNotDrawnIsSaidAboveTheLines) {
  open({{"strict", "net-rx", "sidecore", 4000, 3},
        {"off", "net-rx", "sidecore", 8000, 0, true},
        {"direct", "net-rx", "sidecore", 8000, 0, true}});
  LanePanel lane(view_->model(), LaneRow::kStale);
  EXPECT_EQ(lane.because(), "off, direct: not available, because buffers stay reachable by design");
  const Frame frame = lane.frameOf(QRectF(0, 0, 800, 200));
  EXPECT_GT(frame.y.pixel(3), frame.plot.top() + 16) << "no line crosses the words";
}

// A cell that is over sooner than the others.
TEST_F(CompareViewTest, ARateThatIsNotKnownIsNotZero) {
  open(every_place());
  ASSERT_EQ(run_->held[3]->about.strategy, "lazy-percpu");
  run_->held[3]->about.whole.to = 500'000'000;
  session_.setWindow({100'000'000, 880'000'000});
  settle();
  ReadableLane lane(view_->model(), LaneRow::kThroughput);
  lane.resize(800, 200);
  lane.setWindow(view_->model().columns().window);
  EXPECT_TRUE(lane.describe({200, 100}).contains("lazy-percpu sidecore, rep. 1 of 6: 8 k/s"))
      << lane.describe({200, 100}).toStdString();
  const QString behind = lane.describe({780, 100});
  EXPECT_TRUE(behind.contains("strict sidecore, rep. 1 of 6: 4 k/s")) << behind.toStdString();
  EXPECT_TRUE(behind.contains("lazy-percpu sidecore, rep. 1 of 6: not known here"))
      << behind.toStdString();
}

// After its measuring everything is unmapped at once: that is no exposure of the lane's.
TEST_F(CompareViewTest, ALaneEndsWhereItsMeasuringDid) {
  open(every_place());
  ASSERT_EQ(run_->held[3]->about.strategy, "lazy-percpu");
  run_->held[3]->about.measured.to = 500'000'000;  // Of its 0.1 to 0.9 s.
  view_->model().setLanes(view_->model().lanes());
  settle();
  session_.setWindow({100'000'000, 880'000'000});
  settle();
  const auto& model = view_->model();
  for (std::size_t lane = 0; lane < model.lanes().size(); ++lane) {
    const bool ends = model.lanes()[lane].strategy == "lazy-percpu";
    for (const auto& row : model.columns().lanes[lane].rows) {
      if (row.empty()) continue;
      const double step = double(model.columns().window.length()) / double(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) {
        const double end = double(model.columns().window.from) + double(i + 1) * step;
        if (ends && end > 400e6 + 1) {
          EXPECT_FALSE(row[i].known()) << i;
        }
        if (end < 390e6) {
          EXPECT_TRUE(row[i].known()) << i;
        }
      }
    }
  }
  LanePanel panel(view_->model(), LaneRow::kStale);
  const QString title = panel.frameOf(QRectF(0, 0, 800, 200)).text.title;
  EXPECT_TRUE(title.startsWith("Stale pages over ")) << title.toStdString();
}

TEST_F(CompareViewTest, PagesThatStayMappedAreNotCountedAsNoStalePages) {
  open({{"strict", "net-rx", "sidecore", 4000},
        {"off", "net-rx", "sidecore", 8000, 0, true},
        {"bounce-dynamic", "net-rx", "sidecore", 5000, 0, true, 1500}});
  const auto& model = view_->model();
  const auto stale = static_cast<std::size_t>(LaneRow::kStale);
  ASSERT_EQ(model.columns().lanes.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& lane = model.columns().lanes[i];
    const bool off = model.lanes()[i].strategy == "off";
    EXPECT_EQ(lane.rows[stale].empty(), off) << "what copies has none, as its table and plane say";
    if (off) {
      EXPECT_EQ(lane.because[stale], "buffers stay reachable by design");
    }
  }
}

TEST_F(CompareViewTest, WhereTheNoiseIsNotKnownNothingIsSaidToDiffer) {
  open({{"strict", "net-rx", "sidecore", 4000}, {"lazy-percpu", "net-rx", "sidecore", 8000}}, false,
       1);
  ASSERT_EQ(view_->model().lanes().size(), 2u);
  EXPECT_EQ(view_->model().noise(LaneRow::kThroughput, 1), std::nullopt);
  EXPECT_EQ(view_->model().noise(LaneRow::kThroughput, 0), std::nullopt) << "the baseline itself";
}

TEST_F(CompareViewTest, ADamagedDatabaseIsSaidInTheWindow) {
  open(every_place(), true);
  EXPECT_TRUE(shownTexts().contains("results.sqlite")) << shownTexts().toStdString();
  EXPECT_TRUE(shownTexts().contains("can still be looked at in Observe"));
}

TEST(CompareViewStates, WithoutARunItSaysWhatToDo) {
  Session session;
  CompareView view(session);
  view.show();
  ASSERT_TRUE(QTest::qWaitFor([&view] { return view.settled(); }, 20000));
  bool said = false;
  for (const QLabel* label : view.findChildren<QLabel*>())
    said |= label->text() == "No run is open";
  EXPECT_TRUE(said);
}

TEST(CompareViewStates, ARunWithoutATraceSaysSoInFullAndHasNoTicks) {
  const TestFolder folder;
  auto opened = open_run(write_fixture_run(folder.path(), every_place()));
  ASSERT_TRUE(opened) << opened.error().message;
  Session session;
  CompareView view(session);
  view.resize(1280, 720);
  view.show();
  session.setRun(std::shared_ptr<RunQueries>(std::move(*opened)));
  ASSERT_TRUE(QTest::qWaitFor(
      [&view] { return view.model().lanes().size() == 3 && view.settled(); }, 20000));
  const QString why =
      "strict sidecore, lazy-percpu sidecore, bounce-dynamic sidecore: not available, because this "
      "run has no trace.events";
  const auto panels = view.findChildren<LanePanel*>();
  ASSERT_EQ(panels.size(), 3);
  for (const LanePanel* panel : panels) {
    EXPECT_EQ(panel->because(), why);
    const Frame frame = panel->frameOf(QRectF(panel->rect()));
    EXPECT_TRUE(frame.y_ticks.empty() && frame.x_ticks.empty() && frame.x_base.isEmpty())
        << "of nothing";
    const QRectF room = frame.plot.adjusted(8, 4, -8, -4);
    const QRectF taken =
        QFontMetricsF(text_font(10)).boundingRect(room, Qt::AlignCenter | Qt::TextWordWrap, why);
    EXPECT_TRUE(room.contains(taken)) << "in full";
  }
}

TEST_F(CompareViewTest, TheLegendNamesEveryLaneBesideTheTitleOrBelowIt) {
  const std::string longer = "-with-costs-of-exits";
  open({{"strict" + longer, "net-rx", "sidecore", 4000},
        {"lazy-percpu" + longer, "net-rx", "sidecore", 8000},
        {"bounce" + longer, "net-rx", "sidecore", 5000}});
  LanePanel lane(view_->model(), LaneRow::kThroughput);
  lane.setWindow(view_->model().columns().window);
  EXPECT_TRUE(has_room_for_legend(lane.frameOf(QRectF(0, 0, 2400, 140))));
  int named_below = 0;
  for (double width = 2400; width > 400; width -= 20) {
    const Frame frame = lane.frameOf(QRectF(0, 0, width, 140));
    ASSERT_EQ(frame.text.legend.size(), 3u);
    const bool beside = has_room_for_legend(frame);
    const QRectF below = lane.legendRow(frame);
    EXPECT_EQ(frame.y.to_px, beside ? frame.plot.top() : below.bottom()) << "no line crosses it";
    if (!beside && fit_legend(below.width(), frame.text.legend).entries == 3u) ++named_below;
  }
  EXPECT_GT(named_below, 0) << "the title takes room that the row below it has";
}

TEST_F(CompareViewTest, LanesOfOneColourHaveStrokesAndTheWordsThatTellThemApart) {
  open({{"strict", "net-rx", "samecore", 4000},
        {"strict", "net-rx", "sidecore", 8000},
        {"strict", "net-rx", "kick-thread", 5000}},
       false, 1);
  const LanePanel lane(view_->model(), LaneRow::kThroughput);
  const auto legend = lane.frameOf(QRectF(0, 0, 870, 140)).text.legend;
  ASSERT_EQ(legend.size(), 3u);
  using Mark = LegendEntry::Mark;
  const Mark marks[] = {Mark::kLine, Mark::kDashed, Mark::kDotted};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(legend[i].colour, legend[0].colour);
    EXPECT_EQ(legend[i].mark, marks[i]) << "as its line is drawn";
  }
  EXPECT_EQ(legend[0].brief, "samecore (base)");
  EXPECT_EQ(legend[1].brief, "sidecore");
  EXPECT_EQ(legend[2].brief, "kick-thread");
}

TEST_F(CompareViewTest, ARowWithoutLinesHasNoScale) {
  open({{"off", "net-rx", "sidecore", 8000, 0, true},
        {"direct", "net-rx", "sidecore", 8000, 0, true}});
  LanePanel lane(view_->model(), LaneRow::kStale);
  lane.setWindow(view_->model().columns().window);
  const Frame frame = lane.frameOf(QRectF(0, 0, 800, 200));
  EXPECT_TRUE(frame.y_ticks.empty());
  EXPECT_FALSE(frame.x_ticks.empty()) << "when it is, is known";
}

// Many points close together: labels never overlap each other or a mark.
TEST(PlaneLayoutTest, LabelsNeverOverlap) {
  for (const int count : {1, 8, 40}) {
    for (const double width : {420.0, 900.0}) {
      Plane plane;
      plane.placements = {"sidecore"};
      for (int i = 0; i < count; ++i) {
        PlanePoint point;
        point.name = "lazy-percpu entries=" + std::to_string(64 << i % 6);
        point.placement = "sidecore";
        point.place = i % 4 == 0 ? PlanePoint::Place::kZero : PlanePoint::Place::kStale;
        point.stale = {i % 4 == 0 ? 0.0 : 1.0 + i * 0.2, {}, 3};
        point.relative = results::Estimate{0.5 + 0.01 * i,
                                           results::Interval{0.48 + 0.01 * i, 0.53 + 0.01 * i}, 3};
        plane.points.push_back(point);
      }
      const PlaneLayout layout = layOutPlane(plane, QRectF(0, 0, width, 500), text_font(9));
      std::vector<QRectF> labels;
      for (const auto& dot : layout.dots) {
        if (!dot.label.isNull()) labels.push_back(dot.label);
      }
      EXPECT_GT(labels.size(), 0u);
      // No name is dropped: it stands beside its point, or in the list.
      for (const auto& dot : layout.dots) {
        const bool listed =
            std::any_of(layout.list.begin(), layout.list.end(),
                        [&](const auto& entry) { return entry.index == dot.index; });
        EXPECT_EQ(listed, dot.number > 0);
        EXPECT_TRUE(listed || !dot.label.isNull());
      }
      int hidden = 0;
      for (const auto& entry : layout.list) {
        hidden += entry.box.isNull() ? 1 : 0;
        if (entry.box.isNull()) continue;
        EXPECT_GT(entry.box.top(), layout.plot.bottom());
        for (const auto& other : layout.list) {
          EXPECT_TRUE(&other == &entry || !entry.box.intersects(other.box));
        }
      }
      EXPECT_EQ(hidden, layout.unlisted) << "and the list says how many it has no room for";
      for (std::size_t i = 0; i < labels.size(); ++i) {
        EXPECT_GE(labels[i].left(), layout.plot.left());
        EXPECT_LE(labels[i].right(), layout.plot.right());
        for (std::size_t j = i + 1; j < labels.size(); ++j) {
          EXPECT_FALSE(labels[i].intersects(labels[j])) << count << " points, " << width;
        }
        for (const auto& dot : layout.dots) EXPECT_FALSE(labels[i].contains(dot.at));
      }
    }
  }
}

TEST(PlaneLayoutTest, AThroughputThatIsNotKnownIsNotZero) {
  Plane plane;
  plane.points.resize(3);
  for (auto& point : plane.points) point.place = PlanePoint::Place::kZero;
  plane.points[0].relative = results::Estimate{1.0, {}, 3};
  plane.points[1].relative = results::Estimate{0.0, {}, 3};
  const PlaneLayout layout = layOutPlane(plane, QRectF(0, 0, 600, 400), text_font(9));
  ASSERT_FALSE(layout.unknown.isNull());
  EXPECT_EQ(layout.dots[1].at.y(), layout.y.pixel(0));
  EXPECT_FALSE(layout.unknown.contains(layout.dots[1].at + QPointF(0, -1)))
      << "zero is on the axis";
  EXPECT_TRUE(layout.unknown.contains(layout.dots[2].at));
  EXPECT_GT(layout.dots[2].at.y() - layout.dots[1].at.y(), 10);
  plane.points.resize(2);
  EXPECT_TRUE(layOutPlane(plane, QRectF(0, 0, 600, 400), text_font(9)).unknown.isNull());
}

TEST(PlaneLayoutTest, StrategiesFarApartGetALogScale) {
  Plane plane;
  for (const double share : {1.0, 0.04, 0.05}) {
    plane.points.emplace_back();
    plane.points.back().relative = results::Estimate{share, {}, 3};
  }
  const QRectF area(0, 0, 600, 400);
  const PlaneLayout far_apart = layOutPlane(plane, area, text_font(9));
  EXPECT_TRUE(far_apart.y.log);
  for (const auto& dot : far_apart.dots) EXPECT_TRUE(far_apart.plot.contains(dot.at));
  EXPECT_GT(far_apart.dots[1].at.y() - far_apart.dots[2].at.y(), 5);
  plane.points.resize(1);
  EXPECT_FALSE(layOutPlane(plane, area, text_font(9)).y.log);
}

TEST(PlaneLayoutTest, OnALogScaleNoThroughputHasAPlaceOfItsOwn) {
  Plane plane;
  for (const double share : {1.0, 0.04, 0.0}) {
    plane.points.emplace_back();
    plane.points.back().relative = results::Estimate{share, {}, 3};
  }
  plane.points[2].relative->interval = results::Interval{0, 0};
  const PlaneLayout layout = layOutPlane(plane, QRectF(0, 0, 600, 400), text_font(9));
  ASSERT_TRUE(layout.y.log);
  EXPECT_TRUE(layout.unknown.isNull()) << "it is known";
  const auto& still = layout.dots[2];
  EXPECT_TRUE(layout.plot.contains(still.at));
  EXPECT_GT(still.at.y(), layout.y.from_px + 5) << "below the scale";
  EXPECT_EQ(still.bars.height(), 0);
  ASSERT_FALSE(layout.y_ticks.empty());
  EXPECT_EQ(layout.y_ticks[0].at, 0);
  EXPECT_EQ(layout.y_ticks[0].label, unit_text(Unit::kShare, 0));
}

TEST(PlaneLayoutTest, APlaceThatNobodyNeedsTakesNoRoom) {
  Plane plane;
  plane.points.emplace_back();
  plane.points[0].place = PlanePoint::Place::kZero;
  const PlaneLayout layout = layOutPlane(plane, QRectF(0, 0, 600, 400), text_font(9));
  EXPECT_TRUE(layout.always.isNull());
  EXPECT_TRUE(layout.missing.isNull());
  EXPECT_TRUE(layout.zero.contains(layout.dots[0].at));
}

}  // namespace
}  // namespace violet::gui
