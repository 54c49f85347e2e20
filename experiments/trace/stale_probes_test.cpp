#include "experiments/trace/stale_probes.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "engine/telemetry/event_bodies.hpp"

namespace violet::stale_probes_test {
namespace {

constexpr std::uint32_t kNic = 0x28;

Event dma(Ticks at, EventKind kind, std::uint64_t iova, bool persistent = false) {
  const DmaEvent mapping{.endpoint = {kNic},
                         .iova = {iova},
                         .bytes = 1500,
                         .phys_page = 1,
                         .needed = Permissions::kWrite,
                         .granted = Permissions::kWrite,
                         .persistent = persistent};
  return mapping.event(kind, at);
}

Event probe(Ticks at, std::uint64_t iova, bool hit) {
  return {at, EventKind::kRogueProbe, static_cast<std::uint8_t>(hit), 0, kNic, iova, 2};
}

Event engine_map(Ticks at) { return {at, EventKind::kMapDone, 0, 0, 7, 0xf000, 0xffff}; }

StaleProbes::Count count(const std::vector<Event>& engine, const std::vector<Event>& guest,
                         const std::vector<Event>& probes, Ticks slack = 0) {
  return count_stale_probes({.engine = engine,
                             .guest = guest,
                             .probes = probes,
                             .slack = slack,
                             .begin = 0,
                             .end = 100})
      .all;
}

TEST(StaleProbes, OnlyUnmappedAddressesCount) {
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000),
                                    dma(20, EventKind::kDmaUnmap, 0xf000),
                                    dma(40, EventKind::kDmaMap, 0xf000)};
  const std::vector<Event> probes = {probe(15, 0xf010, true), probe(30, 0xf010, true),
                                     probe(35, 0xf010, false), probe(50, 0xf010, true),
                                     probe(55, 0xaaaa000, true)};
  const auto counted = count({}, guest, probes);
  EXPECT_EQ(counted.aimed, 2u);
  EXPECT_EQ(counted.hits, 1u);
}

// Attacks soon after an unmap succeed, later ones do not; a delay is counted from the return of the unmap.
TEST(StaleProbes, AreCountedByTheirDelay) {
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000),
                                    dma(20, EventKind::kDmaUnmap, 0xf000)};
  const std::vector<Event> probes = {probe(20, 0xf000, true), probe(24, 0xf000, true),
                                     probe(25, 0xf000, true), probe(34, 0xf000, false),
                                     probe(60, 0xf000, false)};
  const StaleProbes counted = count_stale_probes({.engine = {},
                                                  .guest = guest,
                                                  .probes = probes,
                                                  .delay_bounds = {5, 10, 15, 20, 40},
                                                  .begin = 0,
                                                  .end = 100});
  const std::array<std::array<std::uint64_t, 2>, kProbeDelayBins> expected = {
      {{2, 2}, {1, 1}, {1, 0}, {0, 0}, {0, 0}, {1, 0}}};
  for (std::size_t i = 0; i < kProbeDelayBins; ++i) {
    EXPECT_EQ(counted.by_delay[i].aimed, expected[i][0]) << i;
    EXPECT_EQ(counted.by_delay[i].hits, expected[i][1]) << i;
  }
  EXPECT_EQ(counted.all.aimed, 5u);
  EXPECT_EQ(counted.all.hits, 3u);
}

// The stated error is that of the longest probe.
TEST(StaleProbes, AProbeThatSaysHowLongItTookHasAnErrorOfItsOwn) {
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000),
                                    dma(20, EventKind::kDmaUnmap, 0xf000)};
  Event short_one = probe(24, 0xf000, true);
  short_one.took = pack_ticks(4);
  const auto aimed = [&](Ticks clock_error) {
    const std::vector<Event> probes = {short_one};
    return count_stale_probes({.engine = {},
                               .guest = guest,
                               .probes = probes,
                               .slack = 10,
                               .clock_error = clock_error,
                               .begin = 0,
                               .end = 100})
        .all.aimed;
  };
  EXPECT_EQ(count({}, guest, {probe(24, 0xf000, true)}, 10).aimed, 0u);
  EXPECT_EQ(aimed(1), 1u);
  EXPECT_EQ(aimed(3), 0u) << "the clocks of two lcores are apart";
}

// The engine maps before the call returns, however long the guest takes to return from it.
TEST(StaleProbes, AnAddressThatTheEngineHasMappedAgainIsNotStale) {
  const std::vector<Event> engine = {
      {1, EventKind::kAttach, 0, 0, kNic, 7, 0}, engine_map(9), engine_map(24)};
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000),
                                    dma(20, EventKind::kDmaUnmap, 0xf000),
                                    dma(90, EventKind::kDmaMap, 0xf000)};
  EXPECT_EQ(count(engine, guest, {probe(30, 0xf000, true)}).aimed, 0u);
  EXPECT_EQ(count(engine, guest, {probe(22, 0xf000, true)}).hits, 1u);
  const std::vector<Event> other = {{1, EventKind::kAttach, 0, 0, kNic, 8, 0}, engine_map(24)};
  EXPECT_EQ(count(other, guest, {probe(30, 0xf000, true)}).hits, 1u) << "of another domain";
}

TEST(StaleProbes, WithinTheErrorOfAStampNothingIsSaid) {
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000),
                                    dma(20, EventKind::kDmaUnmap, 0xf000),
                                    dma(40, EventKind::kDmaMap, 0xf000)};
  EXPECT_EQ(count({}, guest, {probe(24, 0xf000, true)}, 5).aimed, 0u);
  EXPECT_EQ(count({}, guest, {probe(25, 0xf000, true)}, 5).aimed, 1u);
  EXPECT_EQ(count({}, guest, {probe(34, 0xf000, true)}, 5).aimed, 1u);
  EXPECT_EQ(count({}, guest, {probe(35, 0xf000, true)}, 5).aimed, 0u);
}

// Of mappings that stay some leave a map, some an unmap: neither may hide what is unmapped later.
TEST(StaleProbes, ASampleOfWhatStaysHidesNothing) {
  const std::vector<Event> guest = {dma(5, EventKind::kDmaMap, 0xf000, true),
                                    dma(10, EventKind::kDmaMap, 0xf000),
                                    dma(20, EventKind::kDmaUnmap, 0xf000)};
  EXPECT_EQ(count({}, guest, {probe(30, 0xf000, true)}).hits, 1u);
}

TEST(StaleProbes, WhatStaysMappedByDesignIsNotStale) {
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000, true),
                                    dma(20, EventKind::kDmaUnmap, 0xf000, true)};
  const std::vector<Event> probes = {probe(30, 0xf000, true)};
  EXPECT_EQ(count({}, guest, probes).aimed, 0u);
}

}  // namespace
}  // namespace violet::stale_probes_test
