// A lane panel draws one quantity of all lanes over one time axis: the baseline with its noise as
// a band, and shaded where a contender leaves the band.
//
// Threading: the main thread.
// Invariants: On a logarithmic scale zero has a place of its own below it; where nothing is known there is no line.
// What cannot be drawn is said in a row above the lines; where there are none, in their place, and there are no ticks.
// The legend has a row of its own where it would lose a lane beside the title.
#pragma once

#include "gui/compare/compare_model.hpp"
#include "gui/kit/time_panel.hpp"

namespace violet::gui {

class LanePanel : public TimePanel {
  Q_OBJECT
 public:
  LanePanel(CompareModel& model, LaneRow row, QWidget* parent = nullptr);

  LaneRow row() const { return row_; }
  void paint(QPainter& painter, const QRectF& area) override;
  // As it is drawn there.
  Frame frameOf(const QRectF& area) const;
  // Where the legend is drawn when it has no room beside the title.
  QRectF legendRow(const Frame& frame) const;
  // Which lanes are not drawn, and why; empty: all are.
  QString because() const;

 protected:
  QString describe(const QPointF& at) const override;

 private:
  Scale scale() const;
  bool logarithmic() const;
  std::vector<double> valuesOf(std::size_t lane) const;
  bool lowest() const { return row_ == LaneRow::kStale; }
  QString title() const;
  QString stepsText(const char* form) const;
  QString samplesText() const;
  QString sampledText() const;
  // The widest of the contenders' noise; nothing where none is known.
  std::optional<double> widestNoise(LaneRow row) const;
  bool anyNoise() const;
  bool anyZero() const;
  bool anyDrawn() const;
  FrameText frameText() const;
  void paintWhy(QPainter& painter, const Frame& frame) const;
  void paintLane(QPainter& painter, const Frame& frame, std::size_t lane) const;
  void paintNoise(QPainter& painter, const Frame& frame) const;
  void paintDifference(QPainter& painter, const Frame& frame, std::size_t lane) const;
  void paintDivergence(QPainter& painter, const Frame& frame) const;
  const std::vector<Column>* columnsOf(std::size_t lane) const;
  QColor colourOf(std::size_t lane) const;
  Qt::PenStyle styleOf(std::size_t lane) const;

  CompareModel& model_;
  LaneRow row_;
};

}  // namespace violet::gui
