// The DMA port over a real device: what it must get right beyond the device itself.
#include "dataplane/dma/engine_port.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "dataplane/virtqueue/guest_atomic.hpp"
#include "engine/device/all_pairs_testing.hpp"

namespace violet {
namespace {

class EnginePorts : public OnAllPairs {
 protected:
  static std::unique_ptr<DmaPort> open(Rig& rig, const GuestMemory& memory) {
    return open_port(*rig.device, {8}, "port lcore", memory).value();
  }
};
INSTANTIATE_TEST_SUITE_P(Pairs, EnginePorts, testing::ValuesIn(all_pairs()), pair_name);

// Two regions of memory that adjoin in the guest and not in the host; one mapping over both.
TEST_P(EnginePorts, ADmaCrossesAdjoiningRegionsOnAMissAndOnAHit) {
  Rig rig;
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0}, 0x10000, GuestMemory::Backing::kAnonymous));
  ASSERT_TRUE(memory.allocate({0x10000}, 0x10000, GuestMemory::Backing::kAnonymous));
  rig.attach(1, 8);
  rig.map(1, 0, 0x2ffff, 0);
  const auto port = open(rig, memory);
  std::array<std::byte, 8192> data;
  data.fill(std::byte{0x5a});
  for (int twice = 0; twice < 2; ++twice) {
    DmaOp op{{0xf000}, 8192, Access::kWrite, data.data(), DmaResult::kOk};
    EXPECT_EQ(port->run(std::span(&op, 1)), 1u);
    EXPECT_EQ(op.result, DmaResult::kOk);
  }
  EXPECT_EQ(*memory.host({0xffff}, 1), std::byte{0x5a});
  EXPECT_EQ(*memory.host({0x10fff}, 1), std::byte{0x5a});
  DmaOp beyond{{0x1f000}, 8192, Access::kWrite, data.data(), DmaResult::kOk};
  EXPECT_EQ(port->run(std::span(&beyond, 1)), 0u);
  EXPECT_EQ(beyond.result, DmaResult::kOutsideMemory);
}

// A burst is cut there: what stands before and behind is done as ever.
TEST_P(EnginePorts, AnOpWithoutBytesIsNotTranslated) {
  Rig rig;
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0}, 0x10000, GuestMemory::Backing::kAnonymous));
  rig.attach(1, 8);
  rig.map(1, 0, 0xfff, 0x1000);
  const auto port = open(rig, memory);
  std::array<std::byte, 4> data;
  data.fill(std::byte{0x5a});
  std::array<DmaOp, 3> ops{DmaOp{{0}, 1, Access::kWrite, data.data(), DmaResult::kFaultDomain},
                           DmaOp{{0x5000}, 0, Access::kWrite, data.data(), DmaResult::kFaultDomain},
                           DmaOp{{1}, 1, Access::kWrite, data.data(), DmaResult::kFaultDomain}};
  EXPECT_EQ(port->run(ops), 3u);
  for (const DmaOp& op : ops) EXPECT_EQ(op.result, DmaResult::kOk);
  EXPECT_EQ(*memory.host({0x1000}, 1), std::byte{0x5a});
  EXPECT_EQ(*memory.host({0x1001}, 1), std::byte{0x5a});
  EXPECT_EQ(port->stats().hits + port->stats().misses, 2u);
}

TEST_P(EnginePorts, NothingFollowsTheLastAddress) {
  Rig rig;
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0}, 0x10000, GuestMemory::Backing::kAnonymous));
  rig.attach(1, 8);
  rig.map(1, ~std::uint64_t{0xfff}, ~std::uint64_t{0}, 0x2000);
  rig.map(1, 0, 0xfff, 0x4000);
  const auto port = open(rig, memory);
  std::array<std::byte, 8192> data;
  data.fill(std::byte{0x5a});
  DmaOp op{{~std::uint64_t{0xfff}}, 8192, Access::kWrite, data.data(), DmaResult::kOk};
  EXPECT_EQ(port->run(std::span(&op, 1)), 0u);
  EXPECT_EQ(op.result, DmaResult::kFaultMapping);
  EXPECT_EQ(*memory.host({0x2fff}, 1), std::byte{0x5a});
  EXPECT_EQ(*memory.host({0x4000}, 1), std::byte{0});
}

// As a ring's index is while its owner counts on: both bytes change at once.
TEST_P(EnginePorts, AnAlignedWordIsReadAndWrittenAtOnce) {
  Rig rig;
  GuestMemory memory;
  ASSERT_TRUE(memory.allocate({0}, 0x10000, GuestMemory::Backing::kAnonymous));
  rig.attach(1, 8);
  rig.map(1, 0, 0xfff, 0x1000);
  const auto port = open(rig, memory);
  constexpr std::uint16_t kBefore = 0x49ff, kAfter = 0x4a00;
  std::byte* const theirs = memory.host({0x1002}, 2);  // What the guest writes,
  std::byte* const ours = memory.host({0x1004}, 2);    // and what it reads.
  store_relaxed(theirs, kBefore);
  store_relaxed(ours, kBefore);
  std::atomic<bool> stop{false};
  std::atomic<unsigned> torn{0};
  std::thread guest([&] {
    for (unsigned i = 0; !stop; ++i) {
      store_relaxed(theirs, i % 2 == 0 ? kAfter : kBefore);
      const auto seen = load_relaxed<std::uint16_t>(ours);
      if (seen != kBefore && seen != kAfter) ++torn;
    }
  });
  const auto move = [&](std::uint64_t iova, Access access, std::uint16_t& word) {
    DmaOp op{{iova}, 2, access, reinterpret_cast<std::byte*>(&word), DmaResult::kFaultDomain};
    ASSERT_EQ(port->run(std::span(&op, 1)), 1u);
  };
  for (unsigned i = 0; i < 100'000 && torn == 0; ++i) {
    std::uint16_t word = 0;
    move(2, Access::kRead, word);
    if (word != kBefore && word != kAfter) ++torn;
    word = i % 2 == 0 ? kAfter : kBefore;
    move(4, Access::kWrite, word);
  }
  stop = true;
  guest.join();
  EXPECT_EQ(torn, 0u);
}

}  // namespace
}  // namespace violet
