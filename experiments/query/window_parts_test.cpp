// An answer about a window has nothing in it that lies beyond.
#include "experiments/query/window_parts.hpp"

#include <gtest/gtest.h>

#include "experiments/query/query_rig_testing.hpp"
#include "experiments/query/run_fixture_testing.hpp"

namespace violet::query {
namespace {

// Warm-up and taking down lie in the bins at the borders of the measured time.
TEST(WindowParts, AnAnswerAboutTheMeasuredTimeIsOfItAlone) {
  const QueryRig rig({.strategy = SyntheticStrategy::kLazy, .events = 260'000});
  const auto cell = rig.open();
  ASSERT_NE(cell, nullptr);
  const TimeWindow measured = cell->info().measured;
  const ExposureColumns exposure = cell->exposure({measured, 100, {}});
  ASSERT_TRUE(exposure.pages && exposure.unmaps);
  EXPECT_FALSE(exposure.pages->resolution.exact()) << "too many events to be read one by one";
  EXPECT_EQ(exposure.pages->resolution.about, measured);
  EXPECT_EQ(exposure.unmaps->resolution.about, measured);
  std::uint64_t unmaps = 0, timed = 0, calls = 0;
  double sum = 0;
  for (const OracleLifetime& lifetime : rig.oracle().lifetimes()) {
    const bool over = lifetime.unmapped && lifetime.over();
    unmaps += over && measured.contains(rig.base().nanos(*lifetime.unmapped)) ? 1 : 0;
  }
  for (const auto& [event, lcore] : rig.oracle().events()) {
    if (!measured.contains(rig.base().nanos(event.at))) continue;
    calls += event.kind == EventKind::kDmaMap || event.kind == EventKind::kDmaUnmap ? 1 : 0;
    if (event.kind != EventKind::kDmaUnmap || !event.timed()) continue;
    ++timed;
    sum += static_cast<double>(event.duration()) * rig.base().ns_per_tick();
  }
  EXPECT_EQ(exposure.unmaps->count, unmaps);
  // All addresses: replayed event by event.
  const ExposureColumns replayed = cell->exposure({measured, 100, {IovaRange::all(), {}, {}}});
  ASSERT_TRUE(replayed.pages && replayed.pages->resolution.exact());
  EXPECT_EQ(exposure.pages->peak_stale, replayed.pages->peak_stale);
  EXPECT_NEAR(exposure.pages->mean_stale, replayed.pages->mean_stale,
              1e-3 * replayed.pages->mean_stale);
  const LatencyGrid grid = cell->latency({measured, Operation::kUnmap, 100, {}});
  EXPECT_FALSE(grid.resolution.exact());
  EXPECT_EQ(grid.resolution.about, measured);
  EXPECT_EQ(grid.count, timed);
  EXPECT_NEAR(grid.mean_ns, sum / static_cast<double>(timed), 1e-6 * grid.mean_ns);
  const Overview overview = cell->overview(measured, 1);
  EXPECT_EQ(overview.resolution.about, measured);
  EXPECT_EQ(overview.operations_per_s[0].count, calls);
}

// A run that never ended is no ended one, whoever opens it.
TEST(UnendedRun, SaysThatItNeverEnded) {
  const TestFolder folder;
  std::string path;
  {
    auto writer = results::RunWriter::create(fixture_setup(folder.path(), {{"lazy-percpu"}}));
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->begin_repetition(FixtureCell{"lazy-percpu"}.id(), 0));
    path = writer->directory().string();
  }
  {
    auto trace = EventTraceWriter::open(std::filesystem::path(path) / "trace.events", {0.5, 0, 0});
    ASSERT_TRUE(trace);
    SyntheticRun({.strategy = SyntheticStrategy::kLazy, .events = 3000})
        .run([&](std::uint16_t lcore, std::span<const Event> events, std::uint64_t) {
          EXPECT_TRUE(trace->append(lcore, events));
        });
  }
  const auto run = open_run(path);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ((*run)->progress().state, RunProgress::State::kRecorded);
  EXPECT_EQ((*run)->progress().how, "died");
  const std::string notice = "the run died in this cell";
  ASSERT_EQ((*run)->cells().size(), 1u);
  EXPECT_EQ((*run)->cells()[0].notice.substr(0, notice.size()), notice);
  const auto cell = (*run)->open_cell(0, {});
  ASSERT_TRUE(cell) << cell.error().message;
  EXPECT_EQ((*cell)->info().notice.substr(0, notice.size()), notice);
}

}  // namespace
}  // namespace violet::query
