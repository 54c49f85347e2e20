// The engine view draws one lane each for utilisation of the lcores, queue depth, requests by
// type, IOTLB hits and misses, invalidations with their waits, and faults with reason and
// endpoint.
//
// Threading: the main thread.
#pragma once

#include <optional>

#include "gui/observe/observe_view.hpp"

namespace violet::gui {

class EngineView : public ObserveView {
  Q_OBJECT
 public:
  static constexpr std::size_t kMostFaults = 2000;

  explicit EngineView(Session* session, QWidget* parent = nullptr);

  void paint(QPainter& painter, const QRectF& area) override;
  const EngineColumns& engine() const { return answer_.engine; }
  const EngineColumns& rates() const { return answer_.rates; }
  const FaultLines& faults() const { return answer_.faults; }

  // What the legends say of the window: "lcore 1 engine 1.07 %".
  std::vector<QString> numbers() const;

 signals:
  void answered();

 protected:
  void ask() override;
  bool busy() const override { return query_.busy(); }
  void forget() override;
  QRectF plotRect() const override;
  QString describe(const QPointF& at) const override;

 private:
  struct Answer {
    EngineColumns engine;
    EngineColumns
        rates;  // Of what are single events: over steps of a round length, whatever the width.
    double rate_step_ns = 0;
    EngineColumns whole;  // One column: what a legend says of the window.
    FaultLines faults;
  };
  // One line of a lane.
  struct Series {
    QString name;
    QColor colour;
    const std::vector<Column>* columns;
    const std::vector<Column>* whole;
    const TimeWindow* window = nullptr;  // Null: that of the engine's columns.
    std::optional<double> mean() const;  // Over the window; nothing: it is not known.
  };
  struct Lane {
    QString title;
    Unit unit;
    double least_top;  // The axis reaches at least this far.
    std::vector<Series> series;
    QString missing;  // Said when there is no series with anything in it.
  };
  std::vector<Lane> lanes() const;
  TimeWindow windowOf(const Series& series) const {
    return series.window != nullptr ? *series.window : answer_.engine.window;
  }
  void paintLane(QPainter& painter, const QRectF& area, const Lane& lane, bool x_labels) const;
  QString noFaults() const;
  void paintFaults(QPainter& painter, const QRectF& area) const;
  std::size_t laneAt(double y) const;
  static std::size_t shownLanes(double height);
  static std::size_t twins(const Lane& lane, std::size_t index);

  Answer answer_;
  Query<Answer> query_;
};

}  // namespace violet::gui
