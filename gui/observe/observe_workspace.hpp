// The Observe workspace shows churn, latency, exposure, engine, selection and events of one cell,
// as docks over one time axis, with the overview strip above them.
//
// Threading: the main thread.
// Invariants: One cursor, window and selection in all panels: those of the session. Any panel can
// be floated, tabbed, closed, shown again and filled to the whole workspace; the layout is
// remembered and can be reset.
#pragma once

#include <QElapsedTimer>

#include "gui/kit/workspace.hpp"
#include "gui/model/query.hpp"
#include "gui/model/session.hpp"

class QDockWidget;
class QLabel;
class QMainWindow;
class QStackedWidget;

namespace violet::gui {

class Chips;
class ChurnView;
class EngineView;
class EventsView;
class ExposureView;
class LatencyView;
class OverviewStrip;
class SelectionPanel;
class SidePanel;
class StatePage;
class TimePanel;

class ObserveWorkspace : public Workspace {
  Q_OBJECT
 public:
  // `remembers`: begins with the layout of the last time.
  ObserveWorkspace(Session* session, bool remembers, QWidget* parent = nullptr);

  QString name() const override { return tr("Observe"); }
  std::vector<ActionRow> actions() override;
  bool settled() const override;
  QString caption() const override;

  // The panel called "churn", "latency", "exposure" or "engine"; null for other names.
  TimePanel* panel(const QString& name) const;
  ChurnView* churn() const { return churn_; }
  LatencyView* latency() const { return latency_; }
  EventsView* events() const { return events_; }
  OverviewStrip* overview() const { return overview_; }
  // An address ("0xffffe000"), a time ("1.2 ms"), or a kind of event ("fault"): goes there.
  void find(const QString& what);
  // Fills the workspace with the panel of this dock, or goes back.
  void maximise(QDockWidget* dock);
  void resetLayout();
  void saveLayout() const;

 signals:
  void wantsOpen();  // The button of the empty state.

 protected:
  void hideEvent(QHideEvent* event) override;
  void showEvent(QShowEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QDockWidget* addDock(QWidget* content, const QString& title, Qt::DockWidgetArea area);
  void arrange();
  void sizeDocks();
  void sizeOnce();
  void keepSides();
  void noteSides(int side, int right);
  void showState();
  std::vector<ActionRow> goActions();
  std::vector<ActionRow> viewActions();
  std::vector<ActionRow> panelActions();
  void goTo(Nanos at);
  void findAddress(std::uint64_t address);
  void findEvent(const QString& words);

  struct Found {
    std::optional<EventLine> line;
    QString words;
  };
  void found(const Found& found);

  Session* session_;
  bool remembers_;
  QStackedWidget* stack_;
  StatePage* state_;
  QMainWindow* docks_;
  OverviewStrip* overview_;
  Chips* chips_;
  ChurnView* churn_;
  LatencyView* latency_;
  ExposureView* exposure_;
  EngineView* engine_;
  SelectionPanel* selection_;
  EventsView* events_;
  SidePanel* side_;
  std::vector<QDockWidget*> all_docks_;
  QDockWidget* maximised_ = nullptr;
  QByteArray before_maximise_, default_layout_;
  QString failure_;
  QElapsedTimer loading_;
  bool sized_ = false;  // The docks have got their first sizes.
  // What is beside the plots has these widths in a window of that size, until a reader moves an edge.
  int side_width_ = 0, right_width_ = 0;
  QSize noted_for_;
  bool keeping_ = false;
  Query<Found> finding_;
};

// The nearest event from `from` on whose kind's name contains `words`.
std::optional<EventLine> find_event(const CellQueries& trace, Nanos from, const QString& words);

}  // namespace violet::gui
