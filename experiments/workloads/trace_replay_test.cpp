// Replay of random valid traces on every strategy: whatever a trace maps together and unmaps apart, each access finds
// its buffer mapped and in the end everything is unmapped once.
#include <gtest/gtest.h>

#include <set>

#include "datasets/trace_samples.hpp"
#include "engine/base/rng.hpp"
#include "experiments/workloads/guest.hpp"
#include "experiments/workloads/rig_port_testing.hpp"
#include "experiments/workloads/workloads.hpp"

namespace violet::trace_replay_test {
namespace {

using datasets::Trace;
using datasets::TraceOp;
using datasets::TraceRecord;

Trace trace_of(const std::vector<TraceRecord>& records) {
  auto trace =
      datasets::trace_of_bytes(datasets::bytes_of(datasets::sample_trace(records)), "sample");
  EXPECT_TRUE(trace) << (trace ? "" : trace.error().message);
  const Status valid = datasets::validate_trace(*trace);
  EXPECT_TRUE(valid) << (valid ? "" : valid.error().message);
  return *std::move(trace);
}

// Two replay endpoints on a strategy.
struct Replay {
  Replay(Trace trace, const std::string& strategy, const ReplayOptions& options = {},
         bool polled = true, bool timers_on_traces_time = false)
      : rig({.strategy = strategy},
            [&](StrategyContext context) {
              if (timers_on_traces_time) context.timers = workload_timers(traces_time);
              context.groups = replay_groups(trace);
              auto made = make_strategy(strategy, std::move(context), {});
              VIOLET_CHECK(made);
              return *std::move(made);
            }),
        guest({.strategy = *rig.strategy,
               .memory = rig.guest.memory,
               .pages = *rig.guest.pages,
               .counters = rig.guest.counters,
               .histograms = histograms,
               .probe = {},
               .workload_time = timers_on_traces_time ? &traces_time : nullptr,
               .deadline = deadline,
               .endpoints = {{.id = EndpointId{0}, .model = &devices[0], .replay = &devices[0]},
                             {.id = EndpointId{1}, .model = &devices[1], .replay = &devices[1]}}}),
        workload(make_trace_replay(std::move(trace), options)) {
    for (std::uint16_t i = 0; i < 2; ++i) guest.endpoint(i).shared = polled;
    const Status prepared = workload->prepare(guest);
    EXPECT_TRUE(prepared) << (prepared ? "" : prepared.error().message);
  }

  Ticks traces_time = 0;
  StrategyRig rig;
  RigPort ports[2] = {{rig, EndpointId{0}}, {rig, EndpointId{1}}};
  ReplayEndpoint devices[2] = {ReplayEndpoint(ports[0]), ReplayEndpoint(ports[1])};
  GuestHistograms histograms;
  Deadline deadline;
  Guest guest;
  std::unique_ptr<Workload> workload;
};

// Maps of several pieces, some with accesses between them, some that change endpoint or direction on the way; unmaps of
// anything that is mapped, whole lists and parts, in any order.
class RandomTrace {
 public:
  explicit RandomTrace(std::uint64_t seed) : rng_(seed), group_(rng_.chance(0.5)) {}

  std::vector<TraceRecord> make(std::size_t calls) {
    for (std::size_t i = 0; i < calls; ++i) {
      if (live_.empty() || (live_.size() < 400 && rng_.chance(0.4))) {
        map();
      } else if (rng_.chance(0.5)) {
        unmap();
      } else {
        access(live_[rng_.below(live_.size())]);
      }
    }
    if (!live_.empty()) unmap();
    return records_;
  }

 private:
  void add(TraceRecord record, TraceOp op, bool chained) {
    record.op = op;
    record.time_ns = time_ns_ += rng_.below(3);
    record.flags =
        static_cast<std::uint8_t>((record.flags & 3) | (chained ? datasets::kChained : 0));
    records_.push_back(record);
  }

  void map() {
    const std::size_t pieces = rng_.chance(0.05) ? 100 + rng_.below(100) : 1 + rng_.below(6);
    auto endpoint = static_cast<std::uint16_t>(rng_.below(2));
    auto flags = static_cast<std::uint8_t>(1 + rng_.below(3));
    for (std::size_t i = 0; i < pieces; ++i) {
      if (rng_.chance(0.02)) endpoint ^= 1;
      if (rng_.chance(0.02)) flags = static_cast<std::uint8_t>(1 + rng_.below(3));
      TraceRecord record{};
      record.page = rng_.below(512) * 4096 + (rng_.chance(0.5) ? rng_.below(4096) : 0);
      record.handle = handles_++;
      record.bytes = static_cast<std::uint32_t>(1 + rng_.below(8192));
      record.endpoint = endpoint;
      record.flags = flags;
      add(record, TraceOp::kMap, i > 0);
      live_.push_back(record);
      if (rng_.chance(0.05)) access(record);
    }
  }

  void unmap() {
    const std::size_t pieces =
        std::min<std::size_t>(live_.size(), rng_.chance(0.1) ? live_.size() : 1 + rng_.below(8));
    const bool in_order = rng_.chance(0.7);
    std::size_t at = rng_.below(live_.size() - pieces + 1);
    for (std::size_t i = 0; i < pieces; ++i) {
      if (!in_order) at = rng_.below(live_.size());
      add(live_[at], TraceOp::kUnmap, i > 0);
      live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }

  void access(TraceRecord record) {
    record.offset = static_cast<std::uint32_t>(rng_.below(record.bytes));
    record.bytes = static_cast<std::uint32_t>(1 + rng_.below(record.bytes - record.offset));
    if (group_ && rng_.chance(0.3)) record.endpoint ^= 1;
    if ((record.flags & 3) == 3) record.flags = static_cast<std::uint8_t>(1 + rng_.below(2));
    add(record, TraceOp::kAccess, false);
  }

  Rng rng_;
  bool group_;  // Each endpoint accesses what the other one mapped, too.
  std::uint64_t time_ns_ = 0;
  std::uint32_t handles_ = 0;
  std::vector<TraceRecord> live_, records_;
};

void expect_replays(const Trace& trace, Replay& replay, std::size_t laps) {
  const std::size_t operations = trace.header().unmap_calls * laps;
  for (std::size_t done = 0, steps = 0; done < operations; ++steps) {
    ASSERT_LT(steps, 100 * operations + 100);
    done += replay.workload->step(replay.guest) == StepOutcome::kDone ? 1 : 0;
  }
  replay.workload->finish(replay.guest);
  replay.rig.strategy->drain();
  for (const auto& device : replay.devices) {
    EXPECT_EQ(device.dma_errors(), 0u);
    EXPECT_EQ(device.submitted(), device.completed());
  }
  EXPECT_EQ(replay.rig.guest.counters.map_failures, 0u);
  EXPECT_EQ(replay.rig.guest.counters.failed_requests, 0u);
  EXPECT_EQ(replay.rig.guest.counters.maps, replay.rig.guest.counters.unmaps);
}

TEST(TraceReplay, AnythingThatATraceMapsTogetherMayBeUnmappedApart) {
  std::uint64_t strategy = 0;
  for (const auto& info : strategies()) {
    // Each of sixty traces is replayed by every third strategy.
    for (std::uint64_t seed = strategy++ % 3; seed < 60; seed += 3) {
      SCOPED_TRACE(fmt::format("seed {}, strategy {}", seed, info.name));
      const auto records = RandomTrace(seed).make(60 + seed * 2);
      Replay replay(trace_of(records), std::string(info.name));
      expect_replays(trace_of(records), replay, 2);
      if (HasFailure()) return;
    }
  }
}

TraceRecord record_of(TraceOp op, std::uint32_t handle, std::uint8_t flags) {
  return {0, handle * std::uint64_t{4096}, handle, 4096, 0, 0, op, flags};
}

// A list of four that its source unmaps from the middle.
TEST(TraceReplay, AListThatIsUnmappedInPartsIsMappedPieceByPiece) {
  constexpr std::uint8_t kBoth = 3, kNext = kBoth | datasets::kChained;
  std::vector<TraceRecord> records;
  for (std::uint32_t i = 0; i < 4; ++i) {
    records.push_back(record_of(TraceOp::kMap, i, i == 0 ? kBoth : kNext));
  }
  records.push_back(record_of(TraceOp::kUnmap, 1, kBoth));
  records.push_back(record_of(TraceOp::kUnmap, 0, kBoth));
  Replay apart(trace_of(records), "strict");
  expect_replays(trace_of(records), apart, 1);
  EXPECT_EQ(apart.rig.guest.counters.maps, 4u);

  records.resize(4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    records.push_back(record_of(TraceOp::kUnmap, i, i == 0 ? kBoth : kNext));
  }
  Replay whole(trace_of(records), "strict");
  expect_replays(trace_of(records), whole, 1);
  EXPECT_EQ(whole.rig.guest.counters.maps, 1u);
}

// A device that wrote where it might only read is refused here, too, and that is no failure of ours.
TEST(TraceReplay, WhatTheSourcesMappingsDoNotAllowIsSaid) {
  const auto why = [](std::uint8_t mapped, std::uint8_t accessed) {
    const Replay replay(
        trace_of({record_of(TraceOp::kMap, 0, mapped), record_of(TraceOp::kAccess, 0, accessed),
                  record_of(TraceOp::kUnmap, 0, mapped)}),
        "strict");
    return replay.workload->why_it_strays();
  };
  using datasets::kDeviceReads, datasets::kDeviceWrites;
  EXPECT_STREQ(why(kDeviceReads, kDeviceWrites),
               "the trace has accesses that its mappings do not allow");
  EXPECT_STREQ(why(kDeviceWrites, kDeviceReads),
               "the trace has accesses that its mappings do not allow");
  EXPECT_EQ(why(kDeviceReads, kDeviceReads), nullptr);
  EXPECT_EQ(why(kDeviceReads | kDeviceWrites, kDeviceWrites), nullptr);
  EXPECT_EQ(why(0, kDeviceWrites), nullptr);
}

// An unmap waits for a device that takes its time; the call's lag is that of its begin.
TEST(TraceReplay, TheLagOfACallThatWaitsIsRecordedOnce) {
  const std::vector<TraceRecord> records{record_of(TraceOp::kMap, 0, 3),
                                         record_of(TraceOp::kAccess, 0, datasets::kDeviceReads),
                                         record_of(TraceOp::kUnmap, 0, 3)};
  Replay replay(trace_of(records), "strict", {.paced = true}, false);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(replay.workload->step(replay.guest), StepOutcome::kWaits);
  }
  replay.devices[0].poll(1);
  EXPECT_EQ(replay.workload->step(replay.guest), StepOutcome::kDone);
  EXPECT_EQ(replay.histograms.lag_ns.snapshot().total(), 2u) << "an access is no call of the guest";
}

// The call before it ran 3 ms: the next one, whose time had come 2 ms ago, has a response of over 2 ms, and how long
// it took itself is another number. Its device holds up the first unmap.
TEST(TraceReplay, AResponseCountsFromWhenTheCallShouldHaveBegun) {
  std::vector<TraceRecord> records{record_of(TraceOp::kMap, 0, 3),
                                   record_of(TraceOp::kAccess, 0, datasets::kDeviceReads),
                                   record_of(TraceOp::kUnmap, 0, 3), record_of(TraceOp::kMap, 1, 3),
                                   record_of(TraceOp::kUnmap, 1, 3)};
  for (std::size_t i = 3; i < records.size(); ++i) records[i].time_ns = 1'000'000;
  Replay replay(trace_of(records), "strict", {.paced = true}, false);
  const Ticks start = now_ticks();
  EXPECT_EQ(replay.workload->step(replay.guest), StepOutcome::kWaits);
  while (now_ticks() - start < ns_to_ticks(30'000'000)) continue;
  replay.devices[0].poll(1);
  for (int done = 0; done < 2;) {
    done += replay.workload->step(replay.guest) == StepOutcome::kDone ? 1 : 0;
  }
  const auto maps = replay.histograms.map_response_ns.snapshot();
  const auto unmaps = replay.histograms.unmap_response_ns.snapshot();
  ASSERT_EQ(maps.total(), 2u);
  ASSERT_EQ(unmaps.total(), 2u);
  EXPECT_GT(maps.max(), 28'000'000u);
  EXPECT_GT(unmaps.max(), 29'000'000u);
  EXPECT_GT(unmaps.min(), 28'000'000u);
  EXPECT_EQ(replay.histograms.map_ns.snapshot().total(), 2u);
  EXPECT_EQ(replay.histograms.lag_ns.snapshot().total(), 4u);
}

// What is mapped for ever is not mapped again in the next lap, so that there is no call to be late.
TEST(TraceReplay, OnlyCallsThatAreMadeHaveALag) {
  const std::vector<TraceRecord> records{record_of(TraceOp::kMap, 0, 3),
                                         record_of(TraceOp::kMap, 1, 3),
                                         record_of(TraceOp::kUnmap, 1, 3)};
  Replay replay(trace_of(records), "strict", {.paced = true});
  expect_replays(trace_of(records), replay, 2);
  EXPECT_EQ(replay.histograms.lag_ns.snapshot().total(), 5u);
  EXPECT_EQ(replay.histograms.map_response_ns.snapshot().total(), 3u);
  EXPECT_EQ(replay.histograms.unmap_response_ns.snapshot().total(), 2u);
}

// --- Timers on the trace's time ---

// Buffers of one page each, 4 ms apart, mapped and unmapped: the timer of 10 ms is armed by the first unmap and ends
// between the fourth and the next.
std::vector<TraceRecord> four_milliseconds_apart(std::uint32_t buffers) {
  std::vector<TraceRecord> records;
  for (std::uint32_t i = 0; i < buffers; ++i) {
    for (const TraceOp op : {TraceOp::kMap, TraceOp::kUnmap}) {
      records.push_back(record_of(op, i, 3));
      records.back().time_ns = i * std::uint64_t{4'000'000};
    }
  }
  return records;
}

struct TimedReplay {
  std::uint64_t flushes = 0;  // Of timers.
  std::vector<Iova> addresses;
  std::optional<std::uint64_t> worked_ns;
};

TimedReplay replay_on_traces_time(std::uint32_t buffers, std::size_t laps) {
  const auto records = four_milliseconds_apart(buffers);
  Replay replay(trace_of(records), "lazy-percpu", {}, true, true);
  for (std::size_t i = 0; i < laps * buffers; ++i) {
    EXPECT_EQ(replay.workload->step(replay.guest), StepOutcome::kDone);
  }
  TimedReplay out{replay.rig.guest.counters.flushes, {}, replay.workload->worked_ns()};
  for (const auto& logged : replay.rig.guest.device.log()) {
    if (logged.type == protocol::Type::kMap) out.addresses.push_back(logged.range.first);
  }
  return out;
}

// However fast they are replayed.
TEST(TraceReplay, TimersOnTheTracesTimeEndWhereTheTraceSaysSo) {
  // Armed at 0, 12, 24 ... 108 ms, due 10 ms later and seen by the call 12 ms later.
  const TimedReplay replay = replay_on_traces_time(31, 1);
  EXPECT_EQ(replay.flushes, 10u);
  EXPECT_EQ(replay.worked_ns, 120'000'000u);
  // What is parked before the timer ends comes back after it, the newest first.
  ASSERT_EQ(replay.addresses.size(), 31u);
  const std::set<Iova> different(replay.addresses.begin(), replay.addresses.end());
  EXPECT_EQ(different.size(), 3u);
}

TEST(TraceReplay, TheTracesTimeGoesOnFromLapToLap) {
  // Laps of 12 ms: armed at 0, 12 and 24 ms, seen due at 12, 24 and 36 ms.
  const TimedReplay replay = replay_on_traces_time(4, 3);
  EXPECT_EQ(replay.worked_ns, 36'000'000u);
  EXPECT_EQ(replay.flushes, 3u);
}

TEST(TraceReplay, LazyAddressesOnTheTracesTimeAreTheSameEachTime) {
  EXPECT_EQ(replay_on_traces_time(200, 2).addresses, replay_on_traces_time(200, 2).addresses);
}

}  // namespace
}  // namespace violet::trace_replay_test
