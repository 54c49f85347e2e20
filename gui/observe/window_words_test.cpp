// What views say of a window that was not seen whole, or in which nothing came to its end.
#include <gtest/gtest.h>

#include <QFontMetricsF>
#include <QTabWidget>
#include <algorithm>
#include <atomic>

#include "gui/kit/drawn_words_testing.hpp"
#include "gui/kit/theme.hpp"
#include "gui/observe/distribution_chart.hpp"
#include "gui/observe/engine_view.hpp"
#include "gui/observe/exposure_view.hpp"
#include "gui/observe/latency_view.hpp"
#include "gui/observe/observe_rig_testing.hpp"
#include "gui/observe/selection_panel.hpp"

namespace violet::gui {
using namespace query;
namespace {

// Its unmaps return and are never executed.
class ForgetfulCell : public TinyCell {
 public:
  ExposureColumns exposure(const ExposureQuery& query) const override {
    ExposureColumns answer = TinyCell::exposure(query);
    const std::uint64_t unmaps = answer.unmaps->count;
    answer.unmaps.emplace().open = unmaps;
    answer.unmaps->resolution = {query.window, {}};
    return answer;
  }
};

TEST(Exposure, UnmapsThatNeverEndAreNotSaidNotToHaveReturned) {
  Session session;
  session.setRun(std::make_shared<TinyRun>(
      std::vector<std::shared_ptr<TinyCell>>{std::make_shared<ForgetfulCell>()}));
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
  ExposureView view(&session);
  show(view, {1600, 400});
  ASSERT_GT(view.exposure().unmaps->open, 0u);
  EXPECT_FALSE(view.noWindow().contains("No unmap returned")) << view.noWindow().toStdString();
  EXPECT_TRUE(view.noWindow().contains("none was executed")) << view.noWindow().toStdString();
  EXPECT_TRUE(view.verdictText().contains("was executed")) << view.verdictText().toStdString();
}

// A step that its window cuts says nothing of what lies behind the window.
TEST(Exposure, TheLineKeepsToTheWindow) {
  class Noted : public TinyCell {
   public:
    mutable std::atomic<bool> beyond{false};
    TimeWindow within;
    ExposureColumns exposure(const ExposureQuery& query) const override {
      if (query.window.from < within.from || query.window.to > within.to) beyond = true;
      return TinyCell::exposure(query);
    }
  };
  const auto cell = std::make_shared<Noted>();
  cell->within = {33 * kMs + 7,
                  367 * kMs + 3};  // More than 200 unmaps: the line is a mean over steps.
  Session session;
  session.setRun(std::make_shared<TinyRun>(std::vector<std::shared_ptr<TinyCell>>{cell}));
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
  session.setWindow(cell->within);
  ExposureView view(&session);
  show(view, {900, 400});
  ASSERT_FALSE(view.mean().stale_pages.empty());
  EXPECT_FALSE(cell->beyond);
}

// Of whose window the summary knows the middle alone, as what lies around it has warming up and taking down in it.
class PartlyKnownCell : public TinyCell {
 public:
  static Resolution known(TimeWindow window) {
    const Nanos fifth = window.length() / 5;
    return {{window.from + fifth, window.to - fifth}, fifth};
  }
  ExposureColumns exposure(const ExposureQuery& query) const override {
    ExposureColumns answer = TinyCell::exposure(query);
    answer.pages->resolution = answer.unmaps->resolution = known(query.window);
    return answer;
  }
  LatencyGrid latency(const LatencyQuery& query) const override {
    LatencyGrid grid = TinyCell::latency(query);
    grid.resolution = known(query.window);
    return grid;
  }
};

// Behind the last event that was kept one by one: bins of 10 ms.
class BinnedCell : public TinyCell {
 public:
  ExposureColumns exposure(const ExposureQuery& query) const override {
    constexpr Nanos kBin = 10 * kMs;
    ExposureColumns answer = TinyCell::exposure(query);
    const TimeWindow bins{query.window.from / kBin * kBin, (query.window.to / kBin + 1) * kBin};
    answer.pages->resolution = answer.unmaps->resolution = {bins, kBin};
    return answer;
  }
};

TEST(Words, OfLessThanABinNothingIsStated) {
  Session session;
  const auto cell = std::make_shared<BinnedCell>();
  session.setRun(std::make_shared<TinyRun>(std::vector<std::shared_ptr<TinyCell>>{cell}));
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
  ExposureView exposure(&session);
  show(exposure, {1200, 260});
  const auto says = [&](const QString& what) {
    const auto words = drawn_words(exposure);
    return std::any_of(words.begin(), words.end(),
                       [&](const DrawnWords& one) { return one.text.contains(what); });
  };
  EXPECT_FALSE(says("no statement below"));
  session.setWindow({103 * kMs, 103 * kMs + 500'000});
  ASSERT_TRUE(QTest::qWaitFor([&] { return exposure.settled(); }));
  EXPECT_TRUE(says(", no statement below 10 ms here"));
}

// An engine's counters are of all that it does.
TEST(Words, TheEngineSaysThatASelectionOfAddressesIsNotItsOwn) {
  Stage stage;
  EngineView engine(&stage.session);
  show(engine, {1200, 600});
  const auto said = [&] {
    const auto words = drawn_words(engine);
    return std::count_if(words.begin(), words.end(), [](const DrawnWords& one) {
      return one.text ==
             "Useful polls of all polls (%), of all addresses and endpoints: the "
             "engine is not divided by them";
    });
  };
  EXPECT_EQ(said(), 0);
  Filter addresses, endpoints;
  addresses.range = IovaRange::of(TinyCell::kBase, 8 * 4096);
  endpoints.endpoints = {EndpointId{0x28}};
  for (const Filter& filter : {addresses, endpoints}) {
    stage.session.select({}, filter);
    ASSERT_TRUE(QTest::qWaitFor([&] { return engine.settled(); }));
    EXPECT_EQ(said(), 1);
  }
  stage.session.clearSelection();
  ASSERT_TRUE(QTest::qWaitFor([&] { return engine.settled(); }));
  EXPECT_EQ(said(), 0);
}

// In the panel as it stands at the side of the window.
TEST(Words, HistogramAndCdfSayWhichTimesTheyAreOf) {
  Stage stage;
  LatencyView latency(&stage.session);
  ExposureView exposure(&stage.session);
  SelectionPanel panel(&stage.session, &latency, &exposure);
  show(latency);
  panel.resize(300, 420);
  panel.show();
  auto* tabs = panel.findChild<QTabWidget*>();
  for (auto* chart : panel.findChildren<DistributionChart*>()) {
    tabs->setCurrentWidget(chart);
    ASSERT_TRUE(chart->isVisible());
    QStringList below;
    double right = 0;
    for (const auto& [text, at] : drawn_words(*chart)) {
      // The other axis may end there as well.
      if (at.y() < chart->height() - Frame::kBottom || !text.endsWith('s')) continue;
      below << text;
      EXPECT_GE(at.x(), right) << "labels stand beside each other";
      right = at.x() + QFontMetricsF(number_font(8)).horizontalAdvance(text);
      EXPECT_LE(right, chart->width()) << text.toStdString();
    }
    // Latencies from 400 ns to 1.9 us.
    EXPECT_EQ(below, QStringList({"500 ns", "1 µs", "2 µs"}))
        << chart->accessibleName().toStdString();
  }
}

TEST(Words, NumbersOfAPartOfTheWindowSaySo) {
  for (const bool partly : {false, true}) {
    Session session;
    session.setRun(std::make_shared<TinyRun>(std::vector<std::shared_ptr<TinyCell>>{
        partly ? std::make_shared<PartlyKnownCell>() : std::make_shared<TinyCell>()}));
    ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
    ExposureView exposure(&session);
    LatencyView latency(&session);
    show(exposure, {1600, 400});
    show(latency, {1600, 400});
    ASSERT_GT(latency.grid().count, 0u);
    for (const QString& says :
         {exposure.verdictText(), exposure.distributionTitle(), latency.distributionTitle()}) {
      EXPECT_EQ(says.contains("of this window"), partly) << says.toStdString();
    }
  }
}

}  // namespace
}  // namespace violet::gui
