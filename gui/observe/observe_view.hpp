// An observe view is a TimePanel that is tied to the session. It asks the cell, off the main
// thread, whenever what its picture depends on has changed and it can be seen.
//
// Threading: the main thread.
// Invariants: One question at a time, and only for the pixels there are. Until the answer is here
// the old picture is drawn where its times now lie. settled() means: the answer to the present
// question is drawn.
#pragma once

#include <QSize>
#include <memory>

#include "gui/kit/time_panel.hpp"
#include "gui/model/query.hpp"
#include "gui/model/session.hpp"

namespace violet::gui {

class ObserveView : public TimePanel {
  Q_OBJECT
 public:
  ObserveView(Session* session, const QString& name, QWidget* parent);

  bool settled() const { return !busy() && (asked_ == present() || !session_->cell()); }
  // Asks if something has changed; views that are not visible wait, and forget what is about something else now.
  void refresh();
  // Whether it knows what the session shows, or showed a moment ago while it asks again.
  bool hasAnswer() const { return has_answer_; }
  // For a picture: how many columns of data a pixel of the widget has, at least those of the screen.
  void setDensity(double density) { density_ = density; }

 signals:
  void waits();  // It has no answer, and asks for one or is hidden.

 protected:
  // What a picture depends on besides what the subclass adds with `extra`.
  struct Ask {
    const CellQueries* cell = nullptr;
    std::uint64_t version = 0;
    TimeWindow window;
    std::optional<TimeWindow> selected;
    Filter filter;
    QSize size;
    double density = 1;
    bool dark = true;
    std::uint64_t extra = 0;
    bool operator==(const Ask&) const = default;
  };

  Session* session() const { return session_; }
  std::shared_ptr<const CellQueries> cell() const { return session_->cell(); }
  // Of data: as many as the screen or the picture has dots.
  double density() const;
  std::uint32_t columns() const;
  // For the title, where an answer is coarser than a pixel: how fine it is, and where single events end.
  QString coarseNote(const Resolution& resolution) const;
  QString stepsNote(const Resolution& resolution) const;  // The same, without where events end.
  // Behind a title that counts calls: whether there is a sample of them only; empty: all of them.
  QString sampledNote() const;
  // Over the columns of a grid in which events were lost.
  static void paintGaps(QPainter& painter, const Frame& frame, TimeWindow drawn,
                        const std::vector<bool>& gap);
  // Which of `count` columns over `drawn` holds a moment.
  static std::size_t columnAt(TimeWindow drawn, std::size_t count, Nanos at);
  // Puts the question; called on the main thread with a cell.
  virtual void ask() = 0;
  virtual bool busy() const = 0;
  virtual std::uint64_t extra() const { return 0; }
  // Forgets the answer: another cell.
  virtual void forget() = 0;
  void noteAnswer() { has_answer_ = true; }
  void expireAnswer() { has_answer_ = false; }  // It is about something else; it is still drawn.

  // Draws the frame's background, then `content` clipped to the plot, then cursor, selection and
  // axes.
  template <class Content>
  void paintFramed(QPainter& painter, const Frame& frame, Content&& content) const {
    beginFrame(painter, frame);
    content();
    endFrame(painter, frame);
  }

  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  Ask present() const;
  void dropAnswer();
  void beginFrame(QPainter& painter, const Frame& frame) const;
  void endFrame(QPainter& painter, const Frame& frame) const;

  Session* session_;
  double density_ = 1;
  Ask asked_;
  bool has_answer_ = false;
};

}  // namespace violet::gui
