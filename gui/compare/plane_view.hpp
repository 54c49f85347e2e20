// The plane view draws what each strategy leaves within reach against what it costs. Shape is
// placement, colour is strategy, bars are 95 % intervals, the line is the Pareto front.
//
// Threading: the main thread.
#pragma once

#include <QWidget>

#include "gui/compare/plane_layout.hpp"

namespace violet::gui {

class PlaneView : public QWidget {
  Q_OBJECT
 public:
  explicit PlaneView(QWidget* parent = nullptr);

  void setPlane(Plane plane);
  const Plane& plane() const { return plane_; }
  // The cell that is open in the other views.
  void setCurrent(const std::string& cell_id);
  void paint(QPainter& painter, const QRectF& area) const;
  // Index among the plane's points, or -1.
  int pointAt(const QPointF& at) const;
  QString describe(int point) const;
  // "0 % to 61.2 % of the time": over all points.
  QString injectedText() const;

 signals:
  void cellPicked(const QString& cell_id);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  QSize minimumSizeHint() const override { return {360, 260}; }

 private:
  void paintPlaces(QPainter& painter, const PlaneLayout& layout) const;
  void paintUnknown(QPainter& painter, const PlaneLayout& layout) const;
  void paintAxes(QPainter& painter, const PlaneLayout& layout, const QRectF& area) const;
  void paintFront(QPainter& painter, const PlaneLayout& layout) const;
  void paintDot(QPainter& painter, const PlaneLayout& layout, const PlaneLayout::Dot& dot) const;
  void paintShapes(QPainter& painter, const QRectF& row) const;
  std::size_t shapeOf(const PlanePoint& point) const;

  Plane plane_;
  std::string current_;
  bool told_ = false;  // A tool tip of it is shown.
};

}  // namespace violet::gui
