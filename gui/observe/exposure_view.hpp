// The exposure view plots how many pages were unmapped and still reachable, with the accesses of
// the rogue endpoint above; tall enough, the distribution of the windows below. Zero is drawn as
// zero: a flat line that says so.
//
// Threading: the main thread.
#pragma once

#include "gui/observe/observe_view.hpp"

namespace violet::gui {

class ExposureView : public ObserveView {
  Q_OBJECT
 public:
  explicit ExposureView(Session* session, QWidget* parent = nullptr);

  void paint(QPainter& painter, const QRectF& area) override;
  const ExposureColumns& exposure() const { return answer_; }
  // Of the selected time, or of the window.
  const ExposureColumns& selected() const { return selected_; }
  // The line, where it is a mean over steps.
  const ExposureColumns& mean() const { return mean_; }
  // The words in the plot.
  QString verdictText() const;
  QString distributionTitle() const;  // Its numbers, and what they are of.
  // Why the distribution is empty.
  QString noWindow() const;
  QString describe(const QPointF& at) const override;

 signals:
  void answered();

 protected:
  void ask() override;
  bool busy() const override { return query_.busy(); }
  void forget() override;
  QRectF plotRect() const override;

 private:
  void paintStale(QPainter& painter, const QRectF& area);
  struct Verdict {
    QString text;
    QColor colour;
    bool in_the_middle;
  };
  // In at most `room` pixels, where it is a list of numbers.
  Verdict verdict(const QFontMetricsF& metrics, double room) const;
  Verdict zeroVerdict(const ExposureUnmaps& unmaps) const;
  Verdict staleVerdict(const QFontMetricsF& metrics, double room) const;
  QString openNote(const ExposureUnmaps& unmaps) const;
  QString narrowed() const;
  bool copies() const;  // Through a pool that stays mapped.
  void paintLevel(QPainter& painter, const Frame& frame) const;
  void paintProbes(QPainter& painter, const Frame& frame) const;
  void paintVerdict(QPainter& painter, const Frame& frame) const;
  double most() const;
  static QRectF staleArea(const QRectF& area);

  struct Answer {
    ExposureColumns window, selected;
    ExposureColumns mean;     // Over steps of a round length, whatever the picture's width,
    double mean_step_ns = 0;  // or 0: every single window is drawn.
  };
  ExposureColumns answer_, selected_, mean_;
  double mean_step_ns_ = 0;
  Query<Answer> query_;
};

}  // namespace violet::gui
