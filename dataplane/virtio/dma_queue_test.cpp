// A hostile driver behind an IOMMU: every fault of a ring that the device reaches by DMA, and what each one costs.
#include "dataplane/virtio/dma_queue.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "dataplane/virtio/shifted_port_testing.hpp"

namespace violet::virtio {
namespace {

using ring::kIndirect;
using ring::kNext;
using ring::kWrite;

struct DmaQueueTest : testing::Test {
  static constexpr std::uint64_t kRing = 0x10000, kBuffers = 0x20000, kTable = 0x30000;

  void SetUp() override {
    ASSERT_TRUE(memory.allocate({0}, 1u << 20, GuestMemory::Backing::kAnonymous));
    open(8);
  }
  void open(std::uint32_t size, bool indirect = true) {
    std::memset(memory.host({kRing}, 0x10000), 0, 0x10000);
    layout = QueueLayout::at(RingFormat::kSplit, size, {kRing});
    QueueSetup setup{layout, {indirect, false}, {}};
    for (GuestPhys* area :
         {&setup.layout.descriptors, &setup.layout.driver, &setup.layout.device}) {
      area->value += kIova;
    }
    queue.emplace(port, setup);
    available = 0;
  }
  template <class T>
  void put(std::uint64_t at, T value) {
    std::memcpy(memory.host({at}, sizeof(T)), &value, sizeof(T));
  }
  void put_descriptor(std::uint64_t at, std::uint64_t address, std::uint32_t length,
                      std::uint16_t flags, std::uint16_t next) {
    put(at, kIova + address);
    put(at + 8, ring::split_word(length, flags, next));
  }
  void descriptor(unsigned index, std::uint64_t address, std::uint32_t length, std::uint16_t flags,
                  std::uint16_t next = 0) {
    put_descriptor(layout.descriptors.value + index * 16, address, length, flags, next);
  }
  void entry(unsigned index, std::uint64_t address, std::uint32_t length, std::uint16_t flags,
             std::uint16_t next = 0) {
    put_descriptor(kTable + index * 16, address, length, flags, next);
  }
  void offer(std::uint16_t head) {
    put(layout.driver.value + 4 + available % layout.size * 2, head);
    put(layout.driver.value + 2, ++available);
  }
  void expect_broken(RingFault fault) {
    EXPECT_FALSE(queue->take(chain));
    EXPECT_EQ(queue->fault(), fault);
    EXPECT_EQ(queue->counters().of(fault), 1u);
    EXPECT_FALSE(queue->take(chain)) << "and stays so";
  }
  void expect_returned(RingFault fault) {
    EXPECT_FALSE(queue->take(chain));
    EXPECT_FALSE(queue->broken()) << to_text(queue->fault());
    EXPECT_EQ(queue->counters().of(fault), 1u);
    EXPECT_EQ(queue->counters().returned.value(), 1u);
    queue->publish();
    std::uint32_t used[2];
    std::memcpy(used, memory.host({layout.device.value}, 8), 8);
    EXPECT_EQ(used[0] >> 16, 1u) << "the used index";
    std::memcpy(used, memory.host({layout.device.value + 4}, 8), 8);
    EXPECT_EQ(used[1], 0u) << "its length";
  }

  GuestMemory memory;
  ShiftedPort port{memory};
  QueueLayout layout;
  std::optional<DmaQueue> queue;
  DmaChain chain;
  std::uint16_t available = 0;
};

TEST_F(DmaQueueTest, TakesAChainWithATable) {
  descriptor(3, kBuffers, 36, kNext, 1);
  descriptor(1, kTable, 32, kIndirect);
  entry(0, kBuffers + 64, 64, kNext, 1);
  entry(1, kBuffers + 128, 8, kWrite);
  offer(3);
  ASSERT_TRUE(queue->take(chain));
  EXPECT_EQ(chain.head(), 3u);
  EXPECT_EQ(chain.readable(), 100u);
  EXPECT_EQ(chain.writable(), 8u);
}

TEST_F(DmaQueueTest, IndexesAreChecked) {
  put(layout.driver.value + 2, std::uint16_t{9});
  expect_broken(RingFault::kIndexJump);
  open(8);
  offer(8);
  expect_broken(RingFault::kHeadOutOfRange);
  open(8);
  descriptor(0, kBuffers, 1, kNext, 8);
  offer(0);
  expect_broken(RingFault::kNextOutOfRange);
  open(8);
  descriptor(0, kTable, 32, kIndirect);
  entry(0, kBuffers, 1, kNext, 2);
  offer(0);
  expect_broken(RingFault::kIndirectNextOutside);
}

TEST_F(DmaQueueTest, LoopsEnd) {
  descriptor(0, kBuffers, 1, kNext, 0);
  offer(0);
  expect_broken(RingFault::kLoop);
  open(8);
  descriptor(0, kTable, 32, kIndirect);
  entry(0, kBuffers, 1, kNext, 1);
  entry(1, kBuffers, 1, kNext, 0);
  offer(0);
  expect_broken(RingFault::kLoop);
}

TEST_F(DmaQueueTest, TablesAreChecked) {
  const auto one = [&](std::uint32_t bytes, std::uint16_t flags, bool indirect, RingFault fault) {
    open(8, indirect);
    entry(0, kBuffers, 1, 0);
    descriptor(0, kTable, bytes, flags);
    offer(0);
    expect_broken(fault);
  };
  one(16, kIndirect, false, RingFault::kIndirectNotNegotiated);
  one(16, kIndirect | kNext, true, RingFault::kIndirectWithNext);
  one(0, kIndirect, true, RingFault::kIndirectLength);
  one(24, kIndirect, true, RingFault::kIndirectLength);
  open(8);
  descriptor(0, kTable, 16, kIndirect);
  entry(0, kTable, 16, kIndirect);
  offer(0);
  expect_broken(RingFault::kNestedIndirect);
}

TEST_F(DmaQueueTest, ARingOutOfReachIsBroken) {
  for (const std::uint64_t area : {layout.descriptors.value, layout.driver.value}) {
    open(256);
    descriptor(0, kBuffers, 1, 0);
    offer(0);
    port.faulting = {area >> 12};
    expect_broken(RingFault::kUnreachable);
    port.faulting.clear();
  }
}

TEST_F(DmaQueueTest, ABadChainCostsThatChain) {
  descriptor(0, kBuffers, 0, 0);
  offer(0);
  expect_returned(RingFault::kZeroLength);
  open(8);
  descriptor(0, kBuffers, 1, kWrite | kNext, 1);
  descriptor(1, kBuffers, 1, 0);
  offer(0);
  expect_returned(RingFault::kWrongOrder);
  open(8);
  descriptor(0, kBuffers, ~0u, kNext, 1);
  descriptor(1, kBuffers, 1, 0);
  offer(0);
  expect_returned(RingFault::kLengthOverflow);
}

TEST_F(DmaQueueTest, ATableThatFaultsOrIsTooLongCostsThatChain) {
  descriptor(0, kTable, 16, kIndirect);
  offer(0);
  port.faulting = {kTable >> 12};
  expect_returned(RingFault::kOutsideMemory);
  port.faulting.clear();
  open(8);
  descriptor(0, kTable, (kMaxChainDescriptors + 1) * 16, kIndirect);
  offer(0);
  expect_returned(RingFault::kChainTooLong);
}

TEST_F(DmaQueueTest, TheLongestChainIsTakenAndNoLonger) {
  for (const unsigned length : {kMaxChainDescriptors, kMaxChainDescriptors + 1}) {
    open(256);
    for (unsigned i = 0; i < length; ++i) {
      descriptor(i, kBuffers, 1, i + 1 == length ? std::uint16_t{0} : kNext,
                 static_cast<std::uint16_t>(i + 1));
    }
    offer(0);
    if (length > kMaxChainDescriptors) {
      expect_returned(RingFault::kChainTooLong);
    } else {
      ASSERT_TRUE(queue->take(chain));
      EXPECT_EQ(chain.readable(), length);
    }
  }
}

TEST_F(DmaQueueTest, BuffersAndTableTogetherKeepTheLimit) {
  open(256);
  for (unsigned i = 0; i < 100; ++i) {
    descriptor(i, kBuffers, 1, kNext, static_cast<std::uint16_t>(i + 1));
  }
  descriptor(100, kTable, 29 * 16, kIndirect);
  for (unsigned i = 0; i < 29; ++i) {
    entry(i, kBuffers, 1, i == 28 ? std::uint16_t{0} : kNext, static_cast<std::uint16_t>(i + 1));
  }
  offer(0);
  expect_returned(RingFault::kChainTooLong);
}

}  // namespace
}  // namespace violet::virtio
