// translate_burst() against translate(): the same answers, faults and counts, and what happens when the engine
// acts in the middle of a burst. One thread plays both: the engine runs inside ask().
#include <gtest/gtest.h>

#include <cstring>

#include "engine/base/rng.hpp"
#include "engine/device/all_pairs_testing.hpp"

namespace violet::burst_test {
namespace {

using protocol::Status;

class Burst : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, Burst, testing::ValuesIn(all_pairs()), pair_name);

using Asked = std::vector<BurstAccess>;

bool same(const TranslateResult& a, const TranslateResult& b) {
  if (a.outcome != b.outcome || a.phys != b.phys) return false;
  return a.outcome != Outcome::kFault || a.reason == b.reason;
}

// Reads of one address in one burst, with `engine` run before access `when`.
template <class Engine>
std::vector<TranslateResult> burst_with(Rig& rig, std::uint32_t endpoint, std::uint64_t iova,
                                        std::size_t count, std::size_t when, Engine&& engine) {
  const AnyReader::Section section(*rig.reader);
  std::vector<TranslateResult> results;
  bool acted = false;
  rig.reader->translate_burst(
      rig.device->endpoint({endpoint}).value(), count,
      [&](std::size_t i) {
        if (i == when && !std::exchange(acted, true)) engine();
        return BurstAccess{{iova}, Access::kRead};
      },
      [&](std::size_t i, const TranslateResult& result) {
        EXPECT_EQ(i, results.size());
        results.push_back(result);
      });
  return results;
}

std::uint32_t send_and_poll(Rig& rig, const auto& wire) {
  const auto token = rig.requests.push_wire(wire);
  for (int i = 0; i < 10; ++i) rig.device->poll(64);
  return token;
}

TEST_P(Burst, AnswersLikeSingleCalls) {
  Rig rig;
  Rig twin;
  Rng rng(1);
  for (auto* each : {&rig, &twin}) {
    each->attach(1, 8);
    each->attach(1, 10);
    for (std::uint64_t page = 0; page < 16; page += 2) {
      each->map(1, page * kPage, page * kPage + kLast, page * 0x10000,
                page % 3 == 0 ? protocol::kMapRead : 3u);
    }
    for (int i = 0; i < 64; ++i) each->events.add_buffer(24);
  }
  for (int round = 0; round < 50; ++round) {
    const auto endpoint =
        static_cast<std::uint32_t>(8 + rng.below(3));  // 9 is attached to nothing.
    Asked asked;
    for (std::uint64_t left = rng.below(40); left > 0; --left) {
      const std::uint64_t base = rng.below(4) == 0 ? kReservedRange.first.value - 2 * kPage : 0;
      asked.push_back(
          {{base + rng.below(16 * kPage)}, rng.below(2) == 0 ? Access::kRead : Access::kWrite});
    }
    const auto results = rig.translate_burst(endpoint, asked);
    ASSERT_EQ(results.size(), asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const auto single = twin.translate(endpoint, asked[i].iova.value, asked[i].access);
      ASSERT_TRUE(same(results[i], single)) << round << ", access " << i;
      ASSERT_EQ(results[i].bytes_left, single.bytes_left) << round << ", access " << i;
      ASSERT_EQ(results[i].hit, single.hit) << round << ", access " << i;
    }
    rig.poll_until_idle();
    twin.poll_until_idle();
  }
  EXPECT_EQ(rig.events.records(), twin.events.records());
  EXPECT_FALSE(rig.events.records().empty());
  const auto mine = rig.reader->stats();
  const auto theirs = twin.reader->stats();
  EXPECT_EQ(mine.hits, theirs.hits);
  EXPECT_EQ(mine.misses, theirs.misses);
  EXPECT_EQ(mine.fills, theirs.fills);
}

TEST_P(Burst, C2_AMapThatCompletesInTheMiddleIsFound) {
  Rig rig;
  rig.attach(1, 8);
  const auto results = burst_with(rig, 8, 0x10, 6, 3, [&] {
    const auto token = send_and_poll(rig, map_wire(1, 0, kLast, 0x5000));
    EXPECT_EQ(rig.requests.status(token), Status::kOk);
  });
  ASSERT_EQ(results.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(results[i].reaches_memory(), i >= 3) << i;
  EXPECT_EQ(results[3].phys, GuestPhys{0x5010});
}

TEST_P(Burst, C1_AnUnmapInTheMiddleWaitsForTheSection) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  std::uint32_t token = 0;
  const auto results = burst_with(rig, 8, 0, 6, 3, [&] {
    token = send_and_poll(rig, unmap_wire(1, 0, kLast));
    EXPECT_FALSE(rig.requests.done(token));
  });
  for (const auto& result : results) {
    EXPECT_TRUE(!result.reaches_memory() || result.phys == GuestPhys{0x5000});
  }
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0));
}

// A page that is unmapped and mapped elsewhere inside one burst: neither is answered before its end, so
// either translation is right, and afterwards only the new one is.
TEST_P(Burst, C2_C3_ARemappedPageIsOneOrTheOther) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  std::uint32_t token = 0;
  const auto results = burst_with(rig, 8, 0, 6, 3, [&] {
    rig.requests.push_wire(unmap_wire(1, 0, kLast));
    token = send_and_poll(rig, map_wire(1, 0, kLast, 0x7000));
    EXPECT_FALSE(rig.requests.done(token));
  });
  for (const auto& result : results) {
    ASSERT_TRUE(result.reaches_memory());
    EXPECT_TRUE(result.phys == GuestPhys{0x5000} || result.phys == GuestPhys{0x7000});
  }
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0), 0x7000);
}

TEST_P(Burst, D17_AnAttachInTheMiddleWaitsForTheSection) {
  Rig rig;
  rig.attach(1, 8);
  rig.attach(2, 9);
  rig.map(1, 0, kLast, 0x5000);
  rig.map(2, 0, kLast, 0x6000);
  std::uint32_t token = 0;
  const auto results = burst_with(rig, 8, 0, 6, 3, [&] {
    token = send_and_poll(rig, attach_wire(2, 8));
    EXPECT_FALSE(rig.requests.done(token));
  });
  for (const auto& result : results) {
    ASSERT_TRUE(result.reaches_memory());
    EXPECT_TRUE(result.phys == GuestPhys{0x5000} || result.phys == GuestPhys{0x6000});
  }
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0), 0x6000);
}

TEST_P(Burst, D23_ADetachInTheMiddleWaitsForTheSection) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  std::uint32_t token = 0;
  burst_with(rig, 8, 0, 6, 3, [&] {
    token = send_and_poll(rig, detach_wire(1, 8));
    EXPECT_FALSE(rig.requests.done(token));
  });
  rig.poll_until_idle();
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
  EXPECT_EQ(rig.device->memory_used(), 0u);
}

// The write waits for no reader, so the next access must see it.
TEST_P(Burst, AWriteToBypassTakesEffectAtTheNextAccess) {
  Rig rig;
  const auto results = burst_with(rig, 8, 0x1234, 6, 3, [&] {
    const std::byte on{1};
    rig.device->write_config(offsetof(protocol::Config, bypass), std::span(&on, 1));
  });
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(results[i].outcome, i < 3 ? Outcome::kFault : Outcome::kBypass) << i;
  }
}

TEST_P(Burst, D47_AReservedAddressIsNeverMapped) {
  Rig rig;
  rig.attach(1, 10);
  // Between its two regions, and inside either.
  const std::uint64_t between = kReservedRange.last.value + 1;
  ASSERT_EQ(rig.map(1, between, between + kLast, 0x5000), Status::kOk);
  const Asked asked = {{{between}, Access::kRead},
                       {kReservedRange.first, Access::kRead},
                       {kReservedRange.last, Access::kRead},
                       {kMsiRange.last, Access::kWrite},
                       {{between}, Access::kWrite}};
  for (int twice = 0; twice < 2; ++twice) {
    const auto results = rig.translate_burst(10, asked);
    EXPECT_EQ(results[0].outcome, Outcome::kMapped);
    for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(results[i].outcome, Outcome::kReserved) << i;
    EXPECT_EQ(results[4].outcome, Outcome::kMapped);
  }
}

}  // namespace
}  // namespace violet::burst_test
