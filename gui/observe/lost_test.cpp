// What the views say of times in which events were lost.
#include <gtest/gtest.h>

#include <QTest>
#include <algorithm>
#include <tuple>

#include "gui/observe/churn_view.hpp"
#include "gui/observe/exposure_view.hpp"
#include "gui/observe/facts.hpp"
#include "gui/observe/latency_view.hpp"
#include "gui/observe/observe_rig_testing.hpp"

namespace violet::gui {
using namespace query;
namespace {

// Of 100 to 200 ms no event was seen.
struct LossyStage : Stage {
  explicit LossyStage(Nanos window = 5 * kMs) : Stage(window) {
    cell->lost = TimeWindow{100 * kMs, 200 * kMs};
    cell->grow();
  }
};

QPointF at_time(const ObserveView& view, Nanos at) {
  const TimeWindow window = view.window();
  const double plot = view.width() - Frame::kLeft - Frame::kRight;
  return {Frame::kLeft + double(at - window.from) / double(window.length()) * plot, 120};
}

TEST(Lost, NoViewCountsAsZeroWhatWasLost) {
  LossyStage stage;
  ChurnView churn(&stage.session);
  LatencyView latency(&stage.session);
  ExposureView exposure(&stage.session);
  for (ObserveView* view : std::initializer_list<ObserveView*>{&churn, &latency, &exposure})
    show(*view);
  const QString of_page = churn.describe(at_time(churn, 150 * kMs));
  EXPECT_TRUE(of_page.contains("what was mapped is not known")) << of_page.toStdString();
  EXPECT_FALSE(of_page.contains('%')) << of_page.toStdString();
  const QString of_level = exposure.describe(at_time(exposure, 150 * kMs));
  EXPECT_TRUE(of_level.contains("not known")) << of_level.toStdString();
  EXPECT_TRUE(exposure.verdictText().contains("where no event was lost"))
      << exposure.verdictText().toStdString();
  const QString of_calls = latency.describe(at_time(latency, 150 * kMs));
  EXPECT_TRUE(of_calls.contains("events were lost here")) << of_calls.toStdString();
  for (const Facts& facts : {latencyFacts(latency.grid()), exposureFacts(exposure.exposure())}) {
    EXPECT_TRUE(std::any_of(facts.begin(), facts.end(),
                            [](const Fact& fact) { return fact.name == "Events lost"; }));
  }
}

TEST(Lost, WithinAGapNothingIsKnown) {
  LossyStage stage;
  LatencyView latency(&stage.session);
  ExposureView exposure(&stage.session);
  show(latency);
  show(exposure);
  stage.session.setWindow({120 * kMs, 180 * kMs});
  ASSERT_TRUE(QTest::qWaitFor([&] { return latency.settled() && exposure.settled(); }));
  EXPECT_EQ(exposure.verdictText(), "Events were lost: no unmap was seen whole");
  EXPECT_EQ(latency.nothing(), "Not known: events were lost here, and no unmap was seen");
  ASSERT_FALSE(latencyFacts(latency.grid()).empty());
  EXPECT_EQ(latencyFacts(latency.grid()).front().value, "not known: events were lost");
  for (const Fact& fact : exposureFacts(exposure.exposure()))
    EXPECT_FALSE(fact.name.startsWith("Stale pages, ")) << fact.value.toStdString();
}

TEST(Lost, BesideAGapAZeroIsAZero) {
  LossyStage stage(0);
  ExposureView exposure(&stage.session);
  show(exposure);
  stage.session.setWindow({210 * kMs, 300 * kMs});
  ASSERT_TRUE(QTest::qWaitFor([&] { return exposure.settled(); }));
  EXPECT_TRUE(exposure.verdictText().startsWith("Zero: each of "))
      << exposure.verdictText().toStdString();
}

TEST(Lost, ChurnPaintsNoGroundWhereEventsWereLost) {
  LossyStage stage;
  ChurnView churn(&stage.session);
  show(churn);
  const ChurnPicture& picture = churn.picture();
  const TimeWindow drawn = picture.ask.window;
  const ChurnGrid& grid = picture.grids.front();
  int known = 0;
  for (int x = 0; x < picture.ask.columns; ++x) {
    for (int y = 0; y < picture.image.height(); ++y) {
      const auto point = churn_point(picture, x, picture.image.height() - y - 0.5);
      if (!point || grid.operations[point->index] > 0) continue;
      const bool painted = qAlpha(picture.image.pixel(x, y)) != 0;
      if (grid.gap[point->column]) {
        ASSERT_FALSE(painted) << x << ' ' << y;
      }
      known += painted ? 1 : 0;
    }
  }
  EXPECT_GT(known, 100) << "elsewhere there is";
  EXPECT_GT(drawn.length(), 300 * kMs);
}

// Of which no address is known.
class BareCell : public TinyCell {
 public:
  using TinyCell::TinyCell;
  UsedRanges used_ranges() const override { return {}; }
};

TEST(Lost, ThatNothingWasMappedIsSaidOfWhatWasSeenWhole) {
  for (const auto& [live, lossy, says] :
       {std::tuple(false, false, "Nothing was mapped in this cell"),
        std::tuple(true, false, "No mapping so far in this cell"),
        std::tuple(true, true, "Not known: events were lost, and no mapping was seen so far")}) {
    Session session;
    const auto cell = std::make_shared<BareCell>();
    cell->live = live;
    if (lossy) cell->lost = TimeWindow{0, kMs};
    session.setRun(std::make_shared<TinyRun>(std::vector<std::shared_ptr<TinyCell>>{cell}));
    ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
    ChurnView churn(&session);
    show(churn);
    EXPECT_EQ(churn.nothing(), says);
  }
}

}  // namespace
}  // namespace violet::gui
