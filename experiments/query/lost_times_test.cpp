// What is lost is neither zero nor a page that stays stale, whichever way a window is answered.
#include "experiments/query/lost_times.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/query/query_rig_testing.hpp"
#include "experiments/trace/aggregation.hpp"
#include "experiments/trace/pyramid_file.hpp"

namespace violet::query {
namespace {

class LossyRun : public testing::Test {
 protected:
  static constexpr std::uint64_t kEvents = 260'000;

  // Whether an lcore loses its events when so much of all was made.
  virtual bool drops(std::uint16_t lcore, double share) const = 0;
  // How much of all the trace keeps; the summary has all.
  virtual double kept_share() const { return 1; }
  void SetUp() override {
    const SyntheticOptions options{.strategy = SyntheticStrategy::kLazy, .events = kEvents};
    base_ = TimeBase(options.start, options.ns_per_tick);
    auto writer = EventTraceWriter::open(folder_.path() / "trace.events",
                                         {options.ns_per_tick, options.start, 0});
    ASSERT_TRUE(writer);
    Aggregation recorder({.ns_per_tick = options.ns_per_tick});
    std::map<std::uint16_t, std::uint64_t> lost;
    std::map<std::uint16_t, MissingEvents> missing;  // In the trace.
    std::uint64_t made = 0;
    SyntheticRun(options).run(
        [&](std::uint16_t lcore, std::span<const Event> events, std::uint64_t) {
          made += events.size();
          if (drops(lcore, static_cast<double>(made) / kEvents)) {
            lost[lcore] += events.size();
            missing[lcore].dropped += events.size();
            if (lost_.from == 0) lost_.from = base_.nanos(events.front().at);
            lost_.to = std::max(lost_.to, base_.nanos(events.back().at));
            return;
          }
          recorder.add(lcore, events, std::exchange(lost[lcore], 0));
          if (static_cast<double>(made) > kept_share() * kEvents) {
            missing[lcore].not_kept += events.size();
          } else {
            ASSERT_TRUE(writer->append(lcore, events, std::exchange(missing[lcore], {})));
          }
        },
        [&](Ticks until) { recorder.advance(until); });
    for (const auto& [lcore, count] : lost) {
      if (count > 0) recorder.add(lcore, {}, count);
    }
    for (const auto& [lcore, what] : missing) {
      if (what.dropped + what.not_kept > 0) ASSERT_TRUE(writer->append(lcore, {}, what));
    }
    recorder.finish();
    ASSERT_TRUE(
        append_pyramid((folder_.path() / "trace.pyramid").string(), 0, 0, recorder.pyramid()));
    auto run = open_run((folder_.path() / "trace.events").string());
    ASSERT_TRUE(run);
    run_ = std::move(*run);
    auto cell = run_->open_cell(0, {});
    ASSERT_TRUE(cell);
    cell_ = *cell;
    ASSERT_GT(lost_.length(), 0);
  }
  TimeWindow whole() const { return cell_->info().whole; }

  TestFolder folder_;
  TimeBase base_;
  TimeWindow lost_;  // At least so much.
  std::unique_ptr<RunQueries> run_;
  std::shared_ptr<const CellQueries> cell_;
};

// Guest and engine lose events over a tenth of the run; the engine's come back a little later than the guest's.
class Lossy : public LossyRun {
  bool drops(std::uint16_t lcore, double share) const override {
    const bool engine = lcore == SyntheticRun::kEngineLcore;
    return (engine || lcore == SyntheticRun::kGuestLcore) && share > 0.4 &&
           share < (engine ? 0.52 : 0.5);
  }
};

// The guest's are lost until the end; the others' are not.
class LossyAtEnd : public LossyRun {
  bool drops(std::uint16_t lcore, double share) const override {
    return lcore == SyntheticRun::kGuestLcore && share > 0.6;
  }
};

// The guest's are lost for a while, long after the trace keeps none any more.
class LossyBehindWhatIsKept : public LossyRun {
  bool drops(std::uint16_t lcore, double share) const override {
    return lcore == SyntheticRun::kGuestLcore && share > 0.5 && share < 0.55;
  }
  double kept_share() const override { return 0.2; }
};

TEST_F(Lossy, TheSummaryHasNoPagesThatTheEventsDoNotHave) {
  const TimeWindow measured = cell_->info().measured;
  const ExposureColumns summary = cell_->exposure({measured, 50, {}});
  // Of all addresses: replayed.
  const ExposureColumns events = cell_->exposure({measured, 50, {IovaRange::all(), {}, {}}});
  ASSERT_TRUE(summary.pages && events.pages);
  ASSERT_FALSE(summary.pages->resolution.exact());
  ASSERT_TRUE(events.pages->resolution.exact());
  EXPECT_EQ(summary.pages->peak_stale, events.pages->peak_stale);
  EXPECT_NEAR(summary.pages->mean_stale, events.pages->mean_stale, 0.02 * events.pages->mean_stale);
  for (const ExposureColumns* answer : {&summary, &events}) {
    EXPECT_GE(answer->pages->resolution.missing, lost_.length());
    EXPECT_LT(answer->pages->resolution.missing, lost_.length() * 3 / 2);
  }
}

TEST_F(Lossy, LevelsAndRatesAreOfTheTimeThatIsLeft) {
  const auto answers = [&](TimeWindow window) {
    const ExposureColumns exposure = cell_->exposure({window, 1, {}});
    return std::pair{exposure.pages.value_or(ExposurePages{}),
                     cell_->overview(window, 1).operations_per_s.at(0)};
  };
  const TimeWindow window{lost_.from - lost_.length(), lost_.to + lost_.length()};
  const auto [pages, calls] = answers(window);
  const auto [before, calls_before] = answers({window.from, lost_.from - 100'000});
  const auto [after, calls_after] = answers({lost_.to + 100'000, window.to});
  EXPECT_GT(pages.resolution.missing, 0);
  EXPECT_EQ(before.resolution.missing, 0);
  EXPECT_EQ(after.resolution.missing, 0);
  const double mean = (before.mean_stale + after.mean_stale) / 2;
  EXPECT_NEAR(pages.mean_stale, mean, 0.1 * mean);
  ASSERT_TRUE(calls.known());
  EXPECT_TRUE(calls.gap);
  EXPECT_NEAR(calls.mean, (calls_before.mean + calls_after.mean) / 2, 0.1 * calls_before.mean);
}

TEST_F(Lossy, NothingIsSaidOfTimeThatIsLost) {
  const Nanos quarter = lost_.length() / 4;
  // Read event by event, and from the summary.
  for (const TimeWindow& window : {TimeWindow{lost_.from + quarter, lost_.from + quarter + 1000},
                                   TimeWindow{lost_.from + quarter, lost_.to - quarter}}) {
    const ExposureColumns exposure = cell_->exposure({window, 8, {}});
    EXPECT_FALSE(exposure.pages);
    EXPECT_EQ(exposure.because, "events were lost in all of this time");
    const Overview overview = cell_->overview(window, 8);
    for (const auto* columns :
         {&exposure.stale_pages, &exposure.live_pages, &overview.operations_per_s}) {
      ASSERT_EQ(columns->size(), 8u);
      for (const Column& column : *columns) {
        EXPECT_TRUE(column.gap);
        EXPECT_FALSE(column.known()) << "neither zero nor anything else";
      }
    }
    EXPECT_EQ(cell_->latency({window, Operation::kUnmap, 8, {}}).because,
              "events were lost in all of this time");
  }
}

bool any_of(const std::vector<bool>& gaps) {
  return std::find(gaps.begin(), gaps.end(), true) != gaps.end();
}
bool all_of(const std::vector<bool>& gaps) {
  return std::find(gaps.begin(), gaps.end(), false) == gaps.end();
}

// Nobody saw them come back: every view knows that they are missing all the same.
TEST_F(LossyAtEnd, NoViewTakesWhatIsLostForNothing) {
  const Nanos from = lost_.from + 1000, to = whole().to;
  ASSERT_GT(to - from, lost_.length() / 2);
  // Read event by event, and from the summary.
  for (const TimeWindow& window : {TimeWindow{from, from + 1000}, TimeWindow{from, to}}) {
    SCOPED_TRACE(window.length());
    const Overview overview = cell_->overview(window, 8);
    for (const Column& column : overview.operations_per_s) {
      EXPECT_TRUE(column.gap);
      EXPECT_FALSE(column.known());
    }
    EXPECT_TRUE(all_of(cell_->churn({window, IovaRange::all(), 8, 4, {}}).gap));
    const LatencyGrid latency = cell_->latency({window, Operation::kUnmap, 8, {}});
    EXPECT_TRUE(all_of(latency.gap));
    EXPECT_EQ(latency.because, "events were lost in all of this time");
    for (const Column& column : cell_->engine(window, 8).kicks_per_s) EXPECT_TRUE(column.gap);
    EXPECT_THAT(cell_->faults(window, 10).because, testing::HasSubstr("lost"));
    EXPECT_EQ(cell_->exposure({window, 8, {}}).because, "events were lost in all of this time");
  }
  const TopologyState topology = cell_->topology(to);
  EXPECT_EQ(topology.because, "events were lost before");
  for (const auto& domain : topology.domains) EXPECT_FALSE(domain.mapping_count);
  // Before it nothing is missing.
  const TimeWindow before{lost_.from - 100'000, lost_.from - 50'000};
  EXPECT_FALSE(cell_->overview(before, 1).operations_per_s.at(0).gap);
  EXPECT_FALSE(cell_->churn({before, IovaRange::all(), 1, 1, {}}).gap.at(0));
}

// Of it the summary knows when it was.
TEST_F(LossyBehindWhatIsKept, NothingElseIsTakenForLost) {
  ASSERT_LT(cell_->info().kept_until, lost_.from);
  const Nanos apart = lost_.length();
  const auto gaps = [&](TimeWindow window) {
    return std::tuple{cell_->overview(window, 1).operations_per_s.at(0).gap,
                      any_of(cell_->churn({window, IovaRange::all(), 8, 4, {}}).gap),
                      any_of(cell_->latency({window, Operation::kUnmap, 8, {}}).gap)};
  };
  EXPECT_EQ(gaps({lost_.from, lost_.to}), (std::tuple{true, true, true}));
  EXPECT_EQ(gaps({lost_.to + 4 * apart, lost_.to + 5 * apart}), (std::tuple{false, false, false}));
  EXPECT_EQ(gaps({lost_.from - 5 * apart, lost_.from - 4 * apart}),
            (std::tuple{false, false, false}));
  EXPECT_EQ(gaps({0, cell_->info().kept_until}), (std::tuple{false, false, false}));
}

}  // namespace
}  // namespace violet::query
