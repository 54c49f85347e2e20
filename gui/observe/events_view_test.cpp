// The list of events, and what finds them.
#include "gui/observe/events_view.hpp"

#include <gtest/gtest.h>

#include <QLabel>
#include <QSettings>
#include <QTableView>
#include <QTest>

#include "experiments/query/fake_run_testing.hpp"
#include "gui/observe/observe_rig_testing.hpp"
#include "gui/observe/observe_workspace.hpp"

namespace violet::gui {
using namespace query;
namespace {

TEST(Events, ARowMovesTheCursorAndShowsItsPage) {
  Stage stage;
  EventsView events(&stage.session);
  events.resize(700, 300);
  events.show();
  ASSERT_TRUE(QTest::qWaitFor([&] { return events.model()->rowCount() > 100; }));
  events.model()->line(3);
  ASSERT_TRUE(QTest::qWaitFor([&] { return events.model()->line(3).has_value(); }));
  events.table()->setCurrentIndex(events.model()->index(3, 0));
  EXPECT_EQ(stage.session.cursor(), events.model()->line(3)->at);
  emit events.table()->activated(events.model()->index(3, 0));
  EXPECT_TRUE(stage.session.page());
}

// Else a list began with all counters at zero, before anything had happened.
TEST(Events, ReadingsOfCountersAreNone) {
  using enum EventKind;
  FakeRun run;
  const auto cell = run.add("strict", "nic");
  const auto add = [&](Nanos at, EventKind kind, int times) {
    for (int i = 0; i < times; ++i) {
      EventLine line;
      line.number = cell->lines.size();
      line.at = at;
      line.event.kind = kind;
      line.lcore = kind == kDmaMap ? 2 : kRecorderLcore;
      cell->lines.push_back(line);
    }
  };
  add(100 * kMs, kMark, 1);
  add(100 * kMs, kSample, 16);
  add(101 * kMs, kDmaMap, 3);
  add(110 * kMs, kSample, 16);
  add(111 * kMs, kDmaMap, 1);
  Session session;
  session.setRun(std::make_shared<FakeRun>(run));
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.cell() != nullptr; }));
  EventsView events(&session);
  events.show();
  ASSERT_TRUE(QTest::qWaitFor([&] { return events.model()->rowCount() == 5; }));
  EXPECT_EQ(events.findChild<QLabel*>()->text(), "Events: 5");
  EventsModel& model = *events.model();
  model.line(0);
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.line(0).has_value(); }));
  const auto text = [&](int row, int column) { return model.index(row, column).data().toString(); };
  EXPECT_EQ(text(0, EventsModel::kKind), eventKindText(kMark));
  EXPECT_EQ(text(0, EventsModel::kLcore), "rec.");
  for (int row = 1; row < 5; ++row) EXPECT_EQ(text(row, EventsModel::kLcore), "2") << row;
  events.showTime(111 * kMs);  // 32 of the lines before it are not listed.
  ASSERT_TRUE(QTest::qWaitFor([&] {
    const QModelIndexList rows = events.table()->selectionModel()->selectedRows();
    return rows.size() == 1 && rows[0].row() == 4;
  }));
  EXPECT_EQ(model.line(4)->at, 111 * kMs);
  const auto found = find_event(*cell, 101 * kMs, QStringLiteral("sample"));
  ASSERT_TRUE(found) << "asked for by name they are found";
  EXPECT_EQ(found->at, 110 * kMs);
}

TEST(Find, GoesToAddressesTimesAndEvents) {
  QSettings().clear();
  Stage stage;
  ObserveWorkspace observe(&stage.session, true);
  observe.resize(1280, 640);
  observe.show();
  observe.find(QStringLiteral("0xffff_2000"));
  ASSERT_TRUE(stage.session.page());
  EXPECT_EQ(stage.session.page()->value, 0xffff2000u);
  observe.find(QStringLiteral("120 ms"));
  EXPECT_EQ(stage.session.cursor(), 120 * kMs);
  observe.find(QStringLiteral("fault"));
  ASSERT_TRUE(QTest::qWaitFor([&] { return stage.session.cursor() == 200 * kMs; }));
  EXPECT_LE(stage.session.window().length(), 2 * kMs) << "close enough to see it";
  const auto row = [&] { return observe.events()->table()->selectionModel()->selectedRows(); };
  ASSERT_TRUE(QTest::qWaitFor([&] { return observe.events()->settled() && row().size() == 1; }));
  observe.events()->model()->line(row()[0].row());
  ASSERT_TRUE(
      QTest::qWaitFor([&] { return observe.events()->model()->line(row()[0].row()).has_value(); }));
  EXPECT_EQ(observe.events()->model()->line(row()[0].row())->at, 200 * kMs);
}

TEST(Find, ATimeWithoutASpaceIsSaid) {
  QSettings().clear();
  Stage stage;
  ObserveWorkspace observe(&stage.session, false);
  QStringList said;
  QObject::connect(&observe, &Workspace::says, [&](const QString& text) { said << text; });
  observe.find(QStringLiteral("150ms"));
  EXPECT_EQ(stage.session.cursor(), 150 * kMs);
  EXPECT_EQ(said, QStringList("at 00:00.150 000"));
}

}  // namespace
}  // namespace violet::gui
