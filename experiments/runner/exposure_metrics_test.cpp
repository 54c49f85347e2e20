#include "experiments/runner/exposure_metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "experiments/guest/dma_api.hpp"
#include "experiments/results/metric_catalogue.hpp"

namespace violet {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t kNic = 0x28;
constexpr std::uint32_t kDomain = 7;

Event attach(Ticks at) { return {at, EventKind::kAttach, 0, 0, kNic, kDomain, 0}; }

Event engine(Ticks at, EventKind kind) { return {at, kind, 0, 0, kDomain, 0xf000, 0xffff}; }

Event dma(Ticks at, EventKind kind) {
  const DmaMapping mapping{.iova = {0xf000},
                           .buffer = {{0x1000}, 1500},
                           .direction = DmaDirection::kFromDevice,
                           .endpoint = 0,
                           .granted = Permissions::kWrite};
  return dma_event(mapping, {kNic}).event(kind, at);
}

// One page, mapped, unmapped at 20 and reachable until 50.
std::map<std::string, results::Metric> metrics(bool from_outside) {
  const std::vector<Event> engine_events = {attach(1), engine(5, EventKind::kMapDone),
                                            engine(45, EventKind::kUnmapExecuted),
                                            engine(50, EventKind::kUnmapCompleted)};
  const std::vector<Event> guest_events = {dma(6, EventKind::kDmaMap),
                                           dma(20, EventKind::kDmaUnmap)};
  results::RepetitionRecord record;
  add_exposure(record, {.engine = engine_events,
                        .guest = guest_events,
                        .probes = {},
                        .begin = 1,
                        .end = 100,
                        .from_outside = from_outside});
  std::map<std::string, results::Metric> by_name;
  for (auto& metric : record.metrics) by_name[metric.name] = metric;
  return by_name;
}

TEST(ExposureMetrics, FromOutsideOnlyTheGuestsOwnWordIsMissing) {
  const auto told = metrics(false), seen = metrics(true);
  EXPECT_GT(told.at("exposure_window.max").value, 0);
  EXPECT_EQ(seen.at("exposure_window.max").value, told.at("exposure_window.max").value);
  EXPECT_EQ(seen.at("peak_stale_pages").value, 1);
  for (const char* name :
       {"mean_stale_pages_lower_bound", "iova_reuse_violations", "persistent_unmaps",
        "refused_maps", "mean_subpage_bytes_exposed", "mean_overpermitted_pages"}) {
    EXPECT_TRUE(told.at(name).value.has_value()) << name;
    EXPECT_FALSE(seen.at(name).value.has_value()) << name;
    EXPECT_THAT(seen.at(name).because, HasSubstr("requests")) << name;
  }
}

// Of one unmap there is no percentile.
TEST(ExposureMetrics, APercentileTakesWindowsEnough) {
  const auto one = metrics(false);
  EXPECT_FALSE(one.at("exposure_window.p50").value);
  EXPECT_EQ(one.at("exposure_window.p50").because, "it takes 6 unmaps in a repetition");
  EXPECT_EQ(one.at("exposure_window.p99").because, "it takes 300 unmaps in a repetition");
  EXPECT_TRUE(one.at("exposure_window.mean").value);
}

// As under off and direct: the unmaps take nothing away.
TEST(ExposureMetrics, WhatStaysReachableIsNotZeroStalePages) {
  const auto judged = [](bool stays) {
    results::RepetitionRecord record;
    add_exposure(record, {.engine = {},
                          .guest = {},
                          .probes = {},
                          .begin = 1,
                          .end = 100,
                          .always_mapped_bytes = 4096,
                          .persistent = {.unmaps = 3},
                          .stays = stays});
    std::map<std::string, results::Metric> by_name;
    for (auto& metric : record.metrics) by_name[metric.name] = metric;
    return by_name;
  };
  const auto direct = judged(true), bounce = judged(false);
  for (const char* name : {"mean_stale_pages", "mean_stale_pages_lower_bound", "peak_stale_pages",
                           "mean_subpage_bytes_exposed", "mean_overpermitted_pages",
                           "exposure_window.p50", "exposure_window.max"}) {
    EXPECT_FALSE(direct.at(name).value.has_value()) << name;
    EXPECT_EQ(direct.at(name).because, results::kStaysReachable) << name;
  }
  EXPECT_EQ(bounce.at("mean_stale_pages").value,
            0);  // Of copies, and never of the pages themselves.
  EXPECT_EQ(direct.at("persistent_unmaps").value, 3);
  EXPECT_FALSE(direct.at("rogue_stale_hits").value.has_value());  // Of no probe.
}

TEST(ExposureMetrics, WithoutARogueEndpointNothingIsSaidOfOne) {
  for (const auto& [name, metric] : metrics(true)) EXPECT_THAT(name, Not(HasSubstr("rogue")));
  EXPECT_EQ(metrics(false).count("rogue_stale_probes"), 1u);
}

}  // namespace
}  // namespace violet
