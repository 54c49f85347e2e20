// A session holds what all views share: the run and the cell that are looked at, the time window,
// the cursor, the selection and the clock that plays. Views read it and ask it to change; they
// never talk to each other.
//
// Threading: the main thread.
// Invariants: The window lies inside the cell's `whole` and is at least kShortestWindow long.
// Every change is signalled once, after it has happened. A selection is a Filter and a time range;
// clearing it clears both.
#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <optional>
#include <vector>

#include "experiments/query/queries.hpp"

namespace violet::gui {
using namespace query;

class Session : public QObject {
  Q_OBJECT
 public:
  static constexpr Nanos kShortestWindow = 200;      // ns
  static constexpr Nanos kFollowed = 2'000'000'000;  // Of a live run, at first.

  explicit Session(QObject* parent = nullptr);
  ~Session() override;

  // Takes a run; a cell of it is opened in the background (openingChanged, then cellChanged).
  void setRun(std::shared_ptr<RunQueries> run, std::size_t first_cell = 0);
  void closeRun();
  RunQueries* run() const { return run_.get(); }
  void openCell(std::size_t index);
  std::optional<std::size_t> cellIndex() const { return cell_index_; }
  // Null while nothing is open.
  std::shared_ptr<const CellQueries> cell() const { return cell_; }
  // While a cell is being opened: 0..1.
  std::optional<double> opening() const { return opening_; }

  TimeWindow window() const { return window_; }
  void setWindow(TimeWindow window);
  void zoom(double factor, double anchor = 0.5);  // < 1 zooms in; anchor 0..1 of the window.
  void pan(double share);                         // Of the window's length; > 0 to later times.
  void fit();                                     // The measured time; again: the whole.

  std::optional<Nanos> cursor() const { return cursor_; }
  void setCursor(std::optional<Nanos> at);

  const Filter& filter() const { return filter_; }
  std::optional<TimeWindow> selectedTime() const { return selected_time_; }
  void select(std::optional<TimeWindow> time, const Filter& filter);
  void clearSelection();
  // The page whose lifetimes are shown.
  std::optional<Iova> page() const { return page_; }
  void setPage(std::optional<Iova> page, std::optional<Nanos> at = {});
  std::optional<Nanos> pageAt() const { return page_at_; }

  bool playing() const;
  void setPlaying(bool on);
  double speed() const { return speed_; }  // Cell seconds a wall-clock second.
  void setSpeed(double speed);
  // Live: the window's end follows the run, from cell to cell.
  bool following() const { return following_; }
  void setFollowing(bool on);
  // Live: looks for new events; called by a timer of the application.
  void pull();

 signals:
  void runChanged();
  void cellsChanged();  // A live run has a new cell.
  void openingChanged();
  void failed(const QString& message);
  void cellChanged();
  void grew();  // The live cell has more to show.
  void windowChanged();
  void cursorChanged();
  void selectionChanged();
  void pageChanged();
  void playingChanged();

 private:
  struct Opening;
  void tick();
  void watchOpening(const std::weak_ptr<Opening>& wanted);
  void opened(std::shared_ptr<const CellQueries> cell, std::size_t index);
  void moveWindow(TimeWindow window);
  TimeWindow clamped(TimeWindow window) const;

  std::shared_ptr<RunQueries> run_;
  std::optional<std::size_t> cell_index_;
  std::shared_ptr<const CellQueries> cell_;
  std::shared_ptr<Opening> opening_state_;
  std::optional<double> opening_;
  TimeWindow window_;
  std::optional<Nanos> cursor_;
  Filter filter_;
  std::optional<TimeWindow> selected_time_;
  std::optional<Iova> page_;
  std::optional<Nanos> page_at_;
  double speed_ = 0.1;
  bool following_ = false;
  std::uint64_t version_ = 0;
  Nanos follow_length_ = kFollowed;
  class PlayTimer;
  std::unique_ptr<PlayTimer> timer_;
};

}  // namespace violet::gui
