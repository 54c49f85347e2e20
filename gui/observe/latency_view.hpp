// The latency view plots time against log nanoseconds: colour counts operations, lines follow p50,
// p99 and p99.9. Tall enough, the distribution of the selection is below.
//
// Threading: the main thread.
#pragma once

#include <QImage>

#include "gui/observe/distribution.hpp"
#include "gui/observe/heat_map.hpp"
#include "gui/observe/observe_view.hpp"

namespace violet::gui {

class LatencyView : public ObserveView {
  Q_OBJECT
 public:
  explicit LatencyView(Session* session, QWidget* parent = nullptr);

  void paint(QPainter& painter, const QRectF& area) override;
  Operation operation() const { return operation_; }
  void setOperation(Operation operation);
  const LatencyGrid& grid() const { return answer_.grid; }
  // Of the selected time, or of the window.
  const LatencyGrid& selected() const { return answer_.selected; }
  QString whatIsSelected()
      const;  // "window", "selected time and addresses": what selected() is of.
  // What the axis shows, and how many calls are marked at its upper edge because they took longer.
  const ShownBins& bins() const { return answer_.bins; }
  QString distributionTitle() const;  // Of the histogram: its numbers, and what they are of.
  QString describe(const QPointF& at) const override;
  QString nothing() const;  // Why no call is drawn.

  static QString operationText(Operation operation);

 signals:
  void operationChanged();
  void answered();

 protected:
  void ask() override;
  bool busy() const override { return query_.busy(); }
  std::uint64_t extra() const override { return static_cast<std::uint64_t>(operation_); }
  void forget() override;
  QRectF plotRect() const override;

 private:
  // Calls of one column that took longer than the axis shows.
  struct Above {
    std::size_t column = 0, bin = 0;  // The highest one.
    std::uint64_t count = 0;
  };
  static std::vector<Above> above_of(const LatencyGrid& grid, const ShownBins& bins);
  struct Answer {
    LatencyGrid grid, selected;
    QImage image;
    HeatScale scale;
    ShownBins bins;
    std::vector<Above> above;  // Longest first.
  };
  static Answer answer(const CellQueries& trace, const LatencyQuery& query,
                       std::optional<TimeWindow> selected, bool dark);
  void paintHeat(QPainter& painter, const QRectF& area);
  void paintAbove(QPainter& painter, const Frame& frame) const;
  void paintLine(QPainter& painter, const Frame& frame, const PercentileLine& line, double width,
                 Qt::PenStyle style) const;
  Frame frameOf(const QRectF& area) const;
  std::vector<LegendEntry> legend() const;
  static QRectF heatArea(const QRectF& area);

  Operation operation_ = Operation::kUnmap;
  Answer answer_;
  Query<Answer> query_;
};

}  // namespace violet::gui
