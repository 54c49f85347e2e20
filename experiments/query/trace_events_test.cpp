// What Perfetto reads of a cell: every event once, slices that end, flows that meet their slices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "experiments/query/fake_run_testing.hpp"
#include "experiments/query/query_rig_testing.hpp"
#include "experiments/query/trace_events.hpp"

namespace violet::query::trace_events_test {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;

constexpr std::uint64_t kPage = 0xfffff000;

// Nanoseconds, which the format has as microseconds with three decimals.
std::int64_t nanos(const Json& value) { return std::llround(value.get<double>() * 1000); }

struct Written {
  Json json;
  std::vector<double> shares;
  std::vector<Json> of(const std::string& phase) const {
    std::vector<Json> found;
    for (const Json& event : json["traceEvents"]) {
      if (event["ph"] == phase) found.push_back(event);
    }
    return found;
  }
};

Written written(const CellQueries& cell, TimeWindow window) {
  std::string text;
  Written result;
  const Status done = write_trace_events(
      cell, window,
      [&](std::string_view piece) {
        text += piece;
        return Status();
      },
      [&](double share) { result.shares.push_back(share); });
  EXPECT_TRUE(done);
  result.json = Json::parse(text);
  return result;
}

// Each 'b' has its 'e', inner ones before outer ones, and no time runs back.
void expect_async_slices_end(const Written& written) {
  std::map<std::int64_t, std::vector<Json>> open;
  for (const Json& event : written.json["traceEvents"]) {
    if (event["ph"] != "b" && event["ph"] != "e") continue;
    auto& stack = open[event["id"].get<std::int64_t>()];
    if (event["ph"] == "b") {
      stack.push_back(event);
      continue;
    }
    ASSERT_FALSE(stack.empty()) << event;
    EXPECT_EQ(stack.back()["name"], event["name"]);
    EXPECT_LE(nanos(stack.back()["ts"]), nanos(event["ts"]));
    stack.pop_back();
  }
  for (const auto& [id, stack] : open) EXPECT_TRUE(stack.empty()) << id;
}

// Each begins with 's' and ends with 'f', in order of time, and every end of it lies in a slice of its track.
std::size_t expect_flows_meet_slices(const Written& written) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::map<std::int64_t, std::int64_t>> slices;
  for (const Json& slice : written.of("X")) {
    auto& end = slices[{slice["pid"], slice["tid"]}][nanos(slice["ts"])];
    end = std::max(end, nanos(slice["ts"]) + nanos(slice["dur"]));
  }
  std::map<std::int64_t, std::vector<Json>> flows;
  for (const Json& event : written.json["traceEvents"]) {
    if (event.value("cat", "") == "request")
      flows[event["id"].get<std::int64_t>()].push_back(event);
  }
  for (const auto& [id, steps] : flows) {
    EXPECT_EQ(steps.size(), 3U) << id;
    EXPECT_EQ(steps.front()["ph"], "s");
    EXPECT_EQ(steps.back()["ph"], "f");
    std::int64_t before = 0;
    for (const Json& step : steps) {
      const std::int64_t at = nanos(step["ts"]);
      EXPECT_LE(before, at);
      before = at;
      const auto& track = slices[{step["pid"], step["tid"]}];
      auto slice = track.upper_bound(at);
      bool inside = false;
      for (int back = 0; back < 64 && slice != track.begin() && !inside; ++back) {
        --slice;
        inside = at <= slice->second;
      }
      EXPECT_TRUE(inside) << step;
    }
  }
  return flows.size();
}

class Sequence {
 public:
  Sequence() {
    cell.about.run_id = "r";
    cell.about.label = "a \"cell\"";
    cell.about.whole = cell.about.measured = {0, 1'000'000};
    cell.about.kept_until = 1'000'000;
    TopologyState::Endpoint endpoint;
    endpoint.id = 0x28;
    endpoint.attachment = TopologyState::Attachment{7};
    cell.state.endpoints = {endpoint};
  }
  void engine(Nanos at, EventKind kind, std::uint64_t first = kPage) {
    leave(at, kEngineLcore, MappingEvent{{7}, {{first}, {first + 4095}}}.event(kind, 0), 0);
  }
  void call(Nanos at, EventKind kind, std::uint64_t took, std::uint64_t iova = kPage + 0x10) {
    leave(at, kGuestLcore, DmaEvent{{0x28}, {iova}, 100}.event(kind, 0, took), took);
  }
  void leave(Nanos at, std::uint16_t lcore, const Event& event, std::uint64_t took) {
    cell.lines.push_back({cell.lines.size(), at, event, lcore, took});
  }
  FakeCell cell;
};

std::vector<std::int64_t> times_of_flow(const Written& written, std::int64_t id) {
  std::vector<std::int64_t> times;
  for (const Json& event : written.json["traceEvents"]) {
    if (event.value("cat", "") == "request" && event["id"] == id)
      times.push_back(nanos(event["ts"]));
  }
  return times;
}

TEST(TraceEvents, StrictCallsLeadOverTheEngineToItsCompletion) {
  Sequence sequence;
  sequence.engine(100, EventKind::kMapDone);
  sequence.call(150, EventKind::kDmaMap, 80);
  sequence.engine(300, EventKind::kUnmapExecuted);
  sequence.engine(350, EventKind::kUnmapCompleted);
  sequence.call(400, EventKind::kDmaUnmap, 120);
  const Written all = written(sequence.cell, {0, 1000});
  expect_async_slices_end(all);
  EXPECT_EQ(expect_flows_meet_slices(all), 2U);
  EXPECT_THAT(times_of_flow(all, 2), ElementsAre(70, 100, 149));
  EXPECT_THAT(times_of_flow(all, 3), ElementsAre(280, 300, 350));
  EXPECT_EQ(all.json["otherData"]["cell"], "a \"cell\"");
  EXPECT_EQ(all.shares.back(), 1);
  const auto begins = all.of("b");
  ASSERT_EQ(begins.size(), 2U);
  EXPECT_EQ(begins[0]["name"], "mapping");
  EXPECT_EQ(begins[0]["args"]["iova"], "0xfffff000");
  EXPECT_EQ(begins[0]["args"]["bytes"], 4096);
}

TEST(TraceEvents, ACallThatWasRoundedShorterHasItsStepWithin) {
  Sequence sequence;
  sequence.engine(100, EventKind::kMapDone);
  sequence.engine(279, EventKind::kUnmapExecuted);
  sequence.engine(350, EventKind::kUnmapCompleted);
  sequence.call(400, EventKind::kDmaUnmap, 120);
  const Written all = written(sequence.cell, {0, 1000});
  EXPECT_EQ(expect_flows_meet_slices(all), 1U);
  EXPECT_THAT(times_of_flow(all, 2), ElementsAre(279, 279, 350));
}

TEST(TraceEvents, AnUnmapThatWasOverBeforeTheCallIsNotItsOwn) {
  Sequence sequence;
  sequence.engine(100, EventKind::kMapDone);
  sequence.engine(200, EventKind::kUnmapExecuted);
  sequence.engine(250, EventKind::kUnmapCompleted);
  sequence.call(400, EventKind::kDmaUnmap, 120);
  EXPECT_EQ(expect_flows_meet_slices(written(sequence.cell, {0, 1000})), 0U);
}

TEST(TraceEvents, ALazyCallIsOverBeforeTheEngineBegins) {
  Sequence sequence;
  sequence.engine(100, EventKind::kMapDone);
  sequence.call(200, EventKind::kDmaUnmap, 20);
  sequence.engine(300, EventKind::kUnmapExecuted);
  sequence.engine(350, EventKind::kUnmapCompleted);
  const Written all = written(sequence.cell, {0, 1000});
  EXPECT_EQ(expect_flows_meet_slices(all), 1U);
  EXPECT_THAT(times_of_flow(all, 2), ElementsAre(180, 300, 350));
}

TEST(TraceEvents, MappingsAreDrawnToTheEdgesOfTheWindow) {
  Sequence sequence;
  sequence.engine(300, EventKind::kUnmapExecuted);
  sequence.engine(350, EventKind::kUnmapCompleted);
  sequence.engine(400, EventKind::kMapDone, 0x1000);
  sequence.engine(450, EventKind::kMapDone, 0x2000);
  sequence.engine(500, EventKind::kUnmapExecuted, 0x2000);
  const Written all = written(sequence.cell, {200, 1000});
  expect_async_slices_end(all);
  EXPECT_EQ(all.of("b")[0]["args"]["note"], "mapped before this window");
  EXPECT_EQ(nanos(all.of("b")[0]["ts"]), 200);
  EXPECT_EQ(all.of("e").back()["args"]["note"], "until after this window");
  EXPECT_EQ(nanos(all.of("e").back()["ts"]), 1000);
}

TEST(TraceEvents, AnUnmapThatWasNotSeenEndsWhereTheAddressComesAgain) {
  Sequence sequence;
  sequence.engine(100, EventKind::kMapDone);
  sequence.engine(200, EventKind::kMapDone);
  const Written all = written(sequence.cell, {0, 1000});
  expect_async_slices_end(all);
  EXPECT_EQ(all.of("e")[0]["args"]["note"], "unmap not seen");
}

TEST(TraceEvents, AnEndpointWhoseDomainIsNotKnownHasNoFlows) {
  Sequence sequence;
  sequence.cell.state.endpoints.clear();
  sequence.engine(100, EventKind::kMapDone);
  sequence.call(150, EventKind::kDmaMap, 80);
  EXPECT_EQ(expect_flows_meet_slices(written(sequence.cell, {0, 1000})), 0U);
  sequence.cell.lines.clear();
  sequence.leave(50, kEngineLcore, AttachEvent{{0x28}, {7}}.event(EventKind::kAttach, 0), 0);
  sequence.engine(100, EventKind::kMapDone);
  sequence.call(150, EventKind::kDmaMap, 80);
  EXPECT_EQ(expect_flows_meet_slices(written(sequence.cell, {0, 1000})), 1U);
}

TEST(TraceEvents, WhatWasNotKeptIsSaid) {
  Sequence sequence;
  sequence.cell.about.kept_until = 500;
  sequence.cell.about.lost = 3;
  const Written all = written(sequence.cell, {0, 1000});
  EXPECT_EQ(all.json["otherData"]["lost_events"], 3);
  EXPECT_EQ(all.json["otherData"]["kept_until_ns"], 500);
  ASSERT_EQ(all.of("i").size(), 1U);
  EXPECT_EQ(nanos(all.of("i")[0]["ts"]), 500);
}

TEST(TraceEvents, HaveEveryEventOfTheWindowOnce) {
  for (const auto strategy : {SyntheticStrategy::kStrict, SyntheticStrategy::kLazy}) {
    SyntheticOptions options;
    options.strategy = strategy;
    options.events = 8'000;
    const QueryRig rig(options);
    ASSERT_TRUE(rig.good());
    const auto cell = rig.open();
    ASSERT_NE(cell, nullptr);
    const CellInfo info = cell->info();
    const Nanos third = info.whole.to / 3;
    for (const TimeWindow window : {info.whole, TimeWindow{third, 2 * third}}) {
      const Written all = written(*cell, window);
      const std::size_t shown = all.of("X").size() + all.of("i").size() + all.of("C").size();
      EXPECT_EQ(shown, cell->count_events(window, {}));
      expect_async_slices_end(all);
      EXPECT_GT(expect_flows_meet_slices(all), 100U);
      EXPECT_TRUE(std::is_sorted(all.shares.begin(), all.shares.end()));
    }
  }
}

TEST(TraceEvents, EndWhereNobodyTakesThem) {
  Sequence sequence;
  sequence.engine(100, EventKind::kMapDone);
  const Status done = write_trace_events(
      sequence.cell, {0, 1000}, [](std::string_view) -> Status { return fail("full"); },
      [](double) {});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "full");
}

}  // namespace
}  // namespace violet::query::trace_events_test
