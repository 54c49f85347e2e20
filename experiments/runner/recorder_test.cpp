#include "experiments/runner/recorder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

// Something with nothing to record but a counter, whose reading may take long.
class Counting final : public Recorded {
 public:
  const LcoreRings& rings() const override { return all_; }
  const std::vector<EndpointConfig>& endpoints() const override { return endpoints_; }
  GuestHistograms& histograms() override { return histograms_; }
  GaugeReadings gauges() const override {
    if (std::this_thread::get_id() == test_) {
      slow();
    } else {
      looks_.fetch_add(1, std::memory_order_relaxed);
    }
    GaugeReadings readings;
    readings.add(Gauge::kOperations, kGuestLcore, 7);
    return readings;
  }

  std::function<void()> slow = [] {};  // For the test's thread.
  // Until the recorder has looked, however busy the machine is.
  void wait_for_a_look() const {
    const std::uint64_t before = looks_.load(std::memory_order_relaxed);
    while (looks_.load(std::memory_order_relaxed) < before + 2) std::this_thread::yield();
  }

 private:
  mutable std::atomic<std::uint64_t> looks_{0};
  PrivateRings owned_{1 << 12};
  LcoreRings all_ = owned_.all();
  std::vector<EndpointConfig> endpoints_;
  GuestHistograms histograms_;
  std::thread::id test_ = std::this_thread::get_id();
};

void let_it_look() {
  // taste: allow sleep because the recorder wakes by time, and leaves nothing by which one could tell.
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
}

// The recorder looks many times between the moment at which a phase begins and the moment at which that is known.
TEST(Recorder, AMarkHasItsTimeAndItsPlaceHoweverLongItTakes) {
  Counting counting;
  Recorder recorder(counting, nullptr, nullptr, {.period_ms = 1});
  ASSERT_TRUE(recorder.start());
  recorder.begin_sampling();
  counting.wait_for_a_look();
  counting.slow = let_it_look;
  const Ticks begin = recorder.mark(Phase::kMeasure);
  counting.wait_for_a_look();
  const Ticks end = recorder.mark(Phase::kTakeDown);
  ASSERT_TRUE(recorder.stop());
  std::vector<Ticks> marks, samples;
  Ticks last = 0;
  for (const Event& event : recorder.events(kRecorderRing)) {
    EXPECT_GE(event.at, last);
    last = event.at;
    if (event.kind == EventKind::kMark) marks.push_back(event.at);
    if (event.kind == EventKind::kSample) samples.push_back(event.at);
  }
  ASSERT_EQ(marks.size(), 4u);
  EXPECT_EQ(marks[1], begin);
  EXPECT_EQ(marks[2], end);
  // It goes on to look between the marks and after them, and each of them comes with a sample.
  EXPECT_GT(std::count_if(samples.begin(), samples.end(), [&](Ticks at) { return at < begin; }), 0);
  EXPECT_GT(std::count_if(samples.begin(), samples.end(),
                          [&](Ticks at) { return at > begin && at < end; }),
            0);
  EXPECT_EQ(std::count(samples.begin(), samples.end(), begin), 1);
  EXPECT_EQ(std::count(samples.begin(), samples.end(), end), 1);
}

// What two lcores leave in turns, one event a tick, is kept up to one time for both.
TEST(Recorder, TheTraceHasTheWholeEarlyPartAndNoMoreThanItsShare) {
  constexpr std::uint64_t kShare = 64 << 10, kEvents = 3000;
  const TestFolder folder;
  const auto path = folder.path() / "trace.events";
  Counting counting;
  Recorder::Traced traced;
  {
    auto writer = EventTraceWriter::open(path, {1, 0, 0});
    ASSERT_TRUE(writer) << writer.error().message;
    Recorder recorder(counting, nullptr, &*writer, {.period_ms = 1, .max_trace_bytes = kShare});
    ASSERT_TRUE(recorder.start());
    recorder.begin_sampling();
    for (Ticks i = 0; i < kEvents; ++i) {
      counting.rings()[kGuestRing]->record({2 * i, EventKind::kKick, 0, 0, 0, 0, 0});
      counting.rings()[kEngineRing]->record({2 * i + 1, EventKind::kMapDone, 0, 0, 0, 0, 0});
    }
    let_it_look();
    ASSERT_TRUE(recorder.stop());
    traced = recorder.traced();
  }
  EXPECT_EQ(traced.seen, 2 * kEvents);
  EXPECT_GT(traced.kept, 1000u);
  EXPECT_LT(traced.kept, 2 * kEvents);
  EXPECT_LE(std::filesystem::file_size(path), EventTraceWriter::kHeaderBytes + kShare);
  const auto trace = EventTrace::open(path);
  ASSERT_TRUE(trace) << trace.error().message;
  std::uint64_t kept = 0, early = 0, marks = 0;
  for (std::size_t i = 0; i < trace->blocks().size(); ++i) {
    const auto events = trace->read(i);
    ASSERT_TRUE(events) << events.error().message;
    for (const Event& event : *events) {
      marks += event.kind == EventKind::kMark ? 1 : 0;
      if (trace->blocks()[i].lcore == kRecorderLcore) continue;
      early += event.at < traced.until ? 1 : 0;
      ++kept;
    }
  }
  EXPECT_EQ(kept, traced.kept);
  EXPECT_EQ(early, traced.until) << "an event a tick, and none of the early part is missing";
  EXPECT_EQ(trace->not_kept(), traced.seen - traced.kept);
  EXPECT_EQ(marks, 2u) << "its beginning and its end";
}

TEST(EventLog, KeepsTheOrderAndRefusesWhatDoesNotFit) {
  const auto made = EventLog::make(10);
  ASSERT_TRUE(made);
  EventLog& log = **made;
  std::vector<Event> batch(4);
  for (std::uint64_t i = 0; i < 4; ++i) batch[i].at = i;
  EXPECT_TRUE(log.append(batch));
  EXPECT_TRUE(log.append(batch));
  EXPECT_FALSE(log.append(batch));
  EXPECT_TRUE(log.append(std::span(batch).first(2)));
  EXPECT_FALSE(log.append(std::span(batch).first(1)));
  EXPECT_TRUE(log.append({}));
  ASSERT_EQ(log.events().size(), 10u);
  EXPECT_EQ(log.events()[7].at, 3u);
  EXPECT_EQ(log.events()[9].at, 1u);
}

TEST(EventLog, AddressesThatCannotBeHadAreAnErrorOfTheEnvironment) {
  const auto made = EventLog::make((std::size_t{1} << 60) / sizeof(Event));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::kEnvironment);
}

}  // namespace
}  // namespace violet
