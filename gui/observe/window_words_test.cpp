// What views say of a window that was not seen whole, or in which nothing came to its end.
#include <gtest/gtest.h>

#include <atomic>

#include "gui/observe/exposure_view.hpp"
#include "gui/observe/latency_view.hpp"
#include "gui/observe/observe_rig_testing.hpp"

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
