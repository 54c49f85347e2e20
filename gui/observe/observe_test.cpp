// Every panel of the Observe workspace, driven by mouse and keys over a small cell.
#include <gtest/gtest.h>

#include <QAction>
#include <QDockWidget>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QSettings>
#include <QTableView>
#include <QTest>
#include <QToolTip>
#include <QWheelEvent>

#include "gui/kit/theme.hpp"
#include "gui/observe/chips.hpp"
#include "gui/observe/churn_view.hpp"
#include "gui/observe/engine_view.hpp"
#include "gui/observe/events_view.hpp"
#include "gui/observe/exposure_view.hpp"
#include "gui/observe/facts_table.hpp"
#include "gui/observe/latency_view.hpp"
#include "gui/observe/observe_rig_testing.hpp"
#include "gui/observe/observe_workspace.hpp"
#include "gui/observe/overview_strip.hpp"
#include "gui/observe/selection_panel.hpp"
#include "gui/observe/side_panel.hpp"

namespace violet::gui {
using namespace query;
namespace {

void wheel(QWidget& view, const QPointF& at, int steps, Qt::KeyboardModifiers modifiers = {}) {
  QWheelEvent event(at, view.mapToGlobal(at), {}, {0, steps * 120}, Qt::NoButton, modifiers,
                    Qt::NoScrollPhase, false);
  QCoreApplication::sendEvent(&view, &event);
}

TEST(Churn, AStalePageIsTheAlarmColourAndStrictHasNone) {
  Stage lazy;
  ChurnView churn(&lazy.session);
  show(churn);
  EXPECT_GT(count(plot_of(churn), theme().stale), 200);
  Stage strict(0);
  ChurnView clean(&strict.session);
  show(clean);
  EXPECT_EQ(count(plot_of(clean), theme().stale), 0);
}

TEST(Churn, OverlaysCanBeTakenAway) {
  Stage stage;
  ChurnView churn(&stage.session);
  show(churn);
  churn.setShowsStale(false);
  ASSERT_TRUE(QTest::qWaitFor([&] { return churn.settled(); }));
  EXPECT_EQ(count(plot_of(churn), theme().stale), 0);
}

TEST(Churn, AxisShowsWhatIsUsedAndZoomsToOnePage) {
  Stage stage;
  ChurnView churn(&stage.session);
  show(churn);
  ASSERT_EQ(churn.axis().bands().size(), 1u);
  EXPECT_EQ(churn.axis().bands()[0].range, IovaRange::of(TinyCell::kBase, TinyCell::kPages * 4096));
  for (int i = 0; i < 60; ++i) wheel(churn, {400, 120}, 1, Qt::ControlModifier);
  ASSERT_TRUE(QTest::qWaitFor([&] { return churn.settled(); }));
  EXPECT_LE(churn.axis().bands()[0].range.size_minus_one(), 2 * 4096u);
  churn.showWholeSpace();
  EXPECT_EQ(churn.axis().bands()[0].range, IovaRange::all());
  churn.fitAddresses();
  EXPECT_NE(churn.axis().bands()[0].range, IovaRange::all());
}

TEST(Churn, AClickShowsTheLifeOfThePage) {
  Stage stage;
  ChurnView churn(&stage.session);
  show(churn);
  stage.session.setWindow({0, 100 * kMs});
  ASSERT_TRUE(QTest::qWaitFor([&] { return churn.settled(); }));
  // Page 32 of 64 is mapped at 32 ms.
  const QRect plot = churn.rect().adjusted(int(Frame::kLeft), int(Frame::kTop), -int(Frame::kRight),
                                           -int(Frame::kBottom));
  const QPoint at(plot.left() + plot.width() * 40 / 100,
                  plot.bottom() - int(plot.height() * 32.5 / 64));
  QTest::mouseClick(&churn, Qt::LeftButton, {}, at);
  ASSERT_TRUE(QTest::qWaitFor([&] { return stage.session.page().has_value(); }));
  EXPECT_EQ(stage.session.page()->value, TinyCell::kBase + 32 * 4096);
}

TEST(Churn, ShiftDragSelectsTimesAndAddresses) {
  Stage stage;
  ChurnView churn(&stage.session);
  show(churn);
  QTest::mousePress(&churn, Qt::LeftButton, Qt::ShiftModifier, {200, 60});
  QTest::mouseMove(&churn, {400, 160});
  QTest::mouseRelease(&churn, Qt::LeftButton, Qt::ShiftModifier, {400, 160});
  EXPECT_TRUE(stage.session.selectedTime());
  ASSERT_TRUE(stage.session.filter().range);
  EXPECT_EQ(stage.session.filter().range->first.value % 4096, 0u);
}

TEST(Views, TheSameQuestionIsNotAskedTwice) {
  Stage stage;
  LatencyView latency(&stage.session);
  show(latency);
  const int before = stage.cell->questions();
  stage.session.setCursor(5 * kMs);
  latency.refresh();
  latency.update();
  QCoreApplication::processEvents();
  EXPECT_EQ(stage.cell->questions(), before);
  stage.session.zoom(0.5);
  ASSERT_TRUE(QTest::qWaitFor([&] { return latency.settled(); }));
  EXPECT_EQ(stage.cell->questions(), before + 1);
}

// As when a live run's recording opens: the same cell, the same window.
TEST(Views, ACellThatIsOpenedAgainIsAskedAgain) {
  Stage stage;
  LatencyView latency(&stage.session);
  ExposureView exposure(&stage.session);
  EngineView engine(&stage.session);
  show(latency);
  show(exposure);
  show(engine);
  int opened = 0;
  QObject::connect(&stage.session, &Session::cellChanged, &latency, [&opened] { ++opened; });
  stage.session.continueWith(std::make_shared<TinyRun>(std::vector{stage.cell}));
  ASSERT_TRUE(QTest::qWaitFor([&] {
    return opened > 0 && !stage.session.opening() && latency.settled() && exposure.settled() &&
           engine.settled();
  }));
  EXPECT_GT(latency.grid().count, 0u) << "no window of a cell in use says that there is nothing";
  EXPECT_TRUE(exposure.exposure().pages);
  EXPECT_FALSE(engine.engine().lcores.empty());
}

TEST(Views, HoveringOneDrawsTheCursorInAll) {
  Stage stage;
  ExposureView exposure(&stage.session);
  EngineView engine(&stage.session);
  show(exposure);
  show(engine, {800, 500});
  QTest::mouseMove(&exposure, {400, 120});
  ASSERT_TRUE(QTest::qWaitFor([&] { return engine.cursor().has_value(); }));
  const QImage image = image_of(engine);
  int accent = 0;
  for (int y = 30; y < 480; ++y) accent += image.pixelColor(400, y) == theme().accent;
  EXPECT_GT(accent, 100);
}

TEST(Latency, OperationsThatWereNotTimedSayWhy) {
  Stage stage;
  LatencyView latency(&stage.session);
  show(latency);
  EXPECT_GT(latency.grid().count, 100u);
  latency.setOperation(Operation::kTranslate);
  ASSERT_TRUE(QTest::qWaitFor([&] { return latency.settled(); }));
  EXPECT_EQ(latency.grid().count, 0u);
  EXPECT_EQ(latency.grid().because, "this run did not time translations");
}

TEST(Latency, TheSelectionHasItsOwnNumbers) {
  Stage stage;
  LatencyView latency(&stage.session);
  show(latency);
  const std::uint64_t all = latency.selected().count;
  stage.session.select(TimeWindow{50 * kMs, 100 * kMs}, {});
  ASSERT_TRUE(QTest::qWaitFor([&] { return latency.settled(); }));
  EXPECT_LT(latency.selected().count, all);
  EXPECT_GT(latency.selected().count, 0u);
}

// Of its unmaps one took 4 ms, at 200 ms.
class OutlierCell : public TinyCell {
 public:
  using TinyCell::TinyCell;
  LatencyGrid latency(const LatencyQuery& query) const override {
    LatencyGrid grid = TinyCell::latency(query);
    if (query.operation != Operation::kUnmap || !query.window.contains(kAt)) return grid;
    const double share = double(kAt - query.window.from) / double(query.window.length());
    const auto column = static_cast<std::size_t>(share * query.columns);
    ++grid.counts[column * LatencyBins::kCount + LatencyBins::of(kNs)];
    ++grid.histogram[LatencyBins::of(kNs)];
    ++grid.count;
    return grid;
  }
  static constexpr Nanos kAt = 200 * kMs;
  static constexpr double kNs = 4e6;
};

TEST(Latency, OneOutlierDoesNotFlattenTheViewAndIsSaid) {
  Session session;
  session.setRun(std::make_shared<TinyRun>(
      std::vector<std::shared_ptr<TinyCell>>{std::make_shared<OutlierCell>()}));
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
  LatencyView latency(&session);
  show(latency);
  ASSERT_EQ(latency.grid().count, 321u);
  EXPECT_LT(LatencyBins::low(latency.bins().last + 1), 1e4) << "400 ns to 1.9 us fill the axis";
  EXPECT_EQ(latency.bins().beyond, 1u);
  const QRect plot = latency.rect().adjusted(int(Frame::kLeft), int(Frame::kTop),
                                             -int(Frame::kRight), -int(Frame::kBottom));
  const double share =
      double(OutlierCell::kAt - session.window().from) / double(session.window().length());
  const QPointF mark(plot.left() + share * plot.width(), plot.top() + 4);
  int marked = 0;
  const QImage image = image_of(latency);
  for (int x = int(mark.x()) - 3; x <= int(mark.x()) + 3; ++x) {
    marked += image.pixelColor(x, plot.top() + 5) == theme().text;
  }
  EXPECT_GE(marked, 3) << "a triangle stands at its time";
  EXPECT_TRUE(latency.describe(mark).contains("above the axis: 1 call, the longest 3."))
      << latency.describe(mark).toStdString();
}

TEST(Distribution, AFewFarAboveAllOthersAreBeyondTheAxisAndATailIsNot) {
  TimeHistogram counts{};
  EXPECT_FALSE(shown_bins(counts));
  for (double ns = 50; ns < 400; ns *= 1.1) counts[LatencyBins::of(ns)] = 1000;
  const auto calm = shown_bins(counts);
  ASSERT_TRUE(calm);
  EXPECT_EQ(calm->beyond, 0u);
  counts[LatencyBins::of(4e6)] = 2;
  const auto lonely = shown_bins(counts);
  EXPECT_EQ(lonely->beyond, 2u);
  EXPECT_EQ(lonely->highest, LatencyBins::of(4e6));
  EXPECT_LT(LatencyBins::low(lonely->last + 1), 2000);
  EXPECT_GT(LatencyBins::low(lonely->last), 400) << "all others are shown";
  counts[LatencyBins::of(4e6)] = 300;
  EXPECT_EQ(shown_bins(counts)->beyond, 0u) << "one of a hundred is part of the distribution";
  TimeHistogram two{};
  two[LatencyBins::of(100)] = two[LatencyBins::of(1e6)] = 1;
  EXPECT_EQ(shown_bins(two)->beyond, 0u) << "of two none is an outlier";
}

TEST(Exposure, StrictIsAFlatZeroAndLazyIsNot) {
  Stage strict(0);
  ExposureView flat(&strict.session);
  show(flat);
  ASSERT_TRUE(flat.exposure().pages);
  EXPECT_EQ(flat.exposure().pages->peak_stale, 0);
  const QImage image = plot_of(flat);
  const QColor middle = theme().stale;
  int above = 0;
  for (int y = 0; y < image.height() / 2; ++y) {
    for (int x = 0; x < image.width(); ++x) above += image.pixelColor(x, y) == middle;
  }
  EXPECT_EQ(above, 0);
  Stage lazy;
  ExposureView saw(&lazy.session);
  show(saw);
  ASSERT_TRUE(saw.exposure().pages && saw.exposure().probes);
  EXPECT_GT(saw.exposure().pages->peak_stale, 0);
  EXPECT_EQ(saw.exposure().probes->hits, 1u);
}

TEST(Exposure, TheLineIsTheSameInAPictureOfAnyWidth) {
  Stage lazy;
  std::vector<Column> before;
  for (const int width : {400, 900, 1700}) {
    ExposureView view(&lazy.session);
    show(view, {width, 260});
    ASSERT_FALSE(view.mean().stale_pages.empty()) << "320 windows";
    if (before.empty()) before = view.mean().stale_pages;
    ASSERT_EQ(view.mean().stale_pages.size(), before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(view.mean().stale_pages[i].mean, before[i].mean) << i;
    }
  }
}

TEST(Exposure, ZeroIsABroadLineAndNotTheAlarmColour) {
  Stage strict(0);
  ExposureView flat(&strict.session);
  show(flat);
  const QImage image = plot_of(flat);
  EXPECT_EQ(count(image, theme().stale), 0);
  int good = 0;
  for (int x = 0; x < image.width(); ++x)
    good += image.pixelColor(x, image.height() - 1) == theme().good;
  EXPECT_EQ(good, image.width());
}

// Its unmaps take nothing away: the buffers stay reachable, or were copied through a pool that does.
class StayingCell : public TinyCell {
 public:
  explicit StayingCell(CellInfo::Stays stays) : TinyCell(0), stays_(stays) {}
  CellInfo info() const override {
    CellInfo info = TinyCell::info();
    info.stays = stays_;
    info.calls_sampled = true;
    return info;
  }
  ExposureColumns exposure(const ExposureQuery& query) const override {
    ExposureColumns answer = TinyCell::exposure(query);
    const std::uint64_t unmaps = answer.unmaps->count;
    answer.unmaps.emplace().persistent = unmaps;
    if (stays_ == CellInfo::Stays::kBuffers) {
      answer.stale_pages.clear();
      answer.pages.reset();
      answer.because = "the device keeps reaching the guest's buffers, by design";
    }
    return answer;
  }

 private:
  CellInfo::Stays stays_;
};

TEST(Exposure, WhatIsCopiedHasNoStalePagesAndWhatNeverEndsIsNotCounted) {
  using Stays = CellInfo::Stays;
  for (const Stays stays : {Stays::kPool, Stays::kBuffers}) {
    Session session;
    session.setRun(std::make_shared<TinyRun>(
        std::vector<std::shared_ptr<TinyCell>>{std::make_shared<StayingCell>(stays)}));
    ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
    ExposureView view(&session);
    show(view, {900, 400});
    const bool pool = stays == Stays::kPool;
    EXPECT_EQ(
        view.verdictText(),
        pool ? "Zero: buffers were copied; the device reaches the pool alone, which stays mapped"
             : "Not counted: the device keeps reaching the guest's buffers, by design");
    const QImage image = image_of(view);
    const int zero = count(image.copy(0, 0, 900, 240), theme().good);
    if (pool) {
      EXPECT_GT(zero, 1000) << "the calm line of a zero";
    }
    if (!pool) {
      EXPECT_EQ(zero, 0);
    }
    ChurnView churn(&session);
    show(churn, {900, 260});
    const FrameText text = churn.frameText();
    EXPECT_EQ(text.legend.size(), pool ? 1u : 0u)
        << "nothing is hatched where nothing is counted, and no ground follows from a sample";
    EXPECT_EQ(text.title.contains("stays reachable by design and is not drawn"), !pool)
        << text.title.toStdString();
    EXPECT_EQ(text.title.contains("what stays mapped is not drawn"), pool)
        << text.title.toStdString();
    EXPECT_TRUE(churn.showsLive()) << "it is the cell that has no ground";
    EXPECT_FALSE(churn.picture().ask.live);
    // A square in which a page was mapped all the time, and no call was made.
    const ChurnGrid& grid = churn.picture().grids.at(0);
    const auto mapped = [&grid](std::size_t at) {
      return grid.operations[at] == 0 && grid.live[at] > 0 && grid.stale[at] == 0;
    };
    std::size_t at = 0;
    while (at < grid.live.size() && !mapped(at)) ++at;
    ASSERT_LT(at, grid.live.size());
    int painted = 0;
    for (int y = 0; y < churn.picture().image.height(); ++y) {
      if (churn.picture().rows[static_cast<std::size_t>(y)] != at / grid.query.columns) continue;
      const double step = double(churn.picture().image.width()) / grid.query.columns;
      const int x = static_cast<int>((double(at % grid.query.columns) + 0.5) * step);
      painted += qAlpha(churn.picture().image.pixel(x, y)) > 0;
    }
    EXPECT_EQ(painted, 0);
  }
}

// Behind the last event that was kept one by one: bins of 10 ms, in which 20 pages are unmapped each.
class CoarseCell : public TinyCell {
 public:
  static constexpr Nanos kBin = 10 * kMs;
  using TinyCell::TinyCell;
  static TimeWindow bins(TimeWindow window) {
    return {window.from / kBin * kBin, (window.to + kBin - 1) / kBin * kBin};
  }
  ExposureColumns exposure(const ExposureQuery& query) const override {
    if (query.filter.range) {
      ExposureColumns unknown;
      unknown.query = query;
      unknown.because = "single events are not kept here";
      return unknown;
    }
    ExposureColumns answer = TinyCell::exposure({bins(query.window), 1, {}});
    answer.query = query;
    answer.stale_pages.assign(query.columns, answer.stale_pages[0]);
    for (Resolution* one : {&answer.pages->resolution, &answer.unmaps->resolution}) {
      *one = {bins(query.window), kBin};
    }
    return answer;
  }
  ChurnGrid churn(const ChurnQuery& query) const override {
    ChurnQuery coarse = query;
    coarse.window = bins(query.window);
    coarse.columns = static_cast<std::uint32_t>(coarse.window.length() / kBin);
    ChurnGrid grid = TinyCell::churn(coarse);
    grid.resolution = {coarse.window, kBin};
    grid.band_bytes = 16 * 4096;
    return grid;
  }
};

TEST(Coarse, AShortWindowIsNotSaidToBeEmpty) {
  for (const Nanos stale_for : {Nanos{0}, 5 * kMs}) {
    Session session;
    const auto cell = std::make_shared<CoarseCell>(stale_for);
    session.setRun(std::make_shared<TinyRun>(std::vector<std::shared_ptr<TinyCell>>{cell}));
    ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
    ExposureView exposure(&session);
    show(exposure);
    session.setWindow({103 * kMs, 103 * kMs + 500'000});
    ASSERT_TRUE(QTest::qWaitFor([&] { return exposure.settled(); }));
    const QString says = exposure.verdictText();
    EXPECT_TRUE(says.contains("in the 10 ms around it")) << says.toStdString();
    EXPECT_FALSE(says.contains("in this window")) << says.toStdString();
    EXPECT_FALSE(says.startsWith("No page was unmapped")) << says.toStdString();
  }
}

TEST(Coarse, ABinIsDrawnAtItsWidthAndPointedAtAsAWhole) {
  const CoarseCell cell;
  ChurnAsk ask;
  ask.window = {103 * kMs, 103 * kMs + 500'000};
  ask.bands = {{IovaRange::of(TinyCell::kBase, TinyCell::kPages * 4096), 0, 1}};
  ask.columns = 600;
  ask.height = 64;
  const ChurnPicture picture = draw_churn(cell, ask);
  EXPECT_TRUE(picture.resolution.hides(ask.window.length()));
  const auto left = churn_point(picture, 0, 10), right = churn_point(picture, 599, 10);
  ASSERT_TRUE(left && right);
  EXPECT_EQ(left->index, right->index)
      << "one bin from edge to edge, and no calls at the left alone";
  EXPECT_EQ(left->time, (TimeWindow{100 * kMs, 110 * kMs}));
  EXPECT_EQ(left->range.size_minus_one() + 1, 16 * 4096u)
      << "as many pages as the bin counts together";
  const QRgb first = picture.image.pixel(0, 30);
  for (int x = 1; x < 600; ++x) {
    ASSERT_EQ(qAlpha(picture.image.pixel(x, 30)), qAlpha(first)) << x;
  }
}

TEST(Selection, EveryPanelObeysAnAddressRange) {
  Stage stage;
  LatencyView latency(&stage.session);
  ExposureView exposure(&stage.session);
  SelectionPanel panel(&stage.session, &latency, &exposure);
  show(latency);
  show(exposure);
  const std::uint64_t calls = latency.selected().count, unmaps = exposure.selected().unmaps->count;
  Filter filter;
  filter.range = IovaRange::of(TinyCell::kBase, 8 * 4096);
  stage.session.select({}, filter);
  ASSERT_TRUE(QTest::qWaitFor([&] { return latency.settled() && exposure.settled(); }));
  EXPECT_LT(latency.selected().count, calls / 4);
  EXPECT_GT(latency.selected().count, 0u);
  EXPECT_LT(exposure.exposure().unmaps->count, unmaps / 4);
  EXPECT_GT(exposure.exposure().unmaps->count, 0u);
  EXPECT_EQ(latency.whatIsSelected(), "window, selected addresses");
  stage.session.select(TimeWindow{50 * kMs, 100 * kMs}, filter);
  ASSERT_TRUE(QTest::qWaitFor([&] { return latency.settled() && exposure.settled(); }));
  EXPECT_EQ(latency.whatIsSelected(), "selected time and addresses");
  EXPECT_LT(exposure.selected().unmaps->count, exposure.exposure().unmaps->count)
      << "the numbers are of the selected time, and not of the window";
}

// Neither what another cell had nor that there is nothing.
TEST(Selection, OfACellThatHasNoAnswerYetNothingIsSaid) {
  Stage stage;
  LatencyView latency(&stage.session);
  ExposureView exposure(&stage.session);
  SelectionPanel panel(&stage.session, &latency, &exposure);
  SidePanel side(&stage.session);
  show(latency);
  show(exposure);
  const auto first_of = [](const FactsTable* table, int column) {
    return table->model()->index(0, column).data().toString();
  };
  QStringList says;
  QObject::connect(&stage.session, &Session::cellChanged, &panel, [&] {
    says = {first_of(panel.numbersTable(), 1), first_of(panel.exposureTable(), 1),
            side.domains()->text()};
  });
  stage.session.continueWith(std::make_shared<TinyRun>(std::vector{stage.cell}));
  ASSERT_TRUE(QTest::qWaitFor([&] {
    return !says.isEmpty() && latency.settled() && exposure.settled() && side.settled();
  }));
  EXPECT_EQ(says, QStringList({"being read", "being read", "being read"}));
  EXPECT_EQ(first_of(panel.numbersTable(), 0), "Operations");
  EXPECT_TRUE(side.domains()->text().contains("domain 1"));
  exposure.hide();
  stage.session.setWindow({10 * kMs, 20 * kMs});
  EXPECT_EQ(first_of(panel.exposureTable(), 1), "not read: its panel is hidden");
  exposure.show();
  EXPECT_TRUE(QTest::qWaitFor([&] {
    return first_of(panel.exposureTable(), 0) == "Stale pages, mean";
  })) << first_of(panel.exposureTable(), 0).toStdString();
}

TEST(Selection, APanelThatCannotObeySaysWhy) {
  Session session;
  const auto cell = std::make_shared<CoarseCell>();
  session.setRun(std::make_shared<TinyRun>(std::vector<std::shared_ptr<TinyCell>>{cell}));
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
  ExposureView exposure(&session);
  show(exposure);
  Filter filter;
  filter.range = IovaRange::of(TinyCell::kBase, 8 * 4096);
  session.select({}, filter);
  ASSERT_TRUE(QTest::qWaitFor([&] { return exposure.settled(); }));
  EXPECT_EQ(exposure.verdictText(), "Not available: single events are not kept here");
}

TEST(Views, AToolTipGoesWhenTheWindowMoves) {
  Stage stage;
  LatencyView latency(&stage.session);
  show(latency);
  QMouseEvent over(QEvent::MouseMove, {400, 120}, latency.mapToGlobal(QPointF(400, 120)),
                   Qt::NoButton, Qt::NoButton, {});
  QCoreApplication::sendEvent(&latency, &over);
  ASSERT_TRUE(QToolTip::isVisible());
  stage.session.zoom(0.5);
  EXPECT_TRUE(QTest::qWaitFor([] { return !QToolTip::isVisible(); }))
      << QToolTip::text().toStdString();
}

TEST(Engine, ALowPanelShowsTheFirstLanesAndSaysHowManyThereAre) {
  Stage stage;
  EngineView engine(&stage.session);
  show(engine, {800, 160});
  const auto hint = [&engine] {
    const QRect left(4, engine.height() - 16, 80, 16);
    return count(image_of(engine).copy(left), theme().muted);
  };
  EXPECT_GT(hint(), 0);
  engine.resize(800, 700);
  ASSERT_TRUE(QTest::qWaitFor([&] { return engine.settled(); }));
  EXPECT_EQ(hint(), 0);
}

// A kick a millisecond.
class KickingCell : public TinyCell {
 public:
  EngineColumns engine(TimeWindow window, std::uint32_t columns) const override {
    EngineColumns answer = TinyCell::engine(window, columns);
    Column column;
    column.count = 1;
    column.low = column.mean = column.high = 1000;
    answer.kicks_per_s.assign(columns, column);
    return answer;
  }
};

TEST(Engine, RatesOfSingleEventsAreTheSameInAPictureOfAnyWidth) {
  Session session;
  session.setRun(std::make_shared<TinyRun>(
      std::vector<std::shared_ptr<TinyCell>>{std::make_shared<KickingCell>()}));
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
  for (const int width : {400, 1300}) {
    EngineView engine(&session);
    show(engine, {width, 600});
    EXPECT_GT(engine.engine().kicks_per_s.size(), std::size_t(width) / 2) << "a pixel each";
    // 370 ms in 150 steps: of 5 ms.
    EXPECT_EQ(engine.rates().kicks_per_s.size(), 74u);
  }
}

// Of a window's ten columns one is of few polls, most of them useful.
class IdleCell : public TinyCell {
 public:
  EngineColumns engine(TimeWindow window, std::uint32_t columns) const override {
    EngineColumns answer = TinyCell::engine(window, columns);
    auto& useful = answer.lcores[0].utilisation;
    for (Column& column : useful) column.mean = columns == 1 ? 0.0107f : 0.0123f;
    return answer;
  }
};

TEST(Engine, ALegendSaysWhatAReportDivides) {
  Session session;
  session.setRun(std::make_shared<TinyRun>(
      std::vector<std::shared_ptr<TinyCell>>{std::make_shared<IdleCell>()}));
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
  EngineView engine(&session);
  show(engine, {800, 600});
  const auto numbers = engine.numbers();
  ASSERT_FALSE(numbers.empty());
  EXPECT_EQ(numbers[0], "lcore 1 engine 1.07 %") << "and no mean of the columns";
}

TEST(Overview, TheBrushMovesAndResizesTheWindow) {
  Stage stage;
  OverviewStrip strip(&stage.session);
  strip.resize(1000, 76);
  strip.show();
  stage.session.setWindow({100 * kMs, 200 * kMs});
  const QRectF brush = strip.brush();
  const QPoint inside = brush.center().toPoint();
  QTest::mousePress(&strip, Qt::LeftButton, {}, inside);
  QTest::mouseMove(&strip, inside + QPoint(100, 0));
  QTest::mouseRelease(&strip, Qt::LeftButton, {}, inside + QPoint(100, 0));
  EXPECT_NEAR(double(stage.session.window().length()), 100e6, 2);
  EXPECT_GT(stage.session.window().from, 130 * kMs);
  const QPoint edge(int(strip.brush().right()), inside.y());
  QTest::mousePress(&strip, Qt::LeftButton, {}, edge);
  QTest::mouseMove(&strip, edge + QPoint(50, 0));
  QTest::mouseRelease(&strip, Qt::LeftButton, {}, edge + QPoint(50, 0));
  EXPECT_GT(stage.session.window().length(), 110 * kMs);
}

TEST(Chips, EachPartOfTheSelectionCanBeTakenAway) {
  Stage stage;
  Chips chips(&stage.session);
  EXPECT_EQ(chips.count(), 0);
  Filter filter;
  filter.endpoints = {EndpointId{0x28}, EndpointId{0x30}};
  stage.session.select(TimeWindow{1 * kMs, 2 * kMs}, filter);
  ASSERT_EQ(chips.count(), 3);
  chips.findChildren<QPushButton*>().last()->click();
  ASSERT_TRUE(QTest::qWaitFor([&] { return chips.count() == 2; }));
  EXPECT_EQ(stage.session.filter().endpoints.size(), 1u);
}

TEST(Observe, EveryWidgetWithFocusHasAName) {
  QSettings().clear();
  Stage stage;
  ObserveWorkspace observe(&stage.session, true);
  for (const QWidget* widget : observe.findChildren<QWidget*>()) {
    if (widget->focusPolicy() == Qt::NoFocus || qobject_cast<const QTabBar*>(widget) != nullptr)
      continue;
    if (widget->objectName().startsWith(QLatin1String("qt_"))) continue;
    // What is written on them is their name.
    const bool written = qobject_cast<const QLabel*>(widget) != nullptr ||
                         qobject_cast<const QPushButton*>(widget) != nullptr;
    if (written) continue;
    EXPECT_FALSE(widget->accessibleName().isEmpty() && widget->windowTitle().isEmpty())
        << widget->metaObject()->className() << ' ' << widget->objectName().toStdString();
  }
}

TEST(Observe, TheLayoutIsRememberedAndCanBeReset) {
  QSettings().clear();
  Stage stage;
  const auto events_of = [](const ObserveWorkspace& observe) {
    return observe.findChild<QDockWidget*>(QStringLiteral("dock.events"));
  };
  {
    ObserveWorkspace observe(&stage.session, true);
    observe.saveLayout();  // Nobody has seen it: nothing is kept.
    EXPECT_TRUE(QSettings().allKeys().isEmpty());
    observe.show();
    ASSERT_NE(events_of(observe), nullptr);
    QTest::qWait(20);  // The docks get their sizes.
    events_of(observe)->hide();
    observe.saveLayout();
  }
  ObserveWorkspace again(&stage.session, true);
  again.show();
  // Once the docks have their room.
  EXPECT_TRUE(QTest::qWaitFor([&] { return events_of(again)->isHidden(); }));
  again.resetLayout();
  EXPECT_FALSE(events_of(again)->isHidden());
  QSettings().clear();
}

TEST(Observe, ALargerWindowIsForThePlots) {
  Stage stage;
  ObserveWorkspace observe(&stage.session, false);
  observe.resize(1280, 640);
  observe.show();
  const auto* side = observe.findChild<QDockWidget*>(QStringLiteral("dock.side"));
  const auto* selection = observe.findChild<QDockWidget*>(QStringLiteral("dock.selection"));
  ASSERT_TRUE(side != nullptr && selection != nullptr);
  QTest::qWait(50);  // The docks get their first sizes.
  const int left = side->width(), right = selection->width(), plot = observe.churn()->width();
  observe.resize(2560, 1300);
  ASSERT_TRUE(QTest::qWaitFor([&] { return observe.churn()->width() > plot + 1200; }))
      << observe.churn()->width() << " of " << plot + 1280;
  EXPECT_NEAR(side->width(), left, 4);
  EXPECT_NEAR(selection->width(), right, 4);
  observe.resize(1280, 640);
  EXPECT_TRUE(QTest::qWaitFor([&] { return std::abs(observe.churn()->width() - plot) < 8; }))
      << side->width() << " of " << left << ", " << observe.churn()->width() << " of " << plot
      << ", " << selection->width() << " of " << right;
}

TEST(Observe, OnePanelFillsTheWorkspaceAndGoesBack) {
  QSettings().clear();
  Stage stage;
  ObserveWorkspace observe(&stage.session, true);
  observe.resize(1280, 640);
  observe.show();
  auto* dock = qobject_cast<QDockWidget*>(observe.churn()->parentWidget());
  ASSERT_NE(dock, nullptr);
  const int before = observe.churn()->width();
  observe.maximise(dock);
  ASSERT_TRUE(QTest::qWaitFor([&] { return observe.churn()->width() > 1000; }));
  observe.maximise(dock);
  ASSERT_TRUE(QTest::qWaitFor([&] { return observe.churn()->width() < 1000; }));
  EXPECT_NEAR(observe.churn()->width(), before, 8);
}

TEST(Observe, ActionsHaveUniqueIdsAndKeys) {
  QSettings().clear();
  Stage stage;
  ObserveWorkspace observe(&stage.session, true);
  QStringList ids, keys;
  for (const ActionRow& row : observe.actions()) {
    EXPECT_FALSE(row.tip.isEmpty()) << row.id.toStdString();
    ids << row.id;
    for (const QKeySequence& key : row.keys) keys << key.toString();
  }
  EXPECT_EQ(ids.size(), QSet<QString>(ids.begin(), ids.end()).size());
  EXPECT_EQ(keys.size(), QSet<QString>(keys.begin(), keys.end()).size());
}

TEST(Observe, NothingOpenSaysWhatToDo) {
  Session session;
  ObserveWorkspace observe(&session, false);
  observe.resize(900, 500);
  observe.show();
  QStringList words;
  for (const QLabel* label : observe.findChildren<QLabel*>()) {
    if (label->isVisible()) words << label->text();
  }
  EXPECT_TRUE(words.join(QLatin1Char(' ')).contains(QStringLiteral("./violet demo")));
  emit session.failed(QStringLiteral("trace.events: block 3 is damaged"));
  words.clear();
  for (const QLabel* label : observe.findChildren<QLabel*>()) {
    if (label->isVisible()) words << label->text();
  }
  EXPECT_TRUE(words.join(QLatin1Char(' ')).contains(QStringLiteral("block 3 is damaged")));
}

}  // namespace
}  // namespace violet::gui
