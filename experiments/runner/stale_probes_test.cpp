#include "experiments/runner/stale_probes.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "experiments/guest/dma_api.hpp"

namespace violet {
namespace {

constexpr std::uint32_t kNic = 0x28;

Event dma(Ticks at, EventKind kind, std::uint64_t iova, bool persistent = false) {
  const DmaMapping mapping{.iova = {iova},
                           .buffer = {{0x1000}, 1500},
                           .direction = DmaDirection::kFromDevice,
                           .endpoint = 0,
                           .granted = Permissions::kWrite,
                           .persistent = persistent};
  return {at, kind, dma_event_status(mapping), 0, kNic, iova, dma_event_extent(mapping)};
}

Event probe(Ticks at, std::uint64_t iova, bool hit) {
  return {at, EventKind::kRogueProbe, static_cast<std::uint8_t>(hit), 0, kNic, iova, 2};
}

TEST(StaleProbes, OnlyUnmappedAddressesCount) {
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000),
                                    dma(20, EventKind::kDmaUnmap, 0xf000),
                                    dma(40, EventKind::kDmaMap, 0xf000)};
  const std::vector<Event> probes = {probe(15, 0xf010, true), probe(30, 0xf010, true),
                                     probe(35, 0xf010, false), probe(50, 0xf010, true),
                                     probe(55, 0xaaaa000, true)};
  const auto counted = count_stale_probes(guest, probes, 0, 0, 100);
  EXPECT_EQ(counted.aimed, 2u);
  EXPECT_EQ(counted.hits, 1u);
}

TEST(StaleProbes, AMapThatIsJustReturningIsGivenTheBenefit) {
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000),
                                    dma(20, EventKind::kDmaUnmap, 0xf000),
                                    dma(32, EventKind::kDmaMap, 0xf000)};
  const std::vector<Event> probes = {probe(30, 0xf000, true)};
  EXPECT_EQ(count_stale_probes(guest, probes, 5, 0, 100).aimed, 0u);
  EXPECT_EQ(count_stale_probes(guest, probes, 1, 0, 100).aimed, 1u);
}

TEST(StaleProbes, WhatStaysMappedByDesignIsNotStale) {
  const std::vector<Event> guest = {dma(10, EventKind::kDmaMap, 0xf000, true),
                                    dma(20, EventKind::kDmaUnmap, 0xf000, true)};
  const std::vector<Event> probes = {probe(30, 0xf000, true)};
  EXPECT_EQ(count_stale_probes(guest, probes, 0, 0, 100).aimed, 0u);
}

}  // namespace
}  // namespace violet
