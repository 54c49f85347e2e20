// A session holds what all views share: the run and the cell that are looked at, the time window,
// the cursor, the selection and the clock that plays. Views read it and ask it to change; they
// never talk to each other.
//
// Threading: the main thread.
// Invariants: The window lies inside the cell's `whole` and is at least kShortestWindow long.
// Every change is signalled once, after it has happened. A selection is a Filter and a time range;
// clearing it clears both. Of a live run the newest cell is shown, whether or not it has ended
// meanwhile, until a cell is pinned: by choosing one, or by going back in time.
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

  // Takes a run; a cell of it is opened in the background (openingChanged, then cellChanged). Of a
  // live run it is the newest, once there is one.
  void setRun(std::shared_ptr<RunQueries> run, std::size_t first_cell = 0);
  // The recording of the live run that is shown: its cell stays in view until the recorded one is
  // open, and what was chosen (window, selection, page, cursor) stays altogether.
  void continueWith(std::shared_ptr<RunQueries> recording);
  void closeRun();
  RunQueries* run() const { return run_.get(); }
  // As the user chose: of a live run this one stays.
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
  // The same for what is gone through one by one: what the guest and the engine did.
  Filter listedEvents() const;
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
  // Live: the window's end follows the cell that grows. Off pins the cell as well.
  bool following() const { return following_; }
  void setFollowing(bool on);
  // Live: a new cell does not take the place of this one.
  bool pinned() const { return pinned_; }
  // Live: to the newest cell, and on with the run.
  void followNewest();
  // Live: looks for new events; called by a timer of the application.
  void pull();

 signals:
  void runChanged();
  void cellsChanged();  // A live run has a new cell.
  void openingChanged();
  void failed(const QString& message);
  void cellChanged();
  void grew();    // The live cell has more to show.
  void pulled();  // Of a live run, whatever of it has changed.
  void windowChanged();
  void cursorChanged();
  void selectionChanged();
  void pageChanged();
  void playingChanged();

 private:
  struct Opening;
  void tick();
  void watchOpening(const std::weak_ptr<Opening>& wanted);
  void open(std::size_t index, bool keeps_choice);
  void openNewest();
  void opened(std::shared_ptr<const CellQueries> cell, std::size_t index, bool keeps_choice);
  bool live() const;
  void moveWindow(TimeWindow window);
  TimeWindow clamped(TimeWindow window) const;

  std::shared_ptr<RunQueries> run_;
  std::optional<std::size_t> cell_index_;
  std::shared_ptr<const CellQueries> cell_;
  std::optional<std::size_t> wanted_cell_;  // That is open, or being opened, or could not be.
  std::size_t cells_seen_ = 0;
  std::shared_ptr<Opening> opening_state_;
  std::optional<double> opening_;
  TimeWindow window_;
  std::optional<Nanos> cursor_;
  Filter filter_;
  std::optional<TimeWindow> selected_time_;
  std::optional<Iova> page_;
  std::optional<Nanos> page_at_;
  double speed_ = 0.1;
  bool following_ = false, pinned_ = false;
  std::uint64_t version_ = 0;
  Nanos follow_length_ = kFollowed;
  class PlayTimer;
  std::unique_ptr<PlayTimer> timer_;
};

}  // namespace violet::gui
