// A time panel is a plot over the time axis: hovering moves the cursor, the wheel zooms at the
// pointer, dragging pans, dragging with Shift selects a range of time, a double click fits. The
// owner decides what the wishes mean, so several panels (and several runs) can share one axis.
//
// Threading: the main thread.
// Invariants: The panel never changes its own window: it asks, and shows what it is given.
#pragma once

#include <QPoint>
#include <QWidget>
#include <optional>

#include "gui/kit/frame.hpp"

namespace violet::gui {

class TimePanel : public QWidget {
  Q_OBJECT
 public:
  explicit TimePanel(QWidget* parent = nullptr);

  TimeWindow window() const { return window_; }
  void setWindow(TimeWindow window);
  std::optional<Nanos> cursor() const { return cursor_; }
  void setCursor(std::optional<Nanos> at);
  void setSelectedTime(std::optional<TimeWindow> time);

  // The plot in any painter: screen and export take the same way.
  virtual void paint(QPainter& painter, const QRectF& area) = 0;

 signals:
  void windowWanted(violet::gui::TimeWindow window);
  void cursorWanted(std::optional<violet::gui::Nanos> at);
  void timeSelected(std::optional<violet::gui::TimeWindow> time);
  void fitWanted();
  void clicked(const QPointF& at);

 protected:
  // The rectangle of the plot inside the widget, for the mouse.
  virtual QRectF plotRect() const;
  // What the tool tip says at this point; empty: nothing.
  virtual QString describe(const QPointF& at) const;
  // Zooming and panning across; the y axis of a subclass may take part (wheel with Ctrl, dragging).
  virtual bool wheelOnY(double steps, const QPointF& at);
  virtual void panY(double pixels);
  virtual void selectY(const QRectF& selected);

  Nanos timeAt(double x) const;
  std::optional<TimeWindow> selectedTime() const { return selected_; }

  void paintEvent(QPaintEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;

 private:
  enum class Drag { kNone, kPan, kSelect };
  void dragTo(const QPointF& at);
  void paintDrag(QPainter& painter) const;
  QRectF dragBox(const QPointF& to) const;

  TimeWindow window_;
  std::optional<Nanos> cursor_;
  std::optional<TimeWindow> selected_;
  Drag drag_ = Drag::kNone;
  QPointF pressed_, last_;
  TimeWindow pressed_window_;
  bool moved_ = false;
  bool told_ = false;  // A tool tip of this panel was shown last.
};

}  // namespace violet::gui
