// The main window holds the toolbar with run, transport and search, the workspaces as tabs, and
// the status line; it opens runs and attaches to live ones.
//
// Threading: the main thread; runs are opened on the pool.
// Invariants: Every command is a row of the action table. A run that cannot be opened gives a
// message in the window and leaves what was open. A live run is read 60 times a second with the
// focus and 20 times without, and nothing waits for it. Once it is over its recording takes its
// place by itself; a run that died is said to have died.
#pragma once

#include <QElapsedTimer>
#include <QMainWindow>
#include <QTimer>
#include <functional>

#include "engine/base/result.hpp"
#include "gui/app/action_table.hpp"
#include "gui/app/frame_meter.hpp"
#include "gui/model/query.hpp"
#include "gui/model/session.hpp"

class QLabel;
class QLineEdit;
class QTabWidget;
class QToolButton;

namespace violet::gui {

class MessageBar;
class ObserveWorkspace;
class StatusLine;

class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  static constexpr int kFocusedMs = 16, kUnfocusedMs = 50;

  // A snapshot of the window that --render uses neither reads nor writes what is remembered.
  explicit MainWindow(bool remembers = true, QWidget* parent = nullptr);
  ~MainWindow() override;

  // The first cell with `cell` in its label, or the first at all.
  void openRun(const QString& path, const QString& cell = {});
  void attachLive(const QString& path);
  void showMessage(const QString& message);

  Session* session() { return &session_; }
  ActionTable* actionTable() { return &actions_; }
  ObserveWorkspace* observe() const { return observe_; }
  QTabWidget* tabs() const { return tabs_; }
  QString message() const;
  bool opening() const { return opening_.busy() || recording_.busy(); }
  QString liveLine() const;
  // Of the live run that is shown, or was last.
  const FrameMeter& frameMeter() const { return frame_meter_; }
  // Makes the workspace if this is its first time.
  Workspace* workspace(const QString& name);
  void bringForward(const QString& name);

 protected:
  bool event(QEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void changeEvent(QEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  struct Place {
    QString name;
    std::function<Workspace*()> make;
    Workspace* made = nullptr;
  };
  struct Opened {
    QString path, cell;
    bool live = false;
    Result<std::shared_ptr<RunQueries>> run;
  };
  void makeTabs();
  void makeToolbar();
  void makeActions();
  std::vector<ActionRow> runActions();
  std::vector<ActionRow> playActions();
  std::vector<ActionRow> windowActions();
  void addWorkspace(Place& place);
  void tabChanged(int index);
  void open(const QString& path, const QString& cell, bool live);
  void opened(Opened opened);
  void chooseRun(bool live);
  void fillRunMenu();
  void exportView();
  void focusFind();
  void pull();
  void runEnded(const RunProgress& progress);
  void recordingOpened(Result<std::shared_ptr<RunQueries>> recording);
  void showTime();
  void sayDamage();
  void showLive(const RunProgress& progress);
  void setDark(bool dark);
  void stepEvent(bool forward);

  bool remembers_;
  Session session_;
  ActionTable actions_;
  QTabWidget* tabs_;
  MessageBar* messages_;
  StatusLine* status_;
  ObserveWorkspace* observe_ = nullptr;
  std::vector<Place> places_;
  QToolButton* run_button_ = nullptr;
  QLabel *time_ = nullptr, *live_ = nullptr;
  QLineEdit* find_ = nullptr;
  QTimer pull_timer_;
  QTimer damage_timer_;
  std::string damage_;                    // Of the run that is shown, as the bar has said it.
  std::shared_ptr<RunQueries> live_run_;  // That is shown, until its recording is.
  RunProgress ended_;                     // As it was then.
  QElapsedTimer line_shown_;
  FrameMeter frame_meter_;
  Query<Opened> opening_;
  Query<Result<std::shared_ptr<RunQueries>>> recording_;
  Query<std::optional<Nanos>> stepping_;
};

}  // namespace violet::gui
