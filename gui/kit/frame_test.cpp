#include "gui/kit/frame.hpp"

#include <gtest/gtest.h>

#include <QImage>
#include <QPainter>

#include "gui/kit/theme.hpp"

namespace violet::gui {
namespace {

QImage drawn(const std::function<void(QPainter&)>& draw) {
  QImage image(400, 160, QImage::Format_RGB32);
  QPainter painter(&image);
  draw(painter);
  return image;
}

int count(const QImage& image, const QColor& colour, const QRect& where) {
  int found = 0;
  for (int y = where.top(); y <= where.bottom(); ++y) {
    for (int x = where.left(); x <= where.right(); ++x) found += image.pixelColor(x, y) == colour;
  }
  return found;
}

TEST(Frame, PlotLiesInsideAndAxesAreLabelled) {
  const Frame frame = time_frame(QRectF(0, 0, 400, 160), {"Stale pages (pages)", {}, Unit::kCount},
                                 {0, 1'000'000}, Scale{0, 50, 0, 0, false});
  EXPECT_TRUE(frame.area.contains(frame.plot));
  EXPECT_GE(frame.x_ticks.size(), 2u);
  EXPECT_GE(frame.y_ticks.size(), 2u);
  EXPECT_EQ(frame.y.pixel(0), frame.plot.bottom());
}

TEST(Frame, LabelsNeverTouchAtAnyHeightAndTheEndsStay) {
  for (double height = 40; height < 200; height += 7) {
    for (const double high : {1.0, 0.05, 7e5}) {
      const Frame frame = time_frame(QRectF(0, 0, 400, height), {"Lane", {}, Unit::kPerSecond},
                                     {0, 1'000'000}, Scale{0, high, 0, 0, false}, height > 100);
      const auto labels = axis_labels(frame);
      for (std::size_t i = 0; i < labels.size(); ++i) {
        EXPECT_GE(labels[i].box.top(), 0);
        EXPECT_LE(labels[i].box.bottom(), height);
        for (std::size_t j = 0; j < i; ++j) {
          EXPECT_FALSE(labels[i].box.adjusted(0, 1, 0, -1).intersects(labels[j].box))
              << labels[i].text.toStdString() << " and " << labels[j].text.toStdString() << " at "
              << height;
        }
      }
      ASSERT_FALSE(labels.empty());
      EXPECT_EQ(labels[0].text, unit_text(Unit::kPerSecond, 0));
    }
  }
}

TEST(Frame, AGapIsDrawnAndNotBridged) {
  const Frame frame = time_frame(QRectF(0, 0, 400, 160), {}, {0, 400}, Scale{0, 10, 0, 0, false});
  std::vector<Column> columns(4);
  for (Column& column : columns) column = {1, 5, 5, 5, false};
  columns[2] = {0, 0, 0, 0, true};
  const QImage image = drawn([&](QPainter& painter) {
    draw_frame(painter, frame);
    draw_columns(painter, frame, {0, 400}, columns, Qt::red);
  });
  const int y = static_cast<int>(frame.y.pixel(5));
  const auto at = [&](double time) { return static_cast<int>(frame.x.pixel(time)); };
  const auto reddish = [&](int x) {
    int most = 0;
    for (int dy = -2; dy <= 2; ++dy) {
      const QColor c = image.pixelColor(x, y + dy);
      most = std::max(most, c.red() - c.green());
    }
    return most;
  };
  EXPECT_GT(reddish(at(50)), 100);
  EXPECT_LT(reddish(at(250)), 40) << "nothing was seen here";
  EXPECT_GT(reddish(at(350)), 100);
}

TEST(Frame, ALegendIsSaidBrieflyBeforeItLosesAnEntry) {
  const std::vector<LegendEntry> entries{
      {"unmapped, still reachable", Qt::red, LegendEntry::Mark::kHatch, "stale"},
      {"mapped", Qt::blue, LegendEntry::Mark::kBox}};
  EXPECT_EQ(fit_legend(400, entries).entries, 2u);
  EXPECT_FALSE(fit_legend(400, entries).brief);
  EXPECT_EQ(fit_legend(170, entries).entries, 2u);
  EXPECT_TRUE(fit_legend(170, entries).brief);
  EXPECT_LT(fit_legend(90, entries).entries, 2u);
}

TEST(Frame, ATitleIsSaidBrieflyWhereTheLegendWouldLoseAnEntry) {
  FrameText text;
  text.title = "A title as long as a sentence that wants the whole row";
  text.brief = "A title";
  text.legend = {{"mapped", Qt::blue, LegendEntry::Mark::kBox}};
  for (const int width : {300, 900}) {
    const QImage image = drawn([&](QPainter& painter) {
      const QRectF area(0, 0, width, 100);
      draw_title(painter, time_frame(area, text, {0, 1000}, Scale{0, 1, 0, 0, false}));
    });
    EXPECT_GT(count(image, Qt::blue, QRect(0, 0, width, 24)), 20) << width;
  }
}

TEST(Frame, ALegendThatDoesNotFitLosesItsEnd) {
  const QRectF row(0, 0, 120, 20);
  const std::vector<LegendEntry> entries{
      {"mapped", Qt::red, LegendEntry::Mark::kBox},
      {"a very long entry that cannot fit", Qt::blue, LegendEntry::Mark::kBox}};
  double left = 0;
  const QImage image = drawn([&](QPainter& painter) {
    painter.fillRect(0, 0, 400, 160, Qt::white);
    left = draw_legend(painter, row, entries);
  });
  EXPECT_GE(left, row.left());
  EXPECT_GT(count(image, Qt::red, QRect(0, 0, 120, 20)), 20);
  EXPECT_EQ(count(image, Qt::blue, QRect(0, 0, 400, 20)), 0);
}

}  // namespace
}  // namespace violet::gui
