// The overview strip shows the whole run in one line, operations per second and stale pages, with
// a brush for the window that all views show. It never leaves.
//
// Threading: the main thread.
// Mouse: dragging the brush moves it, its edges resize it, dragging outside draws a new one, a
// click jumps there.
#pragma once

#include <QWidget>

#include "gui/kit/frame.hpp"
#include "gui/model/query.hpp"
#include "gui/model/session.hpp"

namespace violet::gui {

class OverviewStrip : public QWidget {
  Q_OBJECT
 public:
  explicit OverviewStrip(Session* session, QWidget* parent = nullptr);

  void paint(QPainter& painter, const QRectF& area);
  bool settled() const { return !query_.busy(); }
  QRectF brush() const;  // In the widget's coordinates.

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;

 private:
  enum class Grip { kNone, kMove, kLeft, kRight, kNew };
  void ask();
  QRectF plot() const;
  Frame frameOf(const QRectF& area) const;
  TimeWindow whole() const;
  Nanos timeAt(double x) const;
  Grip gripAt(double x) const;
  void paintKept(QPainter& painter, const Frame& frame) const;
  void paintStale(QPainter& painter, const Frame& frame) const;
  void paintOutside(QPainter& painter, const Frame& frame) const;

  Session* session_;
  Overview answer_;
  Query<Overview> query_;
  Grip grip_ = Grip::kNone;
  double pressed_ = 0;
  TimeWindow pressed_window_;
};

}  // namespace violet::gui
