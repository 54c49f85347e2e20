// An observe rig has a tiny cell open in a session, for tests that show views of it and look at their pixels.
//
// Threading: the main thread.
#pragma once

#include <gtest/gtest.h>

#include <QImage>
#include <QTest>
#include <QWidget>
#include <memory>
#include <vector>

#include "experiments/query/tiny_run_testing.hpp"
#include "gui/kit/frame.hpp"
#include "gui/model/session.hpp"

namespace violet::gui {
using namespace query;

inline constexpr Nanos kMs = TinyCell::kMs;

struct Stage {
  Session session;
  std::shared_ptr<TinyCell> cell;
  explicit Stage(Nanos window = 5 * kMs) : cell(std::make_shared<TinyCell>(window)) {
    session.setRun(std::make_shared<TinyRun>(std::vector{cell}));
    EXPECT_TRUE(QTest::qWaitFor([this] { return session.cell() != nullptr; }));
  }
};

template <class View>
void show(View& view, QSize size = {800, 260}) {
  view.resize(size);
  view.show();
  ASSERT_TRUE(QTest::qWaitFor([&] { return view.settled(); }));
}

inline QImage image_of(QWidget& view) {
  return view.grab().toImage().convertToFormat(QImage::Format_RGB32);
}

inline int count(const QImage& image, const QColor& colour) {
  int found = 0;
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) found += image.pixelColor(x, y) == colour;
  }
  return found;
}

// The plot without title, legend and labels.
inline QImage plot_of(QWidget& view) {
  return image_of(view).copy(view.rect().adjusted(int(Frame::kLeft) + 2, int(Frame::kTop) + 1,
                                                  -int(Frame::kRight) - 1,
                                                  -int(Frame::kBottom) - 2));
}

}  // namespace violet::gui
