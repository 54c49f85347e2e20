#include "experiments/trace/probe_agreement.hpp"

#include <gtest/gtest.h>

#include "engine/telemetry/event_bodies.hpp"

namespace violet::probe_agreement_test {
namespace {

constexpr std::uint32_t kEndpoint = 7;
constexpr std::uint32_t kDomain = 1;

Event engine(Ticks at, EventKind kind, std::uint64_t first, std::uint64_t last,
             Permissions permissions = Permissions::kNone) {
  return {at, kind, static_cast<std::uint8_t>(permissions), 0, kDomain, first, last};
}
Event probe(Ticks at, std::uint64_t iova, bool hit, Access access = Access::kRead) {
  return {at,
          EventKind::kRogueProbe,
          hit ? std::uint8_t{1} : std::uint8_t{0},
          0,
          kEndpoint,
          iova,
          static_cast<std::uint64_t>(access)};
}

// One mapping from 1000 on, its UNMAP executed at 2000 and complete at 2100.
const std::vector<Event> kOneLife = {
    engine(1000, EventKind::kMapDone, 0x4000, 0x5fff, Permissions::kRead),
    engine(2000, EventKind::kUnmapExecuted, 0x4000, 0x5fff),
    engine(2100, EventKind::kUnmapCompleted, 0x4000, 0x5fff)};

ProbeAgreement compare(const std::vector<Event>& events, const std::vector<Event>& probes,
                       Ticks slack = 10) {
  return compare_probes(
      {.engine = events, .probes = probes, .attached = {{{kEndpoint}, {kDomain}}}, .slack = slack});
}

TEST(ProbeAgreement, HitsWhileMappedAndMissesAfterAgree) {
  const auto result = compare(kOneLife, {probe(1500, 0x5000, true), probe(1999 - 10, 0x4fff, true),
                                         probe(2200, 0x4000, false), probe(500, 0x4000, false)});
  EXPECT_EQ(result.judged, 4u);
  EXPECT_EQ(result.expected_hits, 2u);
  EXPECT_EQ(result.expected_misses, 2u);
  EXPECT_EQ(result.hit_rate(), 0.5);
  EXPECT_EQ(result.expected_rate(), (Bounds<double>{0.5, 0.5}));
  EXPECT_TRUE(result.agrees());
}

TEST(ProbeAgreement, AHitAfterCompletionIsAStaleTranslation) {
  const auto result = compare(kOneLife, {probe(2111, 0x4000, true)});
  EXPECT_EQ(result.unexpected_hits, 1u);
  EXPECT_FALSE(result.agrees());
}

TEST(ProbeAgreement, ADenialWhileMappedIsUnexpected) {
  const auto result = compare(kOneLife, {probe(1500, 0x4000, false)});
  EXPECT_EQ(result.unexpected_misses, 1u);
  EXPECT_FALSE(result.agrees());
}

TEST(ProbeAgreement, BetweenExecutionAndCompletionItIsUncertain) {
  for (const Ticks at : {1995u, 2000u, 2050u, 2100u, 2110u}) {
    for (const bool hit : {false, true}) {
      const auto result = compare(kOneLife, {probe(at, 0x4000, hit)});
      EXPECT_EQ(result.uncertain, 1u) << at;
      EXPECT_EQ(result.expected_rate(), (Bounds<double>{0, 1}));
      EXPECT_TRUE(result.agrees());
    }
  }
}

TEST(ProbeAgreement, WithinTheSlackOfAMapItIsUncertain) {
  EXPECT_EQ(compare(kOneLife, {probe(995, 0x4000, true)}).uncertain, 1u);
  EXPECT_EQ(compare(kOneLife, {probe(1010, 0x4000, false)}).uncertain, 1u);
  EXPECT_EQ(compare(kOneLife, {probe(989, 0x4000, true)}).unexpected_hits, 1u);
}

// A probe that says how long it took is wrong by half of that, and by what two clocks are apart.
TEST(ProbeAgreement, AShortProbeIsCertainCloserToABorder) {
  Event near = probe(1995, 0x4000, true);
  EXPECT_EQ(compare(kOneLife, {near}).uncertain, 1u);
  near.took = pack_ticks(4);
  const auto certain = [&](Ticks slack, Ticks clock_error) {
    const std::vector<Event> probes = {near};
    return compare_probes({.engine = kOneLife,
                           .probes = probes,
                           .attached = {{{kEndpoint}, {kDomain}}},
                           .slack = slack,
                           .clock_error = clock_error})
        .expected_hits;
  };
  EXPECT_EQ(certain(10, 2), 1u);
  EXPECT_EQ(certain(10, 3), 0u);
  EXPECT_EQ(certain(4, 100), 1u) << "the stated error is the most";
}

TEST(ProbeAgreement, WithTheGuestsEventsAMappingIsCertainOnceItsDmaMapReturned) {
  const DmaEvent mapping{.endpoint = {kEndpoint},
                         .iova = {0x4100},
                         .bytes = 0x1000,
                         .phys_page = 0x80,
                         .needed = Permissions::kRead};
  std::vector<Event> guest;
  for (const Ticks at : {900u, 1400u, 1600u}) {  // The first is another life's.
    guest.push_back(mapping.event(EventKind::kDmaMap, at));
  }
  const auto at = [&](Ticks time, std::uint64_t iova, bool hit) {
    return compare_probes({.engine = kOneLife,
                           .probes = std::vector{probe(time, iova, hit)},
                           .guest = guest,
                           .attached = {{{kEndpoint}, {kDomain}}},
                           .slack = 10});
  };
  EXPECT_EQ(at(1300, 0x4000, false).uncertain, 1u);
  EXPECT_EQ(at(1300, 0x5000, true).uncertain, 1u);
  EXPECT_EQ(at(1411, 0x5000, false).unexpected_misses, 1u);
  EXPECT_EQ(at(1411, 0x4000, true).expected_hits, 1u);
}

TEST(ProbeAgreement, PermissionsDecide) {
  EXPECT_TRUE(compare(kOneLife, {probe(1500, 0x4000, false, Access::kWrite)}).agrees());
  EXPECT_EQ(compare(kOneLife, {probe(1500, 0x4000, true, Access::kWrite)}).unexpected_hits, 1u);
}

TEST(ProbeAgreement, AReusedAddressIsJudgedByTheLifeOfTheMoment) {
  std::vector<Event> events;
  std::vector<Event> probes;
  for (Ticks t = 0; t < 100'000'000; t += 1000) {
    events.push_back(engine(t + 100, EventKind::kMapDone, 0x4000, 0x4fff, Permissions::kReadWrite));
    events.push_back(engine(t + 500, EventKind::kUnmapExecuted, 0x4000, 0x4fff));
    events.push_back(engine(t + 600, EventKind::kUnmapCompleted, 0x4000, 0x4fff));
    probes.push_back(probe(t + 300, 0x4000, true));
    probes.push_back(probe(t + 800, 0x4000, false));
  }
  const auto result = compare(events, probes);
  EXPECT_EQ(result.expected_hits, 100'000u);
  EXPECT_EQ(result.expected_misses, 100'000u);
  EXPECT_TRUE(result.agrees());
}

TEST(ProbeAgreement, OneUnmapOverManyMappingsEndsThemAll) {
  const std::vector<Event> events = {
      engine(100, EventKind::kMapDone, 0x4000, 0x4fff, Permissions::kRead),
      engine(100, EventKind::kMapDone, 0x5000, 0x5fff, Permissions::kRead),
      engine(300, EventKind::kUnmapExecuted, 0x4000, 0x5fff),
      engine(310, EventKind::kUnmapCompleted, 0x4000, 0x5fff)};
  EXPECT_TRUE(compare(events, {probe(200, 0x5000, true), probe(400, 0x5000, false),
                               probe(400, 0x4000, false)})
                  .agrees());
}

TEST(ProbeAgreement, UnattachedEndpointsAreNotJudged) {
  const auto result =
      compare_probes({.engine = kOneLife, .probes = std::vector{probe(1500, 0x4000, false)}});
  EXPECT_EQ(result.judged, 0u);
  EXPECT_EQ(result.not_judged, 1u);
}

TEST(ProbeAgreement, AttachmentsComeAndGo) {
  std::vector<Event> events = {{100, EventKind::kAttach, 0, 0, kEndpoint, kDomain, 0},
                               engine(200, EventKind::kMapDone, 0x4000, 0x4fff, Permissions::kRead),
                               {1000, EventKind::kDetach, 0, 0, kEndpoint, kDomain, 0},
                               {2000, EventKind::kAttach, 0, 0, kEndpoint, kDomain, 0}};
  const auto result =
      compare_probes({.engine = events,
                      .probes = std::vector{probe(50, 0x4000, false), probe(500, 0x4000, true),
                                            probe(1005, 0x4000, true), probe(1500, 0x4000, false),
                                            probe(2500, 0x4000, false)},
                      .slack = 10});
  EXPECT_EQ(result.not_judged, 3u);  // Before, at the edge of the DETACH, and in between.
  EXPECT_EQ(result.expected_hits, 1u);
  EXPECT_EQ(result.expected_misses, 1u);  // The mappings went with the last endpoint.
  EXPECT_TRUE(result.agrees());
}

TEST(ProbeAgreement, LostEventsAreSaid) {
  EXPECT_FALSE(
      compare_probes({.engine = kOneLife, .probes = {}, .lost_engine_events = 1}).complete);
}

}  // namespace
}  // namespace violet::probe_agreement_test
