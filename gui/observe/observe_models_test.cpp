// The models behind the Observe workspace, under QAbstractItemModelTester.
#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "experiments/query/fake_run_testing.hpp"
#include "gui/model/text.hpp"
#include "gui/observe/cells_model.hpp"
#include "gui/observe/endpoints_model.hpp"
#include "gui/observe/events_model.hpp"
#include "gui/observe/facts.hpp"

namespace violet::gui {
using namespace query;
namespace {

constexpr auto kFatal = QAbstractItemModelTester::FailureReportingMode::Fatal;

std::shared_ptr<FakeCell> cell_with(std::size_t events) {
  auto cell = std::make_shared<FakeCell>();
  for (std::size_t i = 0; i < events; ++i) {
    EventLine line;
    line.number = i;
    line.at = static_cast<Nanos>(i) * 10;
    line.event.kind = EventKind::kDmaMap;
    line.event.a = 0xffff0000 + i * 4096;
    line.event.id = 0x28;
    cell->lines.push_back(line);
  }
  return cell;
}

QString text(const QAbstractItemModel& model, int row, int column) {
  return model.index(row, column).data().toString();
}

TEST(EventsModel, ShowsLinesAsTheyArrive) {
  EventsModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  model.setSource(cell_with(1000), {0, 1'000'000}, {});
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.rowCount() == 1000; }));
  EXPECT_EQ(text(model, 700, EventsModel::kTime), "…") << "not here, and asked for";
  ASSERT_TRUE(QTest::qWaitFor([&] { return text(model, 700, EventsModel::kTime) != "…"; }));
  EXPECT_EQ(text(model, 700, EventsModel::kTime), "00:00.000 007");
  EXPECT_EQ(text(model, 700, EventsModel::kKind), "dma_map");
  EXPECT_EQ(text(model, 700, EventsModel::kAddress), addressText(0xffff0000ull + 700 * 4096));
}

TEST(EventsModel, HoldsAFewPagesOfAMillionLines) {
  EventsModel model;
  model.setSource(cell_with(20'000), {0, 1'000'000}, {});
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.rowCount() == 20'000; }));
  for (int row = 0; row < 20'000; row += 256) {
    model.line(row);
    ASSERT_TRUE(QTest::qWaitFor([&] { return model.line(row).has_value(); }));
  }
  EXPECT_FALSE(model.line(0)) << "the first pages have made room";
  EXPECT_TRUE(model.line(19'999 / 256 * 256));
}

TEST(EventsModel, AnotherWindowForgetsTheLines) {
  EventsModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  const auto cell = cell_with(100);
  model.setSource(cell, {0, 1'000'000}, {});
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.rowCount() == 100; }));
  model.setSource(cell, {500, 600}, {});
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.rowCount() == 10; }));
  model.line(0);
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.line(0).has_value(); }));
  EXPECT_EQ(model.line(0)->at, 500);
  model.setSource(nullptr, {}, {});
  EXPECT_EQ(model.rowCount(), 0);
}

// Until its count is here nothing is shown of it, and least of all the lines of the one before.
TEST(EventsModel, AnotherCellShowsNothingOfTheFormer) {
  EventsModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  model.setSource(cell_with(1000), {0, 1'000'000}, {});
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.rowCount() == 1000; }));
  model.line(0);
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.line(0).has_value(); }));
  model.setSource(cell_with(300), {0, 1'000'000}, {});
  EXPECT_EQ(model.rowCount(), 0);
  EXPECT_FALSE(model.isCounted()) << "nobody may say that it has none";
  EXPECT_FALSE(model.line(0));
  ASSERT_TRUE(QTest::qWaitFor([&] { return model.rowCount() == 300; }));
  EXPECT_TRUE(model.isCounted());
}

TEST(EventsModel, WordsForEveryKind) {
  for (int kind = 1; kind < static_cast<int>(kEventKinds); ++kind) {
    Event event{};
    event.kind = static_cast<EventKind>(kind);
    EXPECT_NE(eventKindText(event.kind), "unknown") << kind;
    eventDetail(event);
  }
  Event fault{};
  fault.kind = EventKind::kFault;
  fault.status = 2;
  EXPECT_EQ(eventDetail(fault), "no mapping");
  EXPECT_TRUE(eventAddress(fault));
}

TEST(CellsModel, AGrowingRunKeepsItsRows) {
  CellsModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  FakeRun run;
  run.add("strict", "nic");
  model.setCells(run.cells());
  QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
  QSignalSpy added(&model, &QAbstractItemModel::rowsInserted);
  run.add("lazy-percpu", "nic")->about.live = true;
  model.setCells(run.cells());
  EXPECT_EQ(resets.count(), 0);
  EXPECT_EQ(added.count(), 1);
  EXPECT_EQ(model.rowCount(), 2);
  EXPECT_TRUE(text(model, 1, CellsModel::kLabel).contains(QStringLiteral("●")));
  model.setCells({});
  EXPECT_EQ(model.rowCount(), 0);
}

TEST(EndpointsModel, CheckingNarrows) {
  EndpointsModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  TopologyState state;
  using Attachment = TopologyState::Attachment;
  state.endpoints = {{0x28, Attachment{1}, {}}, {0x30, Attachment{}, {}}, {0x38, {}, {}}};
  model.setTopology(state);
  ASSERT_EQ(model.rowCount(), 3);
  EXPECT_EQ(text(model, 0, 0), "0x28  domain 1");
  EXPECT_EQ(text(model, 1, 0), "0x30  not attached");
  EXPECT_EQ(text(model, 2, 0), "0x38  domain not known") << "what was not seen is not none";
  QSignalSpy changes(&model, &EndpointsModel::checkedChanged);
  EXPECT_TRUE(model.setData(model.index(1), Qt::Checked, Qt::CheckStateRole));
  EXPECT_EQ(changes.count(), 1);
  EXPECT_EQ(model.checked(), std::vector<EndpointId>{EndpointId{0x30}});
  model.setChecked({});
  EXPECT_EQ(changes.count(), 1) << "told from outside, not by the user";
  model.setTopology(state, QStringLiteral("at 27.0 ms"));
  EXPECT_EQ(text(model, 1, 0), "0x30  not attached at 27.0 ms") << "later it may have been";
}

QString value_of(const Facts& facts, const QString& name) {
  for (const Fact& fact : facts) {
    if (fact.name == name) return fact.value;
  }
  return {};
}

TEST(Facts, APageThatOutlivedItsUnmapSaysForHowLong) {
  PageLifetimes life;
  life.page = 0xffffe000;
  PageLifetimes::Lifetime one;
  one.mapped = 1'203'100'000;
  one.unmapped = 1'204'000'000;
  one.unreachable = 1'204'003'100;
  one.bytes = 4096;
  one.granted = Permissions::kReadWrite;
  life.lifetimes = {one};
  life.current = 0;
  life.searched = {0, std::numeric_limits<Nanos>::max()};
  const Facts facts = pageFacts(life);
  EXPECT_EQ(value_of(facts, "Stale for"), "≤ 3.1 µs");
  EXPECT_EQ(value_of(facts, "Mapped"), "00:01.203 100");
  EXPECT_TRUE(value_of(facts, "dma_map took").isEmpty()) << "not measured is not zero";
  life.lifetimes[0].unreachable = 1'203'999'000;
  EXPECT_EQ(value_of(pageFacts(life), "Unreachable"), "before the call returned");
  life.lifetimes[0].unreachable.reset();
  EXPECT_EQ(value_of(pageFacts(life), "Unreachable"), "not by the end of the trace");
  life.searched.to = 1'300'000'000;
  EXPECT_EQ(value_of(pageFacts(life), "Unreachable"), "not by 00:01.300 000")
      << "what happened behind the last kept event is not known";
  life.searched.to = std::numeric_limits<Nanos>::max();
  life.lifetimes.clear();
  life.current.reset();
  EXPECT_EQ(value_of(pageFacts(life), "Life"), "never mapped in this trace");
  life.searched.to = 5'000'000;
  EXPECT_EQ(value_of(pageFacts(life), "Life"),
            "not known: single events are kept from 00:00.000 000 to 00:00.005 000");
}

// A bounce pool's slot stays mapped; the guest's buffer never was.
TEST(Facts, ABufferThatIsCopiedIsNotSaidToStayReachable) {
  PageLifetimes life;
  PageLifetimes::Lifetime one;
  one.mapped = 1'000;
  one.unmapped = 2'000;
  one.persistent = true;
  life.lifetimes = {one};
  life.current = 0;
  EXPECT_EQ(value_of(pageFacts(life), "Unreachable"), "never, by design");
  life.lifetimes[0].copied = true;
  EXPECT_EQ(value_of(pageFacts(life), "Unreachable"), "the buffer always; its slot stays mapped");
}

TEST(Facts, MissingLatenciesSayWhy) {
  LatencyGrid grid;
  grid.because = "this run did not time translations";
  const Facts facts = latencyFacts(grid);
  ASSERT_EQ(facts.size(), 1u);
  EXPECT_EQ(facts[0].value, "not available: this run did not time translations");
}

TEST(Facts, ZeroWindowsCountAsZero) {
  ExposureUnmaps unmaps;
  unmaps.count = unmaps.zero_windows = 300;
  EXPECT_EQ(unmaps.percentile(99), 0);
  unmaps.count = 600;
  unmaps.histogram[LatencyBins::of(1000)] = 300;
  EXPECT_EQ(unmaps.percentile(50), 0);
  ASSERT_TRUE(unmaps.percentile(99));
  EXPECT_NEAR(*unmaps.percentile(99), 1000, 120);
  EXPECT_FALSE(ExposureUnmaps().percentile(50));
}

TEST(Facts, APercentileOfTooFewIsNotKnown) {
  LatencyGrid grid;
  grid.count = grid.histogram[LatencyBins::of(1000)] = 10;
  grid.min_ns = grid.mean_ns = grid.max_ns = 1000;
  grid.tick_ns = 0.39;
  const Facts facts = latencyFacts(grid);
  EXPECT_EQ(value_of(facts, "Median"), "1 µs");
  for (const char* name : {"p90", "p99", "p99.9", "p99.99"}) {
    EXPECT_EQ(value_of(facts, name), "not known of 10") << name;
  }
}

TEST(Facts, PercentilesSayThatTheyComeFromBuckets) {
  LatencyGrid grid;
  grid.count = grid.histogram[LatencyBins::of(1000)] = 10;
  grid.min_ns = grid.mean_ns = grid.max_ns = 1000;
  const Facts facts = latencyFacts(grid);
  EXPECT_EQ(value_of(facts, "Percentiles"), "from buckets of 9 %");
  for (const Fact& fact : facts) {
    if (fact.name == "Median") {
      EXPECT_EQ(fact.exact, "between 939 ns and 1.02 µs: read from buckets");
    }
  }
  EXPECT_EQ(value_of(latencyFacts(LatencyGrid()), "Percentiles"), "") << "there are none";
  ExposureColumns exposure;
  exposure.pages.emplace();
  exposure.unmaps.emplace().count = 600;
  exposure.unmaps->histogram[LatencyBins::of(1000)] = 600;
  EXPECT_EQ(value_of(exposureFacts(exposure), "Percentiles"), "from buckets of 9 %");
}

TEST(Facts, AClockStepIsTheShortestThatIsKnown) {
  LatencyGrid grid;
  grid.count = grid.histogram[0] = 10;
  grid.min_ns = grid.tick_ns = 0.39;
  grid.mean_ns = grid.max_ns = 5;
  EXPECT_EQ(value_of(latencyFacts(grid), "Shortest"), "below a clock step");
  grid.min_ns = 1.2;
  EXPECT_EQ(value_of(latencyFacts(grid), "Shortest"), "1.2 ns");
  EXPECT_EQ(value_of(latencyFacts(grid), "Clock step"), "not known") << "a tick is no step";
  grid.clock_step_ns = 10.02;
  EXPECT_EQ(value_of(latencyFacts(grid), "Shortest"), "below a clock step");
  EXPECT_EQ(value_of(latencyFacts(grid), "Clock step"), "10.0 ns");
}

TEST(Facts, AClockStepIsNamedWhereItIsWiderThanABucket) {
  LatencyGrid grid;
  grid.count = grid.histogram[LatencyBins::of(40)] = 100;
  grid.min_ns = 30;
  grid.max_ns = 50;
  EXPECT_EQ(clockNote(grid), "") << "it is not known";
  grid.clock_step_ns = 10;
  EXPECT_EQ(clockNote(grid), ", clock step 10 ns");
  grid.histogram = {};
  grid.histogram[LatencyBins::of(4000)] = 100;
  grid.max_ns = 5000;
  EXPECT_EQ(clockNote(grid), "");
}

TEST(Facts, WhatTheSummarySaysNamesItsTime) {
  ExposureColumns exposure;
  const Resolution coarse{{50'000, 100'000}, 50'000};
  exposure.query.window = {60'000, 70'000};
  exposure.pages = ExposurePages{coarse, 2, 5};
  exposure.unmaps.emplace().resolution = coarse;
  exposure.unmaps->count = 181;
  exposure.probes.emplace().resolution = coarse;
  const Facts facts = exposureFacts(exposure);
  EXPECT_EQ(value_of(facts, "Of"), "00:00.000 050 to 00:00.000 100");
  EXPECT_EQ(value_of(facts, "Unmaps"), "181");
  EXPECT_EQ(value_of(facts, "Window p99"), "not known of 181");
}

TEST(Facts, ExposureThatIsNotKnownIsNotZero) {
  ExposureColumns exposure;
  exposure.because = "single events are not kept here";
  const Facts facts = exposureFacts(exposure);
  EXPECT_EQ(value_of(facts, "Exposure"), "not available: single events are not kept here");
  EXPECT_EQ(value_of(facts, "Unmaps"), "");
  EXPECT_EQ(value_of(facts, "Stale pages, mean"), "");
  EXPECT_EQ(value_of(facts, "Rogue probes"), "not available: single events are not kept here");
}

TEST(FactsModel, LinesChangeInPlace) {
  FactsModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  model.setFacts({{"a", "1"}, {"b", "2"}});
  QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
  model.setFacts({{"a", "3"}, {"b", "4"}});
  EXPECT_EQ(resets.count(), 0);
  EXPECT_EQ(text(model, 1, 1), "4");
}

TEST(CellsModel, ACellThatDoesNotCountIsMarkedAndSaysWhy) {
  CellsModel model;
  std::vector<CellInfo> cells(2);
  cells[0].label = "strategy=strict";
  cells[1].label = "strategy=lazy";
  cells[1].standing = {Standing::Kind::kSetAside, "disturbed by the host, not counted",
                       "repetition 4 counts in its place"};
  model.setCells(cells);
  EXPECT_EQ(text(model, 0, CellsModel::kLabel), "strict");
  EXPECT_EQ(text(model, 1, CellsModel::kLabel), "lazy !");
  const QString tip = model.index(1, 0).data(Qt::ToolTipRole).toString();
  EXPECT_TRUE(tip.contains("repetition 1 (disturbed by the host, not counted)"))
      << tip.toStdString();
  EXPECT_TRUE(tip.contains("repetition 4 counts in its place")) << tip.toStdString();
}

TEST(CellsModel, EachAxisThatVariesHasAColumn) {
  CellsModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  std::vector<CellInfo> cells(2);
  cells[0].label = "strategy=strict workload=trace:/a/b/one.trace guest.page_size=4096";
  cells[1].label = "strategy=strict workload=trace:/a/b/two.trace guest.page_size=16384";
  model.setCells(cells);
  ASSERT_EQ(model.columnCount(), CellsModel::kMoreAxes + 2);
  const auto header = [&model](int column) {
    return model.headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
  };
  EXPECT_EQ(header(CellsModel::kLabel), "Strategy");
  EXPECT_EQ(header(CellsModel::kMoreAxes), "Workload");
  EXPECT_EQ(header(CellsModel::kMoreAxes + 1), "Page_size");
  EXPECT_EQ(text(model, 0, CellsModel::kLabel), "strict");
  EXPECT_EQ(text(model, 0, CellsModel::kMoreAxes), "one.trace");
  EXPECT_EQ(text(model, 1, CellsModel::kMoreAxes), "two.trace");
  EXPECT_EQ(text(model, 1, CellsModel::kMoreAxes + 1), "16384");
}

TEST(CellsModel, CellsSayHowMuchWasInjected) {
  CellsModel model;
  std::vector<CellInfo> cells(2);
  cells[0].injected_percent = 0;
  cells[1].injected_because = "the program that made the run did not measure it";
  model.setCells(cells);
  EXPECT_EQ(text(model, 0, CellsModel::kInjected), "0 %");
  EXPECT_EQ(text(model, 1, CellsModel::kInjected), "not known");
  const QModelIndex unknown = model.index(1, CellsModel::kInjected);
  EXPECT_TRUE(unknown.data(Qt::ToolTipRole).toString().contains("did not measure it"));
}

TEST(CellsModel, NamesSayWhatTellsCellsApart) {
  std::vector<CellInfo> cells(2);
  cells[0].label = "workload=trace:blk strategy=strict queue=split";
  cells[1].label = "workload=net-rx strategy=strict queue=split";
  EXPECT_EQ(cellNames(cells), QStringList({"strict, blk", "strict, net-rx"}));
  cells.resize(1);
  EXPECT_EQ(cellNames(cells), QStringList({"strict"}));
  cells[0].label = "a cell of another program";
  EXPECT_EQ(cellNames(cells), QStringList({"a cell of another program"}));
}

}  // namespace
}  // namespace violet::gui
