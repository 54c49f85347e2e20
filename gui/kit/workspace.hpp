// A workspace is a tab of the main window: Observe, Compare, Topology, Explain, Experiment. The
// application makes its menus, palette and key sheet from the actions, and its pictures from
// paint().
//
// Threading: the main thread.
// Invariants: settled() is true once everything that was asked has been drawn, so that a picture
// taken then is complete.
#pragma once

#include <QKeySequence>
#include <QString>
#include <QWidget>
#include <functional>
#include <vector>

namespace violet::gui {

// A row of the one table of actions.
struct ActionRow {
  QString id;    // "explain.next": stable, for tests and settings.
  QString text;  // "Next step"
  QList<QKeySequence> keys;
  QString tip;    // One sentence.
  QString group;  // Menu: "View", "Go", "Lesson" ...
  std::function<void()> run;
  // Empty: always enabled. Checkable when `checked` is set.
  std::function<bool()> enabled = {};
  std::function<bool()> checked = {};
};

// Gives the widget the size, or the least one of the same shape that its contents can be laid out in.
void lay_out(QWidget& view, QSize wanted);

class Workspace : public QWidget {
  Q_OBJECT
 public:
  using QWidget::QWidget;
  virtual QString name() const = 0;                        // "Compare": the tab's text.
  virtual std::vector<ActionRow> actions() { return {}; }  // Active while the tab is in front.
  virtual bool settled() const { return true; }
  // Controls are what only a screen has a use for: buttons, choosers, search lines. A picture is laid out
  // without them.
  virtual void showControls(bool) {}
  // What `--render` and "export view" draw; the default draws the widget, scaled to `area`.
  virtual void paint(QPainter& painter, const QRect& area);
  // The run id and the like, printed under an exported picture.
  virtual QString caption() const { return {}; }

 signals:
  // Some of its rows can act now, or cannot any more.
  void actionsChanged();
  // The status line of the main window.
  void says(const QString& message);
  // "Try it": wants the Experiment workspace with this plan in front.
  void wantsPlan(const QString& plan);
  // Wants a run directory opened in Observe.
  void wantsRun(const QString& path);
};

}  // namespace violet::gui
