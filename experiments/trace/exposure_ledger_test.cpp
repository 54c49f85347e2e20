#include "experiments/trace/exposure_ledger.hpp"

#include <gtest/gtest.h>

#include "engine/telemetry/event_bodies.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint32_t kEndpoint = 7;
constexpr std::uint32_t kDomain = 1;

// Writes the two witnesses' stories by hand. Times are in ticks of 1 ns.
class Story {
 public:
  void mapped(Ticks at, std::uint64_t iova, std::uint64_t bytes) {
    engine_event(at, EventKind::kMapDone, iova, bytes);
  }
  void executed(Ticks at, std::uint64_t iova, std::uint64_t bytes) {
    engine_event(at, EventKind::kUnmapExecuted, iova, bytes);
  }
  void completed(Ticks at, std::uint64_t iova, std::uint64_t bytes) {
    engine_event(at, EventKind::kUnmapCompleted, iova, bytes);
  }
  void dma_map(Ticks at, const DmaEvent& mapping) { guest_event(at, EventKind::kDmaMap, mapping); }
  void dma_unmap(Ticks at, const DmaEvent& mapping) {
    guest_event(at, EventKind::kDmaUnmap, mapping);
  }
  // The usual beginning: the engine maps, then dma_map returns.
  void map(Ticks at, const DmaEvent& mapping) {
    mapped(at - 1, mapping.iova.value & ~(kPage - 1), pages_of(mapping) * kPage);
    dma_map(at, mapping);
  }
  ExposureReport judge() {
    input.engine = engine;
    input.guest = guest;
    return judge_exposure(input);
  }

  ExposureInput input{.engine = {}, .guest = {}, .attached = {{{kEndpoint}, {kDomain}}}};
  std::vector<Event> engine;
  std::vector<Event> guest;

 private:
  static std::uint64_t pages_of(const DmaEvent& mapping) {
    return ((mapping.iova.value & (kPage - 1)) + mapping.bytes + kPage - 1) / kPage;
  }
  void engine_event(Ticks at, EventKind kind, std::uint64_t iova, std::uint64_t bytes) {
    engine.push_back({at, kind, 0, 0, kDomain, iova, iova + bytes - 1});
  }
  void guest_event(Ticks at, EventKind kind, const DmaEvent& mapping) {
    guest.push_back(mapping.event(kind, at));
  }
};

DmaEvent buffer(std::uint64_t iova, std::uint64_t phys, std::uint32_t bytes = kPage) {
  return {.endpoint = {kEndpoint},
          .iova = {iova},
          .bytes = bytes,
          .phys_page = phys / kPage,
          .needed = Permissions::kRead,
          .granted = Permissions::kRead};
}

TEST(Exposure, StrictIsZero) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.executed(200, 0x1000, kPage);
  story.completed(250, 0x1000, kPage);
  story.dma_unmap(260, a);
  story.input.end = 1000;
  const auto report = story.judge();
  EXPECT_EQ(report.unmaps, 1u);
  EXPECT_EQ(report.window.upper.max_ns, 0);
  EXPECT_EQ(report.window.upper.zero, 1u);
  EXPECT_EQ(report.mean_stale_pages, (Bounds<double>{0, 0}));
  EXPECT_EQ(report.peak_stale_pages, (Bounds<std::uint64_t>{0, 0}));
  EXPECT_EQ(report.unmatched_events, 0u);
  EXPECT_TRUE(report.complete);
}

TEST(Exposure, LazyWindowLiesBetweenExecutionAndCompletion) {
  Story story;
  const auto a = buffer(0x1000, 0x80000, 2 * kPage);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.executed(500, 0x1000, 2 * kPage);
  story.completed(600, 0x1000, 2 * kPage);
  story.input.begin = 100;
  story.input.end = 1100;
  const auto report = story.judge();
  EXPECT_EQ(report.window.lower.max_ns, 300);
  EXPECT_EQ(report.window.upper.max_ns, 400);
  EXPECT_DOUBLE_EQ(report.mean_stale_pages.lower, 2 * 300 / 1000.0);
  EXPECT_DOUBLE_EQ(report.mean_stale_pages.upper, 2 * 400 / 1000.0);
  EXPECT_EQ(report.peak_stale_pages, (Bounds<std::uint64_t>{2, 2}));
}

TEST(Exposure, AnUnmapThatReturnsBetweenTheTwoIsZeroAtBest) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.executed(200, 0x1000, kPage);
  story.dma_unmap(250, a);
  story.completed(300, 0x1000, kPage);
  const auto report = story.judge();
  EXPECT_EQ(report.window.lower.max_ns, 0);
  EXPECT_EQ(report.window.upper.max_ns, 50);
  EXPECT_EQ(report.peak_stale_pages, (Bounds<std::uint64_t>{0, 1}));
}

TEST(Exposure, L1_SeveralUnmapsOfOneMapEndWithTheLast) {
  Story story;
  const auto a = buffer(0x8000, 0x80000, 3 * kPage);  // Two MAPs, two UNMAPs.
  story.map(100, a);
  story.dma_unmap(200, a);
  story.executed(300, 0x8000, 2 * kPage);
  story.completed(310, 0x8000, 2 * kPage);
  story.executed(400, 0xa000, kPage);
  story.completed(410, 0xa000, kPage);
  story.input.begin = 200;
  story.input.end = 500;
  const auto report = story.judge();
  EXPECT_EQ(report.unmaps, 1u);
  EXPECT_EQ(report.window.lower.max_ns, 200);
  EXPECT_EQ(report.window.upper.max_ns, 210);
  EXPECT_DOUBLE_EQ(report.mean_stale_pages.lower, (2 * 100 + 200) / 300.0);
}

TEST(Exposure, L1_OneUnmapEndsSeveralMaps) {
  Story story;
  const auto a = buffer(0x8010, 0x80010, 100);  // A list: each on a granule of its own.
  const auto b = buffer(0x9000, 0x90000);
  story.mapped(99, 0x8000, 2 * kPage);
  story.dma_map(100, a);
  story.dma_map(100, b);
  story.dma_unmap(200, a);
  story.dma_unmap(200, b);
  story.executed(300, 0x8000, 2 * kPage);
  story.completed(400, 0x8000, 2 * kPage);
  const auto report = story.judge();
  EXPECT_EQ(report.unmaps, 2u);
  EXPECT_EQ(report.window.upper.p50_ns, 200);
  EXPECT_EQ(report.window.upper.max_ns, 200);
  EXPECT_EQ(report.peak_stale_pages.upper, 2u);
}

TEST(Exposure, ReusedAddressesKeepTheirLifetimesApart) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  for (Ticks t = 0; t < 10; ++t) {
    story.map(1000 * t + 100, a);
    story.dma_unmap(1000 * t + 200, a);
    story.executed(1000 * t + 300 + 10 * t, 0x1000, kPage);
    story.completed(1000 * t + 300 + 10 * t, 0x1000, kPage);
  }
  const auto report = story.judge();
  EXPECT_EQ(report.unmaps, 10u);
  EXPECT_EQ(report.window.upper.p50_ns, 140);
  EXPECT_EQ(report.window.upper.max_ns, 190);
  EXPECT_EQ(report.iova_reuse_violations, 0u);
}

TEST(Exposure, PercentilesAreByNearestRankInNanoseconds) {
  Story story;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    const auto a = buffer(i * kPage, i * kPage);
    story.map(10, a);
    story.dma_unmap(1000, a);
  }
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    story.executed(1000 + i, i * kPage, kPage);
    story.completed(1000 + i, i * kPage, kPage);
  }
  story.input.ns_per_tick = 0.5;
  const auto report = story.judge();
  EXPECT_EQ(report.window.upper.p50_ns, 250);
  EXPECT_EQ(report.window.upper.p99_ns, 495);
  EXPECT_EQ(report.window.upper.p999_ns, 499.5);
  EXPECT_EQ(report.window.upper.max_ns, 500);
  EXPECT_DOUBLE_EQ(report.window.upper.mean_ns, 250.25);
  EXPECT_EQ(report.peak_stale_pages.upper, 1000u);
}

TEST(Exposure, ReownedPagesAreThoseHandedOutWhileReachable) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  const auto b = buffer(0x2000, 0x80000);  // The same page of memory, another address.
  const auto c = buffer(0x3000, 0x90000);  // Another page.
  story.map(100, a);
  story.dma_unmap(200, a);
  story.map(300, c);
  story.map(400, b);
  story.executed(600, 0x1000, kPage);
  story.completed(700, 0x1000, kPage);
  story.input.end = 1000;
  const auto report = story.judge();
  EXPECT_EQ(report.reowned_pages, (Bounds<std::uint64_t>{1, 1}));
  EXPECT_DOUBLE_EQ(report.reowned_page_seconds.lower, 200e-9);
  EXPECT_DOUBLE_EQ(report.reowned_page_seconds.upper, 300e-9);
}

TEST(Exposure, APageHandedOutAfterExecutionIsReownedAtMost) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.executed(300, 0x1000, kPage);
  story.map(400, buffer(0x2000, 0x80000));
  story.completed(500, 0x1000, kPage);
  EXPECT_EQ(story.judge().reowned_pages, (Bounds<std::uint64_t>{0, 1}));
}

TEST(Exposure, ABounceBufferThatReusesAStalePageIsReowned) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  auto bounced = buffer(0x500000, 0x80010, 64);
  bounced.persistent = true;
  story.map(100, a);
  story.dma_unmap(200, a);
  story.dma_map(250, bounced);
  story.executed(300, 0x1000, kPage);
  story.completed(300, 0x1000, kPage);
  story.dma_unmap(400, bounced);
  const auto report = story.judge();
  EXPECT_EQ(report.reowned_pages.upper, 1u);
  EXPECT_EQ(report.unmaps, 1u);
  EXPECT_EQ(report.persistent_unmaps, 1u);
}

TEST(Exposure, T1_AMapDuringAnInvalidationIsAViolation) {
  Story story;
  const auto a = buffer(0x1000, 0x80000, 2 * kPage);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.executed(300, 0x1000, 2 * kPage);
  story.mapped(350, 0x2000, kPage);
  story.completed(400, 0x1000, 2 * kPage);
  story.dma_map(450, buffer(0x2000, 0x90000));
  EXPECT_EQ(story.judge().iova_reuse_violations, 1u);
}

TEST(Exposure, T1_AnAddressHandedOutBeforeItsUnmapWasExecutedIsAViolation) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.dma_map(250, a);
  story.executed(300, 0x1000, kPage);
  story.completed(310, 0x1000, kPage);
  EXPECT_EQ(story.judge().iova_reuse_violations, 1u);
}

DmaEvent taken_over(DmaEvent call) {
  call.kept = true;
  return call;
}

TEST(Exposure, T1_AKeptMappingThatIsTakenOverEndsItsWindowAndIsNoViolation) {
  Story story;
  const auto a = buffer(0x1000, 0x80000, 2 * kPage);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.dma_map(250, taken_over(a));
  story.dma_unmap(400, a);
  story.executed(410, 0x1000, 2 * kPage);
  story.completed(430, 0x1000, 2 * kPage);
  story.input.begin = 100;
  story.input.end = 1100;
  const auto report = story.judge();
  EXPECT_EQ(report.iova_reuse_violations, 0u);
  EXPECT_EQ(report.unmaps, 2u);
  EXPECT_EQ(report.window.lower.max_ns, 50);
  EXPECT_EQ(report.window.lower.p50_ns, 10);
  EXPECT_EQ(report.window.upper.p50_ns, 30);
  EXPECT_DOUBLE_EQ(report.mean_stale_pages.upper, 2 * (50 + 30) / 1000.0);
  EXPECT_DOUBLE_EQ(report.mean_live_pages, 2 * (100 + 150) / 1000.0);
  EXPECT_EQ(report.reowned_pages, (Bounds<std::uint64_t>{0, 0}));
  EXPECT_EQ(report.refused_maps, 0u);
  EXPECT_EQ(report.censored_unmaps, 0u);
  EXPECT_EQ(report.unmatched_events, 0u);
}

TEST(Exposure, T1_OnlyTheSamePageWithTheSameRightsIsTakenOver) {
  auto other_rights = buffer(0x1000, 0x80000);
  other_rights.granted = Permissions::kReadWrite;
  for (const auto& other : {buffer(0x1000, 0x90000), other_rights}) {
    Story story;
    const auto a = buffer(0x1000, 0x80000);
    story.map(100, a);
    story.dma_unmap(200, a);
    story.dma_map(250, taken_over(other));
    story.dma_unmap(260, other);
    EXPECT_EQ(story.judge().iova_reuse_violations, 1u);
  }
}

TEST(Exposure, AnotherWayToAPageThatWasTakenOverIsReowned) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  const auto b = buffer(0x2000, 0x80000);
  story.map(100, a);
  story.map(110, b);
  story.dma_unmap(200, a);
  story.dma_unmap(210, b);
  story.dma_map(250, taken_over(a));
  const auto report = story.judge();
  EXPECT_EQ(report.reowned_pages, (Bounds<std::uint64_t>{1, 1}));
  EXPECT_EQ(report.censored_pages, 1u);
}

TEST(Exposure, T1_AMapElsewhereDuringAnInvalidationIsNone) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.executed(300, 0x1000, kPage);
  story.map(350, buffer(0x2000, 0x90000));
  story.completed(400, 0x1000, kPage);
  EXPECT_EQ(story.judge().iova_reuse_violations, 0u);
}

TEST(Exposure, L2_UnmapsNeverExecutedAreCensored) {
  Story story;
  const auto a = buffer(0x1000, 0x80000, 2 * kPage);
  const auto b = buffer(0x8000, 0x90000);
  story.map(100, a);
  story.map(100, b);
  story.dma_unmap(200, a);
  story.dma_unmap(300, b);
  story.executed(400, 0x8000, kPage);  // Executed, but never complete.
  story.input.begin = 200;
  story.input.end = 1200;
  const auto report = story.judge();
  EXPECT_EQ(report.unmaps, 0u);
  EXPECT_EQ(report.censored_unmaps, 2u);
  EXPECT_EQ(report.censored_pages, 3u);
  EXPECT_EQ(report.oldest_censored_ns, 1000);
  EXPECT_DOUBLE_EQ(report.mean_stale_pages.lower, (2 * 1000 + 100) / 1000.0);
  EXPECT_DOUBLE_EQ(report.mean_stale_pages.upper, (2 * 1000 + 900) / 1000.0);
}

TEST(Exposure, L3_LostEventsMakeItIncompleteAndNeverAViolation) {
  Story story;
  story.input.lost_engine_events = 3;
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.map(500, a);  // Execution and completion of the first life were lost.
  story.dma_unmap(600, a);
  story.executed(700, 0x1000, kPage);
  story.completed(700, 0x1000, kPage);
  story.map(900, a);
  const auto report = story.judge();
  EXPECT_FALSE(report.complete);
  EXPECT_EQ(report.lost_events, 3u);
  EXPECT_EQ(report.iova_reuse_violations, 0u);
  EXPECT_EQ(report.unmaps, 1u);
  EXPECT_EQ(report.window.upper.max_ns, 100);
  EXPECT_EQ(report.unmatched_events, 1u);
  EXPECT_EQ(report.censored_unmaps, 0u);
  EXPECT_EQ(report.peak_stale_pages.upper, 1u);
}

TEST(Exposure, L3_ALostCompletionIsNotAViolation) {
  Story story;
  story.input.lost_engine_events = 1;
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.executed(300, 0x1000, kPage);
  story.map(500, a);
  const auto report = story.judge();
  EXPECT_EQ(report.iova_reuse_violations, 0u);
  EXPECT_EQ(report.unmatched_events, 1u);
  EXPECT_EQ(report.censored_unmaps, 0u);
}

TEST(Exposure, L3_LostGuestEventsAreCountedAsUnmatched) {
  Story story;
  story.input.lost_guest_events = 2;
  const auto a = buffer(0x1000, 0x80000);
  story.dma_unmap(200, a);  // Its dma_map was lost.
  story.map(300, a);
  story.executed(400, 0x1000, kPage);
  story.completed(410, 0x1000, kPage);
  story.map(500, a);  // The dma_unmap before was lost.
  const auto report = story.judge();
  EXPECT_EQ(report.unmatched_events, 2u);
  EXPECT_EQ(report.unmaps, 0u);
  EXPECT_EQ(report.iova_reuse_violations, 0u);
}

TEST(Exposure, L4_PersistentTotalsReplaceTheirEvents) {
  Story story;
  auto a = buffer(0x80000, 0x80000);
  a.persistent = true;
  story.dma_map(100, a);  // A sample: the totals say how many there were.
  story.dma_unmap(600, a);
  story.input.begin = 100;
  story.input.end = 1100;
  story.input.persistent = PersistentTotals{.unmaps = 7, .slack_maps = 3, .page_ticks = 2000};
  const auto report = story.judge();
  EXPECT_EQ(report.persistent_unmaps, 7u);
  EXPECT_EQ(report.slack_maps, 3u);
  EXPECT_DOUBLE_EQ(report.mean_live_pages, 2);
}

TEST(Exposure, L5_ARefusedMapOpensNoWindow) {
  Story story;
  const auto good = buffer(0x1000, 0x80000);
  const auto refused = buffer(0x2000, 0x90000);
  story.map(100, good);
  story.dma_map(110, refused);  // The engine answered NOMEM and left no event.
  story.dma_unmap(200, refused);
  story.dma_unmap(210, good);
  story.executed(300, 0x1000, kPage);
  story.completed(300, 0x1000, kPage);
  const auto report = story.judge();
  EXPECT_EQ(report.refused_maps, 1u);
  EXPECT_EQ(report.unmaps, 1u);
  EXPECT_EQ(report.censored_unmaps, 0u);
  EXPECT_EQ(report.unmatched_events, 0u);
  EXPECT_EQ(report.peak_stale_pages.upper, 1u);
}

TEST(Exposure, L4_PersistentMappingsOpenNoWindow) {
  Story story;
  auto a = buffer(0x80000, 0x80000);
  a.persistent = true;
  a.granted = Permissions::kReadWrite;
  story.input.always_mapped_bytes = 12345;
  story.dma_map(100, a);
  story.dma_unmap(600, a);
  story.input.begin = 100;
  story.input.end = 1100;
  const auto report = story.judge();
  EXPECT_EQ(report.unmaps, 0u);
  EXPECT_EQ(report.censored_unmaps, 0u);
  EXPECT_EQ(report.persistent_unmaps, 1u);
  EXPECT_EQ(report.always_mapped_bytes, 12345u);
  EXPECT_DOUBLE_EQ(report.mean_live_pages, 0.5);
  EXPECT_EQ(report.slack_maps, 1u);
  EXPECT_DOUBLE_EQ(report.mean_slack_pages, 0.5);
  EXPECT_EQ(report.mean_subpage_bytes_exposed, 0);
}

TEST(Exposure, SubpageBytesAreWhatTheGranulesHoldBesideTheBuffer) {
  Story story;
  const auto a = buffer(0x1ff0, 0x80ff0, 32);  // 32 bytes in two granules.
  story.map(100, a);
  story.executed(590, 0x1000, 2 * kPage);
  story.completed(590, 0x1000, 2 * kPage);
  story.dma_unmap(600, a);
  story.input.begin = 100;
  story.input.end = 1100;
  const auto report = story.judge();
  EXPECT_DOUBLE_EQ(report.mean_subpage_bytes_exposed, (2 * kPage - 32) / 2.0);
  EXPECT_EQ(report.peak_subpage_bytes_exposed, 2 * kPage - 32);
  EXPECT_DOUBLE_EQ(report.mean_live_pages, 1.0);
  EXPECT_EQ(report.slack_maps, 0u);
}

TEST(Exposure, OnlyTheIntervalIsJudgedButHistoryCounts) {
  Story story;
  const auto warm = buffer(0x1000, 0x80000);
  const auto across = buffer(0x2000, 0x90000);
  story.map(100, warm);
  story.map(100, across);
  story.dma_unmap(200, warm);
  story.executed(300, 0x1000, kPage);
  story.completed(300, 0x1000, kPage);
  story.dma_unmap(900, across);
  story.executed(1500, 0x2000, kPage);
  story.completed(1500, 0x2000, kPage);
  story.input.begin = 1000;
  story.input.end = 2000;
  const auto report = story.judge();
  EXPECT_EQ(report.unmaps, 0u);  // Both returned before.
  EXPECT_DOUBLE_EQ(report.mean_stale_pages.upper, 0.5);
  EXPECT_EQ(report.peak_stale_pages.upper, 1u);
}

TEST(Exposure, DetachOfTheLastEndpointEndsEverything) {
  Story story;
  story.input.attached = {};
  story.engine.push_back({10, EventKind::kAttach, 0, 0, kEndpoint, kDomain, 0});
  story.engine.push_back({11, EventKind::kAttach, 0, 0, kEndpoint + 1, kDomain, 0});
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.engine.push_back({300, EventKind::kDetach, 0, 0, kEndpoint + 1, kDomain, 0});
  story.engine.push_back({400, EventKind::kDetach, 0, 0, kEndpoint, kDomain, 0});
  const auto report = story.judge();
  EXPECT_EQ(report.unmaps, 1u);
  EXPECT_EQ(report.window.upper.max_ns, 200);
}

TEST(Exposure, AnUnmapOfTheWholeSpaceIsWalkedByWhatIsThere) {
  Story story;
  const auto a = buffer(0x1000, 0x80000);
  story.map(100, a);
  story.dma_unmap(200, a);
  story.engine.push_back({300, EventKind::kUnmapExecuted, 0, 0, kDomain, 0, ~std::uint64_t{0}});
  story.engine.push_back({310, EventKind::kUnmapCompleted, 0, 0, kDomain, 0, ~std::uint64_t{0}});
  EXPECT_EQ(story.judge().window.upper.max_ns, 110);
}

TEST(Exposure, NothingAtAllIsAnEmptyReport) {
  const auto report = judge_exposure({.engine = {}, .guest = {}});
  EXPECT_EQ(report.unmaps, 0u);
  EXPECT_EQ(report.mean_stale_pages.upper, 0);
  EXPECT_EQ(report.seconds, 0);
}

}  // namespace
}  // namespace violet
