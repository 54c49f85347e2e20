#include "experiments/strategies/strategies.hpp"

#include <gtest/gtest.h>

#include "experiments/strategies/strategy_rig.hpp"

namespace violet::strategies_test {
namespace {

using protocol::Type;

constexpr std::uint32_t kPage = 4096;

TEST(Registry, NamesAreUniqueAndFound) {
  for (const auto& info : strategies()) {
    EXPECT_EQ(strategies().find(info.name), &info);
    EXPECT_FALSE(info.summary.empty());
    EXPECT_TRUE(SettingValues::resolve(info.settings, {})) << info.name;
    for (const auto& setting : info.settings) {
      EXPECT_FALSE(setting.help.empty()) << setting.name;
      // The default itself is allowed.
      EXPECT_TRUE(SettingValues::resolve(info.settings, {{setting.name, setting.initial}}));
    }
  }
  EXPECT_EQ(strategies().find("opt"), nullptr);
}

TEST(Registry, ErrorsNameTheStrategyAndTheSetting) {
  StrategyRig rig(RigOptions{});
  StrategyContext context{.driver = *rig.guest.driver,
                          .memory = rig.guest.memory,
                          .pages = *rig.guest.pages,
                          .counters = rig.guest.counters};
  const auto unknown = make_strategy("lasy", context, {});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("strict, lazy-percpu"), std::string::npos);
  const auto wrong = make_strategy("lazy-percpu", context, {{"entries", std::int64_t{0}}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "strategy lazy-percpu: setting 'entries': expected an integer between 2 and 1048576, "
            "found 0");
}

// What a plan check refuses names allocators that there are, with a reason.
TEST(Registry, RefusalsNameAllocatorsAndAReason) {
  for (const auto& info : strategies()) {
    for (const auto& refusal : info.refusals) {
      EXPECT_NE(iova_allocators().find(refusal.allocator), nullptr) << info.name;
      EXPECT_FALSE(refusal.because.empty()) << info.name;
      EXPECT_TRUE(refusal.allocator != "rcache" && refusal.allocator != "rbtree") << info.name;
    }
  }
}

// An IOMMU group: what one endpoint maps the other reaches, and after the unmap neither does.
TEST(Registry, EveryStrategyGivesAGroupOneDomain) {
  for (const auto& info : strategies()) {
    RigOptions options;
    options.strategy = info.name;
    StrategyRig rig(options, [&](StrategyContext context) {
      context.groups = {0, 0};
      return make_strategy(info.name, context, {}).value();
    });
    for (const std::uint16_t mapper : {std::uint16_t{0}, std::uint16_t{1}}) {
      const auto mapping =
          rig.strategy->map(mapper, rig.buffer(kPage), DmaDirection::kBidirectional, 0);
      ASSERT_TRUE(mapping) << info.name;
      for (const std::uint16_t endpoint : {std::uint16_t{0}, std::uint16_t{1}}) {
        EXPECT_TRUE(rig.reaches(endpoint, mapping->iova)) << info.name << ", " << endpoint;
      }
      rig.strategy->unmap(*mapping, 0);
    }
    rig.strategy->drain();
    EXPECT_EQ(rig.guest.counters.map_failures, 0u) << info.name;
    EXPECT_EQ(rig.guest.counters.failed_requests, 0u) << info.name;
  }
}

// Neither what was mapped, nor what waited to be freed, is of any consequence in the domain after.
TEST(Registry, AnEndpointThatIsReassignedLeavesNothingBehind) {
  for (const auto& info : strategies()) {
    if (!info.reassigns) continue;
    SCOPED_TRACE(info.name);
    RigOptions options;
    options.strategy = info.name;
    StrategyRig rig(options);
    for (int turn = 0; turn < 3; ++turn) {
      const auto buffer = rig.buffer(kPage);
      const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
      ASSERT_TRUE(mapping);
      EXPECT_EQ(rig.guest.device.translate({0}, mapping->iova, Access::kRead), buffer.phys);
      rig.strategy->unmap(*mapping, 0);
      const Status moved = rig.strategy->reassign(0);
      ASSERT_TRUE(moved) << moved.error().message;
      EXPECT_FALSE(rig.reaches(0, mapping->iova));
      EXPECT_EQ(rig.guest.device.mappings({1}) + rig.guest.device.mappings({3}), 0u);
    }
    rig.strategy->drain();
    EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
  }
}

// axes.timers = "workload": ticks are of a time that begins at 0, while the clock shows the host's uptime.
TEST(Registry, TicksOfTheWorkloadsTimeEndWhatWasDeferred) {
  for (const auto& info : strategies()) {
    SCOPED_TRACE(info.name);
    // By design no timer ends these.
    if (info.after_unmap == AfterUnmap::kUntilNeeded || info.after_unmap == AfterUnmap::kBuffers ||
        info.after_unmap == AfterUnmap::kForgotten) {
      continue;
    }
    auto time = std::make_unique<Ticks>(0);
    RigOptions options;
    options.strategy = info.name;
    StrategyRig rig(options, [&](StrategyContext context) {
      context.timers =
          TickSource{[](void* at) noexcept { return *static_cast<Ticks*>(at); }, time.get()};
      return make_strategy(info.name, context, {}).value();
    });
    *rig.now = ns_to_ticks(1'000'000'000'000'000);
    const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
    ASSERT_TRUE(mapping);
    rig.strategy->unmap(*mapping, 0);
    const auto step = [&](std::uint64_t ns) {
      *time += ns_to_ticks(ns);
      rig.strategy->tick(*time);
    };
    step(1'000);
    // What waits for a timer waits for it by this time, too.
    EXPECT_EQ(rig.guest.counters.flushes, 0u);
    for (int i = 0; i < 2; ++i) step(1'000'000'000);
    EXPECT_TRUE(mapping->persistent || !rig.reaches(0, mapping->iova));
    EXPECT_EQ(rig.guest.driver->in_flight(), 0u);
  }
}

// --- The table of linux-dma.md 3.2 ---

TEST(Strict, OneKickForTheMapAndOneForTheUnmap) {
  StrategyRig rig(RigOptions{});
  const auto buffer = rig.buffer(kPage);
  const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  ASSERT_TRUE(mapping);
  EXPECT_EQ(rig.guest.counters.map_requests, 1u);
  EXPECT_EQ(rig.guest.counters.kicks, 1u);
  rig.strategy->unmap(*mapping, 0);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 1u);
  EXPECT_EQ(rig.guest.counters.kicks, 2u);
  EXPECT_FALSE(rig.reaches(0, mapping->iova));  // After unmap() nobody reaches it.
  EXPECT_EQ(rig.guest.counters.maps, 1u);
  EXPECT_EQ(rig.guest.counters.unmaps, 1u);
  // The address is free at once.
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, mapping->iova);
}

TEST(Strict, SeveralMapsOfOneBufferShareOneKick) {
  StrategyRig rig(RigOptions{});
  const DmaBuffer buffer{{0x802000}, 3 * kPage};  // Two cuts.
  const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_EQ(rig.guest.counters.map_requests, 2u);
  EXPECT_EQ(rig.guest.counters.kicks, 1u);
  rig.strategy->unmap(*mapping, 0);
  EXPECT_EQ(rig.guest.counters.kicks, 2u);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
}

TEST(Strict, WithoutSyncMapEachMapIsKicked) {
  StrategyRig rig({.settings = {{"sync_map", false}}});
  ASSERT_TRUE(rig.strategy->map(0, {{0x802000}, 3 * kPage}, DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.counters.kicks, 2u);
}

TEST(Strict, AListIsOneMapAndOneUnmapCall) {
  StrategyRig rig(RigOptions{});
  const DmaBuffer list[] = {{{0x800100}, 100}, {{0x900000}, 2 * kPage}, {{0xa00ff0}, 32}};
  DmaMapping out[3];
  ASSERT_TRUE(rig.strategy->map_list(1, list, DmaDirection::kFromDevice, 0, out));
  EXPECT_EQ(rig.guest.counters.kicks, 1u);
  EXPECT_EQ(rig.guest.counters.maps, 1u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rig.guest.device.translate({1}, out[i].iova, Access::kWrite), list[i].phys);
    EXPECT_EQ(out[i].granted, Permissions::kWrite);
  }
  // Another endpoint's domain does not have it.
  EXPECT_FALSE(rig.reaches(0, out[0].iova));
  rig.strategy->unmap_list(out, 0);
  EXPECT_EQ(rig.guest.counters.kicks, 2u);
  EXPECT_EQ(rig.guest.counters.unmaps, 1u);
  EXPECT_EQ(rig.guest.device.mappings({2}), 0u);
}

TEST(Strict, UnmapListTakesSinglesAndListsTogether) {
  StrategyRig rig(RigOptions{});
  const DmaBuffer list[] = {{{0x800000}, kPage}, {{0x900000}, kPage}};
  DmaMapping out[4];
  out[0] = *rig.strategy->map(0, list[0], DmaDirection::kToDevice, 0);
  ASSERT_TRUE(
      rig.strategy->map_list(0, list, DmaDirection::kToDevice, 0, std::span(out).subspan(1, 2)));
  out[3] = *rig.strategy->map(0, list[1], DmaDirection::kToDevice, 0);
  rig.strategy->unmap_list(out, 0);
  EXPECT_EQ(rig.guest.counters.unmaps, 3u);
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
}

TEST(Strict, ABrokenDeviceMakesMapsFailAndFreesNothing) {
  StrategyRig rig(RigOptions{});
  const auto buffer = rig.buffer(kPage);
  const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  rig.guest.device.stop();
  rig.strategy->unmap(*mapping, 0);
  EXPECT_FALSE(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.counters.map_failures, 1u);
  EXPECT_FALSE(rig.guest.driver->health());
}

TEST(Strict, ReservedRegionsAreNeverHandedOut) {
  RigOptions options;
  // Everything below 4 GiB but the last 16 pages of the lowest 64.
  options.guest.device.reserved = {
      {IovaRange::of(0x40000, 0xfffc0000), protocol::RegionKind::kReserved},
      {IovaRange::of(0x1000, 0x2f000), protocol::RegionKind::kMsi}};
  options.guest.device.input_range = IovaRange::of(0, std::uint64_t{1} << 32);
  StrategyRig rig(options);
  for (int i = 0; i < 16; ++i) {
    const auto mapping = rig.strategy->map(0, {{0x800000}, kPage}, DmaDirection::kToDevice, 0);
    ASSERT_TRUE(mapping);
    EXPECT_GE(mapping->iova.value, 0x30000u);
    EXPECT_LT(mapping->iova.value, 0x40000u);
  }
  const auto requests = rig.guest.device.log().size();
  EXPECT_FALSE(rig.strategy->map(0, {{0x800000}, kPage}, DmaDirection::kToDevice, 0));
  EXPECT_EQ(rig.guest.device.log().size(), requests);  // A failed map() leaves nothing mapped.
  EXPECT_EQ(rig.guest.counters.failed_requests, 0u);
}

// --- Lazy ---

TEST(Lazy, UnmapsRideOnTheNextMapsKick) {
  StrategyRig rig({.strategy = "lazy-percpu"});
  const auto buffer = rig.buffer(kPage);
  const auto first = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_EQ(rig.guest.counters.kicks, 1u);
  rig.strategy->unmap(*first, 0);
  EXPECT_EQ(rig.guest.counters.kicks, 1u);
  EXPECT_EQ(rig.guest.counters.unmap_requests, 1u);
  EXPECT_TRUE(rig.reaches(0, first->iova));  // A device that is not kicked has not seen it.
  const auto second = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  EXPECT_EQ(rig.guest.counters.kicks, 2u);
  EXPECT_FALSE(rig.reaches(0, first->iova));
  EXPECT_NE(second->iova, first->iova);  // The address waits until the flush.
}

TEST(Lazy, APollingDeviceExecutesUnmapsAtOnce) {
  StrategyRig rig({.strategy = "lazy-percpu"});
  const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*mapping, 0);
  rig.guest.device.poll();
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
}

TEST(Lazy, AFullQueueFlushesAndFreesItsAddresses) {
  StrategyRig rig({.strategy = "lazy-percpu", .settings = {{"entries", std::int64_t{4}}}});
  const auto buffer = rig.buffer(kPage);
  std::vector<Iova> used;
  for (int i = 0; i < 3; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    used.push_back(mapping->iova);
    rig.strategy->unmap(*mapping, 0);
  }
  EXPECT_EQ(rig.guest.counters.flushes, 0u);
  const auto fourth = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  for (const Iova iova : used) EXPECT_NE(iova, fourth->iova);
  const auto kicks = rig.guest.counters.kicks;
  rig.strategy->unmap(*fourth, 0);
  EXPECT_EQ(rig.guest.counters.flushes, 1u);
  EXPECT_EQ(rig.guest.counters.kicks, kicks + 1);
  // The kernel parks the entry after the flush but queues its UNMAP before: executed, not yet free.
  EXPECT_FALSE(rig.reaches(0, fourth->iova));
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, used[2]);  // LIFO.
}

TEST(Lazy, TheTimerFlushesAllCpusOnce) {
  StrategyRig rig({.strategy = "lazy-percpu", .cpus = 2});
  const auto buffer = rig.buffer(kPage);
  const auto a = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
  const auto b = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 1);
  rig.strategy->unmap(*a, 0);
  rig.advance(5'000'000);
  rig.strategy->unmap(*b, 1);
  rig.advance(4'900'000);
  EXPECT_EQ(rig.guest.counters.flushes, 0u);
  EXPECT_TRUE(rig.reaches(0, a->iova));
  rig.advance(200'000);
  EXPECT_EQ(rig.guest.counters.flushes, 1u);
  EXPECT_FALSE(rig.reaches(0, a->iova));
  EXPECT_FALSE(rig.reaches(0, b->iova));
  rig.advance(1'000'000'000);
  EXPECT_EQ(rig.guest.counters.flushes, 1u);
  // Both were freed by the CPU that armed the timer.
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, b->iova);
  EXPECT_EQ(rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0)->iova, a->iova);
}

TEST(Lazy, SingleHolds32767AndWaitsASecond) {
  StrategyRig rig({.strategy = "lazy-single"});
  const auto buffer = rig.buffer(kPage);
  for (int i = 0; i < 32767; ++i) {
    const auto mapping = rig.strategy->map(0, buffer, DmaDirection::kToDevice, 0);
    ASSERT_TRUE(mapping);
    rig.strategy->unmap(*mapping, 0);
  }
  rig.advance(999'000'000);
  EXPECT_EQ(rig.guest.counters.flushes, 0u);
  EXPECT_EQ(rig.guest.counters.iova_tree_walks, 32767u);  // Nothing came back to the magazines.
  rig.advance(2'000'000);
  EXPECT_EQ(rig.guest.counters.flushes, 1u);
}

TEST(Lazy, DrainLeavesNothing) {
  StrategyRig rig({.strategy = "lazy-percpu"});
  const auto mapping = rig.strategy->map(0, rig.buffer(kPage), DmaDirection::kToDevice, 0);
  rig.strategy->unmap(*mapping, 0);
  rig.strategy->drain();
  EXPECT_FALSE(rig.reaches(0, mapping->iova));
  EXPECT_EQ(rig.guest.device.mappings({1}), 0u);
}

// --- off and direct ---

TEST(Off, GlobalBypassSendsNoRequestAtAll) {
  StrategyRig rig({.strategy = "off"});
  EXPECT_EQ(rig.start_counters.kicks, 0u);
  EXPECT_EQ(rig.start_counters.other_requests, 0u);
  const auto mapping = rig.strategy->map(1, {{0x801234}, 100}, DmaDirection::kToDevice, 0);
  EXPECT_EQ(mapping->iova.value, 0x801234u);
  EXPECT_TRUE(mapping->persistent);
  EXPECT_EQ(mapping->granted, Permissions::kReadWrite);
  EXPECT_EQ(rig.guest.device.translate({1}, mapping->iova, Access::kWrite), mapping->buffer.phys);
  rig.strategy->unmap(*mapping, 0);
  EXPECT_TRUE(rig.guest.device.log().empty());
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), rig.guest.memory.total_bytes());
}

TEST(Off, DomainBypassAttachesEachEndpointOnce) {
  StrategyRig rig({.strategy = "off", .settings = {{"bypass", std::string("domain")}}});
  EXPECT_EQ(rig.start_counters.other_requests, 2u);
  EXPECT_EQ(rig.guest.device.translate({1}, {0x5000}, Access::kWrite), GuestPhys{0x5000});
}

TEST(Direct, IdentityMapHasHolesForReservedRegions) {
  RigOptions options{.strategy = "direct"};
  options.guest.device.reserved = {{IovaRange::of(0x100000, 0x800), protocol::RegionKind::kMsi}};
  StrategyRig rig(options);
  EXPECT_EQ(rig.start_counters.map_requests, 4u);  // Two pieces for each of two endpoints.
  EXPECT_EQ(rig.guest.device.translate({0}, {0xfffff}, Access::kWrite), GuestPhys{0xfffff});
  EXPECT_FALSE(rig.reaches(0, {0x100000}));
  EXPECT_FALSE(rig.reaches(0, {0x100fff}));
  EXPECT_EQ(rig.guest.device.translate({1}, {0x101000}, Access::kRead), GuestPhys{0x101000});
  EXPECT_EQ(rig.strategy->always_mapped_bytes(), rig.guest.memory.total_bytes() - 0x1000);
  const auto mapping = rig.strategy->map(0, {{0x801234}, 100}, DmaDirection::kToDevice, 0);
  EXPECT_EQ(mapping->iova.value, 0x801234u);
  EXPECT_FALSE(rig.strategy->map(0, {{0xfff00}, 0x200}, DmaDirection::kToDevice, 0));
  rig.strategy->unmap(*mapping, 0);
  EXPECT_TRUE(rig.guest.device.log().empty());
}

}  // namespace
}  // namespace violet::strategies_test
