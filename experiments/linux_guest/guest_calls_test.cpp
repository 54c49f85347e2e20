// What GuestCalls makes of an engine's events, on a real engine with a driver of the test's own: the same calls, at
// times that no true window can be longer than.
#include "experiments/linux_guest/guest_calls.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "engine/base/quiescence.hpp"
#include "engine/telemetry/event_bodies.hpp"

namespace violet::linux_guest {
namespace {

constexpr std::size_t kRing = 1024;
constexpr std::uint32_t kDomain = 7;
constexpr std::uint32_t kEndpoint = 0x28;

// An engine that stands still, and whose ring the test fills in its place.
struct Story {
  explicit Story(UnmapReturns returns)
      : engine(make_device("radix", "generation-domain", config(), quiescence).value()),
        calls(*engine, engine_ring, guest_ring, returns) {}

  static DeviceConfig config() {
    DeviceConfig config;
    config.endpoints.push_back({{kEndpoint}, "disk", {}});
    config.iotlb.entries = 64;
    return config;
  }
  void leave(Ticks at, EventKind kind, std::uint32_t id, std::uint64_t a, std::uint64_t b,
             std::uint8_t status = 0) {
    engine_ring.record({at, kind, status, 0, id, a, b});
  }
  void map(Ticks at, std::uint64_t first, std::uint64_t phys) {
    leave(at, EventKind::kMapDone, kDomain, first, first + 0xfff, 3);
    leave(at, EventKind::kMapTarget, kDomain, first, phys, 3);
  }
  std::vector<Event> told() {
    std::vector<Event> events(kRing);
    events.resize(guest_ring.drain(events));
    return events;
  }

  EpochQuiescence quiescence;
  GuestMemory memory;
  EventRing engine_ring{kRing};
  EventRing guest_ring{kRing};
  std::unique_ptr<Device> engine;
  GuestCalls calls;
};

TEST(GuestCalls, AStrictUnmapReturnsWhenItIsComplete) {
  Story story(UnmapReturns::kAfterCompletion);
  const Ticks now = now_ticks();
  story.leave(now, EventKind::kAttach, kEndpoint, kDomain, 0);
  story.map(now + 10, 0xffff0000, 0x123456000);
  story.leave(now + 20, EventKind::kUnmapExecuted, kDomain, 0xffff0000, 0xffff0fff);
  story.calls.before_poll();
  ASSERT_EQ(story.told().size(), 1u) << "it has not returned";
  story.leave(now + 30, EventKind::kUnmapCompleted, kDomain, 0xffff0000, 0xffff0fff);
  story.calls.before_poll();
  const auto events = story.told();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, EventKind::kDmaUnmap);
  EXPECT_EQ(events[0].at, now + 30);
  EXPECT_EQ(events[0].id, kEndpoint);
  EXPECT_EQ(events[0].a, 0xffff0000u);
  EXPECT_EQ(DmaEvent::of(events[0]).bytes, 4096u);
  EXPECT_EQ(DmaEvent::of(events[0]).phys_page, 0x123456u);
}

TEST(GuestCalls, ALazyUnmapReturnsNotBeforeThePollThatDidNotSeeIt) {
  Story story(UnmapReturns::kOnceQueued);
  story.leave(now_ticks(), EventKind::kAttach, kEndpoint, kDomain, 0);
  story.map(now_ticks(), 0xffff0000, 0x1000);
  story.calls.before_poll();
  static_cast<void>(story.told());
  const Ticks earliest = now_ticks();
  story.calls.before_poll();  // A poll that finds nothing.
  const Ticks latest = now_ticks();
  story.calls.before_poll();  // The one that finds the UNMAP.
  story.leave(now_ticks(), EventKind::kUnmapExecuted, kDomain, 0xffff0000, 0xffff0fff);
  story.calls.before_poll();
  const auto events = story.told();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_GE(events[0].at, earliest);
  EXPECT_LE(events[0].at, latest);
}

TEST(GuestCalls, NoUnmapReturnsBeforeItsMapping) {
  Story story(UnmapReturns::kOnceQueued);
  story.leave(now_ticks(), EventKind::kAttach, kEndpoint, kDomain, 0);
  const Ticks mapped = now_ticks() + 1'000'000;
  story.map(mapped, 0xffff0000, 0x1000);
  story.leave(mapped + 5, EventKind::kUnmapExecuted, kDomain, 0xffff0000, 0xffff0fff);
  story.calls.before_poll();
  const auto events = story.told();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].at, mapped);
}

TEST(GuestCalls, OneUnmapOfSeveralMappingsIsACallForEach) {
  Story story(UnmapReturns::kAfterCompletion);
  story.leave(1, EventKind::kAttach, kEndpoint, kDomain, 0);
  for (std::uint64_t i = 0; i < 4; ++i) story.map(2 + i, 0x10000 + i * 0x1000, 0x80000);
  story.leave(10, EventKind::kUnmapCompleted, kDomain, 0x10000, 0x12fff);
  story.calls.before_poll();
  EXPECT_EQ(story.told().size(), 4u + 3u);
  EXPECT_EQ(story.calls.mapped_for({kEndpoint}), std::vector<std::uint64_t>{0x13000});
  EXPECT_TRUE(story.calls.mapped_for({kEndpoint + 1}).empty());
}

TEST(GuestCalls, WhatADetachEndsIsNoCall) {
  Story story(UnmapReturns::kOnceQueued);
  story.leave(1, EventKind::kAttach, kEndpoint, kDomain, 0);
  story.map(2, 0x10000, 0x80000);
  story.leave(3, EventKind::kDetach, kEndpoint, kDomain, 0);
  story.leave(4, EventKind::kAttach, kEndpoint, kDomain + 1, 0);
  story.calls.kicked();
  story.calls.before_poll();
  const auto events = story.told();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, EventKind::kKick);
  EXPECT_EQ(events[1].kind, EventKind::kDmaMap);
  EXPECT_TRUE(story.calls.mapped_for({kEndpoint}).empty());
}

}  // namespace
}  // namespace violet::linux_guest
