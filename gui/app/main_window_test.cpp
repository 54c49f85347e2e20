// The main window: one table of actions, keys that do what the sheet says, messages that leave it
// usable.
#include "gui/app/main_window.hpp"

#include <gtest/gtest.h>

#include <QDropEvent>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenuBar>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QSettings>
#include <QTabBar>
#include <QTabWidget>
#include <QTemporaryDir>
#include <QTest>
#include <QToolBar>
#include <QToolButton>
#include <fstream>

#include "experiments/query/run_fixture_testing.hpp"
#include "experiments/query/tiny_run_testing.hpp"
#include "experiments/trace/event_trace.hpp"
#include "gui/app/frame_meter.hpp"
#include "gui/app/key_sheet.hpp"
#include "gui/app/palette.hpp"
#include "gui/app/status_line.hpp"
#include "gui/explain/explain_workspace.hpp"
#include "gui/explain/lesson_model.hpp"
#include "gui/kit/theme.hpp"
#include "gui/observe/churn_view.hpp"
#include "gui/observe/observe_workspace.hpp"

namespace violet::gui {
using namespace query;
namespace {

struct Stage {
  MainWindow window{false};
  Session* session = window.session();
  Stage() {
    window.resize(1280, 720);
    window.show();
    session->setRun(std::make_shared<TinyRun>(std::vector{std::make_shared<TinyCell>()}));
    EXPECT_TRUE(QTest::qWaitFor([this] { return session->cell() != nullptr; }));
    window.activateWindow();
    EXPECT_TRUE(QTest::qWaitForWindowActive(&window));
    // The rows learn of the cell a moment later.
    EXPECT_TRUE(QTest::qWaitFor([this] { return action("time.in")->isEnabled(); }));
  }
  QAction* action(const char* id) { return window.actionTable()->action(QLatin1String(id)); }
  void key(Qt::Key key, Qt::KeyboardModifiers modifiers = {}) {
    QTest::keyClick(&window, key, modifiers);
    QCoreApplication::processEvents();
  }
};

TEST(MainWindow, KeysMoveTime) {
  Stage stage;
  const TimeWindow start = stage.session->window();
  stage.key(Qt::Key_W);
  EXPECT_LT(stage.session->window().length(), start.length());
  const TimeWindow in = stage.session->window();
  stage.key(Qt::Key_D);
  EXPECT_GT(stage.session->window().from, in.from);
  stage.key(Qt::Key_A);
  EXPECT_NEAR(double(stage.session->window().from), double(in.from), 2);
  stage.key(Qt::Key_F);
  EXPECT_EQ(stage.session->window(), start);
  stage.key(Qt::Key_Space);
  EXPECT_TRUE(stage.session->playing());
  stage.key(Qt::Key_Space);
  EXPECT_FALSE(stage.session->playing());
}

TEST(MainWindow, EscapeLeavesTheSearchLineFirst) {
  Stage stage;
  stage.session->select(TimeWindow{1000, 2000}, {});
  stage.key(Qt::Key_F, Qt::ControlModifier);
  auto* line = stage.window.findChild<QLineEdit*>();
  ASSERT_TRUE(line->hasFocus());
  QTest::keyClick(line, Qt::Key_Escape);
  EXPECT_FALSE(line->hasFocus());
  EXPECT_TRUE(stage.session->selectedTime());
  stage.key(Qt::Key_Escape);
  EXPECT_FALSE(stage.session->selectedTime());
}

TEST(MainWindow, EscapeClearsTheSelection) {
  Stage stage;
  stage.session->select(TimeWindow{1000, 2000}, {});
  stage.key(Qt::Key_Escape);
  EXPECT_FALSE(stage.session->selectedTime());
}

TEST(MainWindow, StepsFromEventToEvent) {
  Stage stage;
  stage.session->setCursor(1 * TinyCell::kMs);
  stage.key(Qt::Key_Period);
  ASSERT_TRUE(QTest::qWaitFor([&] { return stage.session->cursor() == 2 * TinyCell::kMs; }));
  stage.key(Qt::Key_Comma);
  ASSERT_TRUE(QTest::qWaitFor([&] { return stage.session->cursor() == 1 * TinyCell::kMs; }));
}

TEST(MainWindow, MenusAndPaletteComeFromTheTable) {
  Stage stage;
  QStringList in_menus;
  for (QAction* menu : stage.window.menuBar()->actions()) {
    for (QAction* action : menu->menu()->actions()) in_menus << action->objectName();
  }
  for (const auto* entry : stage.window.actionTable()->available()) {
    EXPECT_TRUE(in_menus.contains(entry->row.id)) << entry->row.id.toStdString();
    EXPECT_FALSE(entry->row.tip.isEmpty()) << entry->row.id.toStdString();
  }
  Palette palette(*stage.window.actionTable(), &stage.window);
  palette.setAttribute(Qt::WA_DeleteOnClose, false);
  auto* line = palette.findChild<QLineEdit*>();
  auto* list = palette.findChild<QListWidget*>();
  EXPECT_GT(list->count(), 30);
  line->setText(QStringLiteral("zoom in"));
  ASSERT_GE(list->count(), 1);
  const Nanos before = stage.session->window().length();
  QTest::keyClick(line, Qt::Key_Return);
  EXPECT_LT(stage.session->window().length(), before);
}

TEST(MainWindow, IdsAreUniqueAndKeysAreNotTwice) {
  Stage stage;
  QStringList ids, keys;
  for (const auto* entry : stage.window.actionTable()->available()) {
    ids << entry->row.id;
    for (const QKeySequence& key : entry->action->shortcuts()) keys << key.toString();
  }
  ids.sort();
  keys.sort();
  for (int i = 1; i < ids.size(); ++i) EXPECT_NE(ids[i], ids[i - 1]);
  for (int i = 1; i < keys.size(); ++i) EXPECT_NE(keys[i], keys[i - 1]);
}

TEST(MainWindow, TheKeySheetShowsEveryKey) {
  Stage stage;
  KeySheet sheet(*stage.window.actionTable(), &stage.window);
  sheet.setAttribute(Qt::WA_DeleteOnClose, false);
  QString all;
  for (const QLabel* label : sheet.findChildren<QLabel*>()) all += label->text();
  EXPECT_TRUE(all.contains(QStringLiteral("Ctrl+K")));
  EXPECT_TRUE(all.contains(QStringLiteral("Zoom in")));
}

TEST(MainWindow, EveryTabComesForward) {
  Stage stage;
  for (int i = 0; i < stage.window.tabs()->count(); ++i) {
    stage.key(static_cast<Qt::Key>(Qt::Key_1 + i), Qt::ControlModifier);
    EXPECT_EQ(stage.window.tabs()->currentIndex(), i);
  }
  stage.key(Qt::Key_1, Qt::ControlModifier);
  EXPECT_EQ(stage.window.tabs()->currentIndex(), 0);
}

TEST(MainWindow, ASmallWindowKeepsEveryButtonBehindOne) {
  Stage stage;
  for (int i = 0; i < stage.window.tabs()->count(); ++i) {  // All are made.
    stage.key(static_cast<Qt::Key>(Qt::Key_1 + i), Qt::ControlModifier);
  }
  stage.key(Qt::Key_1, Qt::ControlModifier);
  stage.window.resize(640, 480);
  EXPECT_LE(stage.window.width(), 700);
  EXPECT_LE(stage.window.height(), 600);
  auto* more = stage.window.findChild<QToolButton*>(QStringLiteral("qt_toolbar_ext_button"));
  ASSERT_NE(more, nullptr);
  ASSERT_TRUE(QTest::qWaitFor([&] { return more->isVisible(); }));
  auto* keys = [&]() -> QToolButton* {
    for (auto* button : stage.window.findChildren<QToolButton*>()) {
      if (button->defaultAction() == stage.action("app.keys")) return button;
    }
    return nullptr;
  }();
  ASSERT_NE(keys, nullptr);
  EXPECT_FALSE(keys->isVisible());
  more->click();
  EXPECT_TRUE(QTest::qWaitFor([&] { return keys->isVisible(); }));
}

// Whether the button behind which the others were had been opened or not.
TEST(MainWindow, ALargerWindowTakesItsButtonsBack) {
  for (const bool opened : {false, true}) {
    Stage stage;
    auto* bar = stage.window.findChild<QToolBar*>();
    ASSERT_NE(bar, nullptr);
    const QRect wide = bar->geometry();
    std::vector<QToolButton*> buttons;
    for (auto* button : bar->findChildren<QToolButton*>()) {
      if (button->isVisible()) buttons.push_back(button);
    }
    ASSERT_GT(buttons.size(), 8u);
    auto* more = bar->findChild<QToolButton*>(QStringLiteral("qt_toolbar_ext_button"));
    ASSERT_NE(more, nullptr);
    EXPECT_FALSE(more->isVisible());
    stage.window.resize(640, 480);
    ASSERT_TRUE(QTest::qWaitFor([&] { return more->isVisible(); }));
    EXPECT_FALSE(buttons.back()->isVisible());
    if (opened) {
      more->click();
      ASSERT_TRUE(QTest::qWaitFor([&] { return buttons.back()->isVisible(); }));
    }
    stage.window.resize(1280, 720);
    EXPECT_TRUE(QTest::qWaitFor([&] { return !more->isVisible(); })) << opened;
    EXPECT_TRUE(QTest::qWaitFor([&] { return bar->geometry() == wide; })) << opened;
    for (const QToolButton* button : buttons) {
      EXPECT_TRUE(button->isVisible()) << button->text().toStdString() << opened;
      EXPECT_TRUE(bar->rect().contains(button->geometry())) << button->text().toStdString();
    }
  }
}

TEST(MainWindow, ArrowKeysStayInTheLesson) {
  Stage stage;
  stage.key(Qt::Key_4, Qt::ControlModifier);
  auto* explain =
      qobject_cast<ExplainWorkspace*>(stage.window.workspace(QStringLiteral("Explain")));
  ASSERT_NE(explain, nullptr);
  const LessonModel& lesson = *explain->model();
  const auto press = [&](Qt::Key key) {
    // As a keyboard: to what has the focus.
    QTest::keyClick(QApplication::focusWidget(), key);
    QTest::qWait(40);  // The rows learn a moment later that there is nothing to go on to.
  };
  for (QWidget* focus : {static_cast<QWidget*>(stage.window.tabs()->tabBar()),
                         static_cast<QWidget*>(explain->focusProxy())}) {
    explain->goTo(0, 0);
    QTest::qWait(40);
    focus->setFocus();
    press(Qt::Key_Left);
    EXPECT_EQ(stage.window.tabs()->currentIndex(), 3);
    EXPECT_TRUE(lesson.atStart());
    for (int i = 0; i < lesson.stepCount() + 5; ++i) press(Qt::Key_Right);
    EXPECT_EQ(stage.window.tabs()->currentIndex(), 3);
    EXPECT_EQ(lesson.lesson(), 0);
    EXPECT_TRUE(lesson.atEnd());
  }
}

TEST(MainWindow, ADamagedFileGivesAMessageAndLeavesTheRunOpen) {
  Stage stage;
  const QTemporaryDir folder;
  const QString file = folder.filePath(QStringLiteral("trace.events"));
  std::ofstream(file.toStdString()) << "this is no trace";
  stage.window.openRun(file);
  ASSERT_TRUE(QTest::qWaitFor([&] { return !stage.window.message().isEmpty(); }));
  EXPECT_NE(stage.session->cell(), nullptr);
  stage.key(Qt::Key_W);
  stage.window.openRun(QStringLiteral("/no/such/run"));
  ASSERT_TRUE(QTest::qWaitFor(
      [&] { return stage.window.message().contains(QStringLiteral("/no/such/run")); }));
}

TEST(MainWindow, AfterAFailedOpenNothingIsSaidToBeOpening) {
  Stage stage;
  auto* status = stage.window.findChild<StatusLine*>();
  stage.window.openRun(QStringLiteral("/no/such/run"));
  EXPECT_EQ(status->currentMessage(), QStringLiteral("opening /no/such/run"));
  ASSERT_TRUE(QTest::qWaitFor([&] { return !stage.window.message().isEmpty(); }));
  EXPECT_EQ(status->currentMessage(), QString());
  EXPECT_TRUE(status->text().contains(QStringLiteral("fake-run"))) << "that run is still open";
}

TEST(MainWindow, ARunWithoutATraceShowsItsResults) {
  Stage stage;
  const TestFolder folder;
  const std::string run = write_fixture_run(folder.path(), every_place());
  stage.window.openRun(QString::fromStdString(run));
  ASSERT_TRUE(QTest::qWaitFor([&] { return stage.window.tabs()->currentIndex() == 1; }, 20000))
      << stage.window.message().toStdString();
  EXPECT_EQ(stage.window.message(), QString());
  EXPECT_EQ(stage.session->cell(), nullptr);
  Workspace* compare = stage.window.workspace(QStringLiteral("Compare"));
  ASSERT_TRUE(QTest::qWaitFor([&] { return compare->settled(); }, 20000));
  EXPECT_TRUE(compare->caption().contains(QStringLiteral("workload net-rx")))
      << compare->caption().toStdString();
  Workspace* experiment = stage.window.workspace(QStringLiteral("Experiment"));
  const auto* plan = experiment->findChild<QPlainTextEdit*>();
  ASSERT_NE(plan, nullptr);
  const auto names = [experiment] {
    QStringList texts;
    for (const QLabel* label : experiment->findChildren<QLabel*>()) texts << label->text();
    return texts.join(QLatin1Char('|'));
  };
  EXPECT_TRUE(QTest::qWaitFor(
      [&] { return plan->toPlainText() == "[plan]\nname = \"t\"\n" && experiment->settled(); },
      20000))
      << plan->toPlainText().toStdString();
  EXPECT_TRUE(names().contains(QStringLiteral("Plan of the run"))) << names().toStdString();
  EXPECT_EQ(experiment->caption(),
            QStringLiteral("run %1").arg(QFileInfo(QString::fromStdString(run)).fileName()));
}

class ThirdRepetition : public TinyCell {
 public:
  CellInfo info() const override {
    CellInfo info = TinyCell::info();
    info.repetition = 2;
    info.standing = {Standing::Kind::kSetAside, "disturbed by the host, not counted", "by others"};
    return info;
  }
};

TEST(MainWindow, CaptionsOfAllViewsNameTheSameRepetition) {
  Stage stage;
  const auto captions = [&] {
    QStringList all{stage.window.observe()->caption()};
    all << stage.window.workspace(QStringLiteral("Topology"))->caption();
    return all;
  };
  for (const QString& caption : captions()) {
    EXPECT_TRUE(caption.contains(QStringLiteral(", repetition 1, "))) << caption.toStdString();
  }
  stage.session->setRun(std::make_shared<TinyRun>(
      std::vector<std::shared_ptr<TinyCell>>{std::make_shared<ThirdRepetition>()}));
  ASSERT_TRUE(QTest::qWaitFor(
      [&] { return stage.session->cell() && stage.session->cell()->info().repetition == 2; }));
  for (const QString& caption : captions()) {
    EXPECT_TRUE(
        caption.contains(QStringLiteral(", repetition 3 (disturbed by the host, not counted), ")))
        << caption.toStdString();
  }
}

TEST(MainWindow, ATruncatedTraceIsSaidInTheWindow) {
  Stage stage;
  const TestFolder folder;
  const auto file = folder.path() / "trace.events";
  {
    auto writer = EventTraceWriter::open(file, {0.5, 0, 0});
    ASSERT_TRUE(writer);
    std::vector<Event> events(3);
    for (std::size_t i = 0; i < events.size(); ++i) {
      events[i].at = 1000 + i;
      events[i].kind = EventKind::kKick;
    }
    ASSERT_TRUE(writer->append(1, events));
  }
  std::ofstream(file, std::ios::binary | std::ios::app) << "BLCK half";
  stage.window.openRun(QString::fromStdString(file.string()));
  ASSERT_TRUE(QTest::qWaitFor(
      [&] { return stage.window.message().contains(QStringLiteral("in the middle of a block")); },
      20000))
      << stage.window.message().toStdString();
  ASSERT_TRUE(QTest::qWaitFor([&] { return stage.session->cell() != nullptr; }, 20000));
  EXPECT_FALSE(stage.window.message().isEmpty()) << "it stays";
}

TEST(MainWindow, WhatIsDroppedIsOpened) {
  Stage stage;
  QMimeData data;
  data.setUrls({QUrl::fromLocalFile(QStringLiteral("/no/such/run"))});
  QDragEnterEvent enter(QPoint(10, 10), Qt::CopyAction, &data, Qt::LeftButton, {});
  QCoreApplication::sendEvent(&stage.window, &enter);
  EXPECT_TRUE(enter.isAccepted());
  QDropEvent drop(QPointF(10, 10), Qt::CopyAction, &data, Qt::LeftButton, {});
  QCoreApplication::sendEvent(&stage.window, &drop);
  ASSERT_TRUE(QTest::qWaitFor(
      [&] { return stage.window.message().contains(QStringLiteral("/no/such/run")); }));
}

TEST(MainWindow, TheThemeChangesEverything) {
  Stage stage;
  const bool dark = theme().dark;
  stage.key(Qt::Key_T, Qt::ControlModifier);
  EXPECT_NE(theme().dark, dark);
  stage.key(Qt::Key_T, Qt::ControlModifier);
  EXPECT_EQ(theme().dark, dark);
}

TEST(MainWindow, StatusSaysWhatTheWindowShows) {
  Stage stage;
  const auto* status = stage.window.findChild<StatusLine*>();
  ASSERT_TRUE(QTest::qWaitFor([&] { return status->text().contains(QStringLiteral("IOTLB")); }));
  EXPECT_TRUE(status->text().contains(QStringLiteral("38 % useful")))
      << status->text().toStdString();
  EXPECT_TRUE(status->text().contains(QStringLiteral("IOTLB hits 99 %")));
  EXPECT_TRUE(status->text().contains(QStringLiteral("cell lost 0 events")));
  EXPECT_TRUE(status->text().contains(QStringLiteral("fake-run")));
}

TEST(MainWindow, StatusSaysThatACellDoesNotCount) {
  Stage stage;
  const auto cell = std::make_shared<TinyCell>();
  cell->standing = {Standing::Kind::kUnfinished, "not finished, not counted", "it was interrupted"};
  stage.session->setRun(std::make_shared<TinyRun>(std::vector{cell}));
  const auto* status = stage.window.findChild<StatusLine*>();
  ASSERT_TRUE(QTest::qWaitFor([&] {
    return status->text().contains(QStringLiteral("not finished, not counted, run "));
  })) << status->text().toStdString();
  const QString caption = stage.window.findChild<ObserveWorkspace*>()->caption();
  EXPECT_TRUE(caption.contains(QStringLiteral("repetition 1 (not finished, not counted)")))
      << caption.toStdString();
}

TEST(MainWindow, StatusCountsNoCallsWhereEventsWereLost) {
  Stage stage;
  const auto cell = std::make_shared<TinyCell>();
  cell->lost = TimeWindow{100'000'000, 200'000'000};
  stage.session->setRun(std::make_shared<TinyRun>(std::vector{cell}));
  const auto* status = stage.window.findChild<StatusLine*>();
  EXPECT_TRUE(QTest::qWaitFor([&] {
    return status->text().contains(QStringLiteral("requests, calls not known (events lost)"));
  })) << status->text().toStdString();
  stage.session->setWindow({210'000'000, 300'000'000});
  EXPECT_TRUE(QTest::qWaitFor([&] {
    return !status->text().contains(QStringLiteral("calls not known"));
  })) << status->text().toStdString();
}

TEST(MainWindow, StatusHasNoRatesOfAnotherCell) {
  Stage stage;
  const auto* status = stage.window.findChild<StatusLine*>();
  const auto has_rates = [&] { return status->text().contains(QStringLiteral("requests")); };
  ASSERT_TRUE(QTest::qWaitFor(has_rates)) << status->text().toStdString();
  std::optional<bool> had;
  QObject::connect(stage.session, &Session::cellChanged, status, [&] { had = has_rates(); });
  stage.session->setRun(std::make_shared<TinyRun>(std::vector{std::make_shared<TinyCell>()}));
  ASSERT_TRUE(QTest::qWaitFor([&] { return had && has_rates(); })) << status->text().toStdString();
  EXPECT_FALSE(*had);
}

TEST(MainWindow, ClosingARunShowsTheEmptyState) {
  Stage stage;
  stage.key(Qt::Key_W, Qt::ControlModifier);
  EXPECT_EQ(stage.session->run(), nullptr);
  stage.key(Qt::Key_F);
  stage.key(Qt::Key_Space);
  EXPECT_FALSE(stage.session->playing());
}

// A live run is followed before its first cell is read.
TEST(MainWindow, ARunWithoutACellSoFarIsNotSaidToBeNone) {
  MainWindow window(false);
  window.show();
  window.session()->setRun(std::make_shared<TinyRun>(std::vector<std::shared_ptr<TinyCell>>{}));
  QStringList texts;
  for (const QLabel* label : window.findChildren<QLabel*>()) texts << label->text();
  EXPECT_TRUE(texts.contains(QStringLiteral("no cell"))) << texts.join("|").toStdString();
  EXPECT_FALSE(texts.contains(QStringLiteral("no run"))) << texts.join("|").toStdString();
}

TEST(Palette, WordsFitInAnyOrder) {
  EXPECT_TRUE(Palette::fits(QStringLiteral("Zoom into addresses"), QStringLiteral("addr zoom")));
  EXPECT_FALSE(Palette::fits(QStringLiteral("Zoom into addresses"), QStringLiteral("pan")));
  EXPECT_TRUE(Palette::fits(QStringLiteral("anything"), QString()));
}

TEST(FrameMeter, CountsTheTimesBetweenFrames) {
  FrameMeter meter;
  EXPECT_TRUE(meter.summary().isEmpty());
  meter.frame();
  EXPECT_TRUE(meter.rateText().isEmpty());  // One frame is no time.
  for (int i = 0; i < 3; ++i) {
    QTest::qWait(2);
    meter.frame();
  }
  EXPECT_EQ(meter.frames(), 3u);
  EXPECT_TRUE(meter.rateText().endsWith("frames/s")) << meter.rateText().toStdString();
  EXPECT_TRUE(meter.summary().startsWith("3 frames, ")) << meter.summary().toStdString();
  meter.start();
  EXPECT_TRUE(meter.summary().isEmpty());
}

}  // namespace
}  // namespace violet::gui
