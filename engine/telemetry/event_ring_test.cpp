#include "engine/telemetry/event_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

namespace violet {
namespace {

// Every field follows from the number, so that a mixture of two events shows.
Event numbered(std::uint64_t n) {
  return {n,
          EventKind::kMapDone,
          static_cast<std::uint8_t>(n),
          static_cast<std::uint16_t>(n),
          static_cast<std::uint32_t>(n * 3),
          n * 5,
          ~n};
}
bool is_whole(const Event& event) {
  const Event wanted = numbered(event.at);
  return event.kind == wanted.kind && event.status == wanted.status && event.took == wanted.took &&
         event.id == wanted.id && event.a == wanted.a && event.b == wanted.b;
}
void record(EventRing& ring, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t n = from; n < to; ++n) ring.record(numbered(n));
}

TEST(EventRing, Q1_AFullRingDropsAndCounts) {
  EventRing ring(6, 9);  // Rounded up to 8.
  EXPECT_EQ(ring.capacity(), 8u);
  EXPECT_EQ(ring.lcore(), 9u);
  record(ring, 0, 11);
  EXPECT_EQ(ring.dropped(), 3u);
  std::array<Event, 16> out;
  ASSERT_EQ(ring.drain(std::span(out).first(3)), 3u);
  record(ring, 11, 13);
  ASSERT_EQ(ring.drain(std::span(out).subspan(3)), 7u);
  const std::array<std::uint64_t, 10> wanted = {0, 1, 2, 3, 4, 5, 6, 7, 11, 12};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(out[i].at, wanted[i]);
    EXPECT_TRUE(is_whole(out[i]));
  }
  EXPECT_EQ(ring.drain(out), 0u);
}

TEST(EventRing, WorksInTheCallersStorage) {
  alignas(kCacheLine) std::array<std::byte, EventRing::bytes(4)> storage{};
  EventRing ring(storage, 4, 2);
  record(ring, 0, 4);
  std::array<Event, 4> out;
  ASSERT_EQ(ring.drain(out), 4u);
  EXPECT_TRUE(is_whole(out[3]));
}

TEST(Probe, IsSilentWhenOff) {
  EventRing ring(4);
  const Event event{1, EventKind::kDmaMap, 5, pack_ticks(1234567), 2, 3, 4};
  Probe().record(event);
  Probe(&ring).record(event);
  std::array<Event, 4> out;
  ASSERT_EQ(ring.drain(out), 1u);
  EXPECT_EQ(out[0].took, pack_ticks(1234567));
  EXPECT_EQ(out[0].status, 5u);
}

TEST(RingObserver, Q2_ChangesNothingAndSeesWhatTheConsumerTook) {
  EventRing ring(8);
  record(ring, 0, 5);
  std::array<Event, 8> out;
  ASSERT_EQ(ring.drain(out), 5u);
  RingObserver late(ring);
  EXPECT_EQ(late.waiting(), 5u);
  ASSERT_EQ(late.read(std::span(out).first(2)), 2u);
  ASSERT_EQ(late.read(out), 3u);
  EXPECT_EQ(out[2].at, 4u);
  record(ring, 5, 13);  // Fits, because the consumer has taken the first five.
  EXPECT_EQ(ring.dropped(), 0u);
  record(ring, 13, 14);
  EXPECT_EQ(ring.dropped(), 1u);  // The observer made no room.
  EXPECT_EQ(late.dropped(), 1u);
}

TEST(RingObserver, Q2_WhatWasOverwrittenIsLostAndNotReturned) {
  EventRing ring(8);
  RingObserver observer(ring);
  std::array<Event, 32> out;
  for (std::uint64_t n = 0; n < 20; ++n) {
    record(ring, n, n + 1);
    ASSERT_EQ(ring.drain(out), 1u);
  }
  // The slot of event 20 is that of event 12: the producer may be writing it.
  ASSERT_EQ(observer.read(out), 7u);
  EXPECT_EQ(out[0].at, 13u);
  EXPECT_EQ(out[6].at, 19u);
  EXPECT_EQ(observer.lost(), 13u);
}

TEST(RingObserver, AnyBytesAreSurvived) {
  alignas(kCacheLine) std::array<std::byte, EventRing::bytes(4)> storage{};
  auto* state = reinterpret_cast<RingState*>(storage.data());
  const auto* words = reinterpret_cast<const Word*>(state + 1);
  RingObserver observer(state, words, 4);
  std::array<Event, 16> out;
  for (const Word tail : {Word{3}, ~Word{0}, Word{0}, Word{1} << 63, Word{7}, Word{2}}) {
    store_word(state->tail, tail, std::memory_order_relaxed);
    EXPECT_LE(observer.read(out), 3u);
    EXPECT_LE(RingObserver(state, words, 4).read(out), 3u);
  }
}

// What an observer found while producer and consumer were running.
struct Seen {
  std::uint64_t events = 0, lost = 0;
  bool whole = true, in_order = true;
};

Seen observe(RingObserver& observer, const std::atomic<bool>& ended) {
  std::array<Event, 64> out;
  Seen seen;
  std::uint64_t next = 0;
  for (bool last = false; !last;) {
    last = ended.load(std::memory_order_acquire);  // Partner: the producer's end.
    while (const std::size_t count = observer.read(out)) {
      for (const Event& event : std::span(out).first(count)) {
        seen.whole &= is_whole(event);
        seen.in_order &= event.at >= next;
        next = event.at + 1;
      }
      seen.events += count;
    }
    std::this_thread::yield();  // There may be fewer CPUs than threads.
  }
  seen.lost = observer.lost();
  return seen;
}

TEST(RingObserver, Q2_SeesWholeEventsInOrderWhileTheRingIsBusy) {
  constexpr std::uint64_t kEvents = 100'000;
  EventRing ring(16);  // Small, so that the observers are overrun again and again.
  std::atomic<bool> ended{false};
  std::vector<Event> taken;
  std::array<RingObserver, 2> observers = {RingObserver(ring), RingObserver(ring)};
  std::array<Seen, 2> seen;
  std::thread first([&] { seen[0] = observe(observers[0], ended); });
  std::thread second([&] { seen[1] = observe(observers[1], ended); });
  std::thread consumer([&] {
    std::array<Event, 8> out;
    for (bool last = false; !last;) {
      last = ended.load(std::memory_order_acquire);  // Partner: the producer's end.
      while (const std::size_t count = ring.drain(out)) {
        taken.insert(taken.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
      }
      std::this_thread::yield();
    }
  });
  for (std::uint64_t n = 0; n < kEvents; ++n) {
    for (std::uint64_t dropped = ring.dropped();; dropped = ring.dropped()) {
      ring.record(numbered(n));
      if (ring.dropped() == dropped) break;
      std::this_thread::yield();  // Full: once more.
    }
  }
  ended.store(true, std::memory_order_release);  // Partners: consumer and observers.
  for (auto* thread : {&first, &second, &consumer}) thread->join();

  ASSERT_EQ(taken.size(), kEvents);
  for (std::uint64_t n = 0; n < kEvents; ++n) {
    ASSERT_EQ(taken[n].at, n);
    ASSERT_TRUE(is_whole(taken[n]));
  }
  for (const Seen& one : seen) {
    EXPECT_TRUE(one.whole);
    EXPECT_TRUE(one.in_order);
    EXPECT_EQ(one.events + one.lost, kEvents);
  }
}

}  // namespace
}  // namespace violet
