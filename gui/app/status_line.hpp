// The status line shows utilisation of the lcores, rates, hit rate, drops, pinned cores and the
// run, for the window of time that the views show. While a run is live it also shows the lag
// behind the run.
//
// Threading: the main thread; numbers are asked for on the pool.
#pragma once

#include <QStatusBar>

#include "gui/model/query.hpp"
#include "gui/model/session.hpp"

class QLabel;

namespace violet::gui {

struct CoresText {
  QString text, tip;
};
// Whether every lcore that polls had a processor to itself: `shared` is what the run's manifest says of its own lcores,
// the cell's record what others took. A cell whose engine runs on kicks has none that polls.
CoresText coresText(const std::vector<std::string>& shared, const std::optional<CellInfo>& cell);

class StatusLine : public QStatusBar {
  Q_OBJECT
 public:
  explicit StatusLine(Session* session, QWidget* parent = nullptr);
  bool settled() const { return !query_.busy(); }
  QString text() const;  // All parts, for tests and for screen readers.

 private:
  struct Answer {
    EngineColumns engine;
    Overview overview;
  };
  void ask();
  void show(const Answer& answer);
  void showRun();

  Session* session_;
  QLabel *lcores_, *rate_, *hits_, *drops_, *cores_, *run_;
  Query<Answer> query_;
};

}  // namespace violet::gui
