#include "experiments/guest/flush_queue.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "engine/base/rng.hpp"

namespace violet {
namespace {

struct Recorder final : FlushQueue::Owner {
  bool flush_all() override {
    ++flushes;
    return answers;
  }
  void release(Iova first, std::uint64_t, unsigned cpu) override {
    released.push_back(first.value);
    cpus.push_back(cpu);
  }
  int flushes = 0;
  bool answers = true;
  std::vector<std::uint64_t> released;
  std::vector<unsigned> cpus;
};

constexpr FlushQueueOptions kSmall{.entries = 4, .timeout_ns = 1000, .cpus = 2};

TEST(FlushQueue, TheDefaultHolds255) {
  Recorder owner;
  FlushQueue queue(owner, FlushQueueOptions{});
  for (std::uint64_t i = 0; i < 255; ++i) queue.queue({i << 12}, 1, 0, 0);
  EXPECT_EQ(owner.flushes, 0);
  EXPECT_EQ(queue.queued(), 255u);
  queue.queue({255 << 12}, 1, 0, 0);
  EXPECT_EQ(owner.flushes, 1);
  EXPECT_EQ(owner.released.size(), 255u);
  EXPECT_EQ(queue.queued(), 1u);  // The entry that found the ring full waits for the next flush.
  EXPECT_EQ(queue.full_flushes(), 1u);
}

TEST(FlushQueue, F2_AFullRingFlushesForAllCpus) {
  Recorder owner;
  FlushQueue queue(owner, kSmall);
  queue.queue({0xa000}, 1, 1, 0);
  for (std::uint64_t i = 0; i < 4; ++i) queue.queue({i << 12}, 1, 0, 0);
  EXPECT_EQ(owner.flushes, 1);
  EXPECT_EQ(owner.released, (std::vector<std::uint64_t>{0, 0x1000, 0x2000}));
  // CPU 1's entry was served by that flush and is released at its next use of the ring.
  queue.queue({0xb000}, 1, 1, 0);
  EXPECT_EQ(owner.released.back(), 0xa000u);
  EXPECT_EQ(owner.cpus.back(), 1u);
  EXPECT_EQ(owner.flushes, 1);
}

TEST(FlushQueue, F3_TheFirstEntryArmsTheTimerWhichDrainsAllCpus) {
  Recorder owner;
  FlushQueue queue(owner, kSmall);
  const Ticks due = ns_to_ticks(1000);
  queue.queue({0x1000}, 1, 1, 100);
  queue.queue({0x2000}, 1, 0, 100 + due - 1);
  queue.tick(100 + due - 1);
  EXPECT_EQ(owner.flushes, 0);
  queue.tick(100 + due);
  EXPECT_EQ(owner.flushes, 1);
  EXPECT_EQ(owner.released, (std::vector<std::uint64_t>{0x2000, 0x1000}));
  EXPECT_EQ(owner.cpus, (std::vector<unsigned>{1, 1}));  // Freed where the timer was armed.
  EXPECT_FALSE(queue.timer_on());
  queue.tick(100 + 10 * due);
  EXPECT_EQ(owner.flushes, 1);
}

TEST(FlushQueue, SingleQueueServesEveryCpuWithOneRing) {
  Recorder owner;
  FlushQueue queue(owner, {.per_cpu = false, .entries = 4, .timeout_ns = 1000, .cpus = 4});
  for (unsigned i = 0; i < 4; ++i) queue.queue({std::uint64_t{i} << 12}, 1, i, 0);
  EXPECT_EQ(owner.released.size(), 3u);
}

TEST(FlushQueue, NothingIsReleasedWhenTheIommuDoesNotAnswer) {
  Recorder owner;
  owner.answers = false;
  FlushQueue queue(owner, kSmall);
  for (std::uint64_t i = 0; i < 20; ++i) queue.queue({i << 12}, 1, 0, 0);
  queue.drain();
  EXPECT_TRUE(owner.released.empty());
}

// Releases against a model that knows, for every address, how many flushes had begun when it was queued.
TEST(FlushQueue, F1_RandomHistoriesReleaseOnlyAfterALaterFlush) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    Recorder owner;
    const unsigned cpus = 1 + unsigned(rng.below(4));
    FlushQueue queue(owner, {.per_cpu = rng.chance(0.5),
                             .entries = 2 + std::uint32_t(rng.below(20)),
                             .timeout_ns = 1000,
                             .cpus = cpus});
    std::map<std::uint64_t, int> queued_at;
    Ticks now = 0;
    std::size_t seen = 0;
    for (std::uint64_t i = 0; i < 2000; ++i) {
      now += rng.below(ns_to_ticks(300));
      queue.tick(now);
      // The entry itself may cause the flush that makes room, which does not serve it.
      queue.queue({i << 12}, 1, unsigned(rng.below(cpus)), now);
      queued_at[i << 12] = owner.flushes;
      for (; seen < owner.released.size(); ++seen) {
        const auto entry = queued_at.find(owner.released[seen]);
        ASSERT_NE(entry, queued_at.end());
        ASSERT_GT(owner.flushes, entry->second);
        queued_at.erase(entry);
      }
    }
    queue.drain();
    EXPECT_EQ(owner.released.size(), 2000u);
    EXPECT_EQ(queue.queued(), 0u);
  }
}

}  // namespace
}  // namespace violet
