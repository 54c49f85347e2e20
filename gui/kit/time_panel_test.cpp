#include "gui/kit/time_panel.hpp"

#include <gtest/gtest.h>

#include <QPainter>
#include <QSignalSpy>
#include <QTest>
#include <QWheelEvent>

namespace violet::gui {
namespace {

class Panel : public TimePanel {
 public:
  Panel() {
    resize(400, 160);
    setWindow({0, 1000});
    connect(this, &TimePanel::windowWanted, this, [this](TimeWindow window) { wanted = window; });
    connect(this, &TimePanel::timeSelected, this,
            [this](std::optional<TimeWindow> time) { selected = time; });
    connect(this, &TimePanel::cursorWanted, this,
            [this](std::optional<Nanos> at) { hovered = at; });
  }
  void paint(QPainter& painter, const QRectF& area) override { painter.fillRect(area, Qt::black); }
  QPoint at(double share) const {
    return {static_cast<int>(plotRect().left() + share * plotRect().width()), 80};
  }
  void wheel(double share, int steps, Qt::KeyboardModifiers modifiers = {}) {
    QWheelEvent event(QPointF(at(share)), mapToGlobal(QPointF(at(share))), {}, {0, steps * 120},
                      Qt::NoButton, modifiers, Qt::NoScrollPhase, false);
    wheelEvent(&event);
  }
  TimeWindow wanted;
  std::optional<TimeWindow> selected;
  std::optional<Nanos> hovered;
};

TEST(TimePanel, WheelZoomsAtThePointer) {
  Panel panel;
  panel.wheel(0.25, 1);
  EXPECT_NEAR(double(panel.wanted.length()), 800, 5);
  const double anchor = double(250 - panel.wanted.from) / double(panel.wanted.length());
  EXPECT_NEAR(anchor, 0.25, 0.01) << "the time under the pointer stays there";
  EXPECT_EQ(panel.window(), (TimeWindow{0, 1000})) << "it asks, and does not change itself";
}

TEST(TimePanel, WheelWithShiftPans) {
  Panel panel;
  panel.wheel(0.5, -1, Qt::ShiftModifier);
  EXPECT_EQ(panel.wanted, (TimeWindow{100, 1100}));
}

TEST(TimePanel, DraggingPans) {
  Panel panel;
  QTest::mousePress(&panel, Qt::LeftButton, {}, panel.at(0.5));
  QTest::mouseMove(&panel, panel.at(0.4));
  QTest::mouseRelease(&panel, Qt::LeftButton, {}, panel.at(0.4));
  EXPECT_NEAR(double(panel.wanted.from), 100, 10);
  EXPECT_FALSE(panel.selected);
}

TEST(TimePanel, ShiftAndDraggingSelects) {
  Panel panel;
  QTest::mousePress(&panel, Qt::LeftButton, Qt::ShiftModifier, panel.at(0.2));
  QTest::mouseMove(&panel, panel.at(0.6));
  QTest::mouseRelease(&panel, Qt::LeftButton, Qt::ShiftModifier, panel.at(0.6));
  ASSERT_TRUE(panel.selected);
  EXPECT_NEAR(double(panel.selected->from), 200, 10);
  EXPECT_NEAR(double(panel.selected->to), 600, 10);
}

TEST(TimePanel, HoveringAsksForTheCursor) {
  Panel panel;
  panel.show();
  QTest::mouseMove(&panel, panel.at(0.5));
  ASSERT_TRUE(QTest::qWaitFor([&] { return panel.hovered.has_value(); }));
  EXPECT_NEAR(double(*panel.hovered), 500, 10);
}

TEST(TimePanel, AClickIsNoDrag) {
  Panel panel;
  QSignalSpy clicks(&panel, &TimePanel::clicked);
  QTest::mouseClick(&panel, Qt::LeftButton, {}, panel.at(0.3));
  EXPECT_EQ(clicks.count(), 1);
  EXPECT_EQ(panel.wanted, TimeWindow{});
}

}  // namespace
}  // namespace violet::gui
