// The churn view plots addresses against time. Colour counts operations, green ground is mapped,
// hatching in the alarm colour is unmapped and still reachable.
//
// Threading: the main thread; the picture is drawn on the pool.
// Mouse: wheel zooms time, with Ctrl addresses; dragging pans both; Shift and dragging selects
// times and addresses; a click on a page asks for its lifetimes.
#pragma once

#include "gui/observe/churn_picture.hpp"
#include "gui/observe/observe_view.hpp"

namespace violet::gui {

class ChurnView : public ObserveView {
  Q_OBJECT
 public:
  explicit ChurnView(Session* session, QWidget* parent = nullptr);

  void paint(QPainter& painter, const QRectF& area) override;

  const ChurnAxis& axis() const { return axis_; }
  void zoomAddresses(double factor, double anchor = 0.5);
  void panAddresses(double share);
  void fitAddresses();
  void showWholeSpace();
  void showRange(const IovaRange& range);
  bool linear() const { return axis_.linear(); }
  void setLinear(bool on);
  ChurnColour colour() const { return colour_; }
  void setColour(ChurnColour colour);
  bool showsLive() const { return live_; }
  void setShowsLive(bool on);
  bool showsStale() const { return stale_; }
  void setShowsStale(bool on);
  // The last answer: for tests and the tool tip.
  const ChurnPicture& picture() const { return picture_; }
  FrameText frameText() const;  // Title and legend as they are drawn.
  QString nothing() const;      // Why no address has a place on the axis.
  QString describe(const QPointF& at) const override;

 protected:
  void ask() override;
  bool busy() const override { return query_.busy() || ranges_.busy() || page_.busy(); }
  std::uint64_t extra() const override { return changes_; }
  void forget() override;
  bool wheelOnY(double steps, const QPointF& at) override;
  void panY(double pixels) override;
  void selectY(const QRectF& selected) override;

 private:
  bool paintsGround() const;
  struct PageAt {
    std::uint64_t page;
    Nanos at;
  };
  void changed();
  void pick(const QPointF& at);
  void paintBands(QPainter& painter, const Frame& frame) const;
  void paintPicture(QPainter& painter, const Frame& frame) const;
  void paintOutlines(QPainter& painter, const Frame& frame) const;
  void paintMarks(QPainter& painter, const Frame& frame) const;
  double yOf(const QRectF& plot, double place) const {
    return plot.bottom() - place * plot.height();
  }

  ChurnAxis axis_;
  ChurnColour colour_ = ChurnColour::kCalls;
  bool live_ = true, stale_ = true;
  std::uint64_t changes_ = 0;  // Of what the session does not know.
  std::uint64_t ranges_version_ = ~std::uint64_t{0};
  ChurnPicture picture_;
  Query<ChurnPicture> query_;
  Query<UsedRanges> ranges_;
  Query<std::optional<PageAt>> page_;
};

}  // namespace violet::gui
