// Every fault of a chain walk, over a source and a sink that only remember: whatever a ring lies behind, the
// same descriptors are read, each once, and the same fault is found.
#include "dataplane/virtqueue/chain_walk.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace violet {
namespace {

using ring::kIndirect;
using ring::kNext;
using ring::kWrite;

struct FakeRing {
  bool fetch(std::uint32_t index, Descriptor& out) {
    if (!reachable) return false;
    reads.push_back(index);
    out = descriptors.at(index);
    return true;
  }
  struct Table {
    Descriptor operator[](std::uint32_t index) const {
      of->table_reads.push_back(index);
      return of->table.at(index);
    }
    FakeRing* of;
  };
  RingFault open_table(std::uint64_t address, std::uint32_t bytes, Table& out) {
    opened.emplace_back(address, bytes);
    out.of = this;
    return table_fault;
  }

  bool reachable = true;
  RingFault table_fault = RingFault::kNone;
  std::map<std::uint32_t, Descriptor> descriptors, table;
  std::vector<std::uint32_t> reads, table_reads;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> opened;
};

struct FakeChain {
  struct Buffer {
    std::uint64_t address;
    std::uint32_t length;
    bool writable;
    bool operator==(const Buffer&) const = default;
  };
  RingFault add(std::uint64_t address, std::uint32_t length, bool writable) {
    if (length == 0) return RingFault::kZeroLength;
    buffers.push_back({address, length, writable});
    return RingFault::kNone;
  }
  std::vector<Buffer> buffers;
};

struct ChainWalkTest : testing::Test {
  static Descriptor make(std::uint64_t address, std::uint32_t length, std::uint16_t flags,
                         std::uint16_t next) {
    return {address, ring::split_word(length, flags, next)};
  }
  void set(std::uint16_t at, std::uint64_t address, std::uint32_t length, std::uint16_t flags,
           std::uint16_t next = 0) {
    ring.descriptors[at] = make(address, length, flags, next);
  }
  void entry(std::uint16_t at, std::uint64_t address, std::uint32_t length, std::uint16_t flags,
             std::uint16_t next = 0) {
    ring.table[at] = make(address, length, flags, next);
  }
  RingFault walk(std::uint16_t head = 0) {
    return walk_chain(ring, chain, head, size, {indirect, false});
  }

  std::uint32_t size = 8;
  bool indirect = true;
  FakeRing ring;
  FakeChain chain;
};

TEST_F(ChainWalkTest, FollowsNextAndReadsEachDescriptorOnce) {
  set(5, 0x1000, 36, kNext, 2);
  set(2, 0x2000, 4, kWrite | kNext, 7);
  set(7, 0x3000, 8, kWrite);
  EXPECT_EQ(walk(5), RingFault::kNone);
  EXPECT_EQ(ring.reads, (std::vector<std::uint32_t>{5, 2, 7}));
  EXPECT_EQ(chain.buffers, (std::vector<FakeChain::Buffer>{
                               {0x1000, 36, false}, {0x2000, 4, true}, {0x3000, 8, true}}));
}

TEST_F(ChainWalkTest, ATableMayFollowBuffersAndEndsTheChain) {
  set(0, 0x1000, 36, kNext, 1);
  set(1, 0x9000, 48, kIndirect);
  entry(0, 0x2000, 4, kNext, 2);
  entry(2, 0x3000, 8, kWrite);
  EXPECT_EQ(walk(), RingFault::kNone);
  EXPECT_EQ(ring.opened, (std::vector<std::pair<std::uint64_t, std::uint32_t>>{{0x9000, 48}}));
  EXPECT_EQ(ring.table_reads, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(chain.buffers.size(), 3u);
}

TEST_F(ChainWalkTest, WhatTheSinkRefusesEndsTheWalk) {
  set(0, 0x1000, 0, kNext, 1);
  EXPECT_EQ(walk(), RingFault::kZeroLength);
  EXPECT_EQ(ring.reads.size(), 1u);
  set(0, 0x9000, 32, kIndirect);
  entry(0, 0x1000, 0, kNext, 1);
  EXPECT_EQ(walk(), RingFault::kZeroLength);
  EXPECT_EQ(ring.table_reads.size(), 1u);
}

TEST_F(ChainWalkTest, AnIndexIsCheckedBeforeItIsUsed) {
  set(0, 0x1000, 1, kNext, 8);
  EXPECT_EQ(walk(), RingFault::kNextOutOfRange);
  set(0, 0x9000, 32, kIndirect);
  entry(0, 0x1000, 1, kNext, 2);
  EXPECT_EQ(walk(), RingFault::kIndirectNextOutside);
}

TEST_F(ChainWalkTest, LoopsEnd) {
  for (std::uint16_t i = 0; i < 8; ++i)
    set(i, 0x1000, 1, kNext, static_cast<std::uint16_t>((i + 1) % 8));
  EXPECT_EQ(walk(), RingFault::kLoop);
  EXPECT_EQ(ring.reads.size(), 8u);
  set(0, 0x9000, 48, kIndirect);
  for (std::uint16_t i = 0; i < 3; ++i)
    entry(i, 0x1000, 1, kNext, static_cast<std::uint16_t>((i + 1) % 3));
  EXPECT_EQ(walk(), RingFault::kLoop);
  EXPECT_EQ(ring.table_reads.size(), 3u);
}

TEST_F(ChainWalkTest, ALongChainEndsAtTheLimit) {
  size = 1024;
  set(0, 0x1000, 1, kNext, 0);
  EXPECT_EQ(walk(), RingFault::kChainTooLong);
  EXPECT_EQ(ring.reads.size(), kMaxChainDescriptors);
  set(0, 0x9000, 1024 * 16, kIndirect);
  entry(0, 0x1000, 1, kNext, 0);
  EXPECT_EQ(walk(), RingFault::kChainTooLong);
  EXPECT_EQ(ring.table_reads.size(), kMaxChainDescriptors);
}

TEST_F(ChainWalkTest, ATableIsCheckedBeforeItIsOpened) {
  const auto fault = [&](std::uint32_t bytes, std::uint16_t flags) {
    set(0, 0x9000, bytes, flags);
    return walk();
  };
  EXPECT_EQ(fault(16, kIndirect | kNext), RingFault::kIndirectWithNext);
  EXPECT_EQ(fault(0, kIndirect), RingFault::kIndirectLength);
  EXPECT_EQ(fault(24, kIndirect), RingFault::kIndirectLength);
  indirect = false;
  EXPECT_EQ(fault(16, kIndirect), RingFault::kIndirectNotNegotiated);
  EXPECT_TRUE(ring.opened.empty());
}

TEST_F(ChainWalkTest, ATableThatCannotBeOpenedIsNotRead) {
  set(0, 0x9000, 16, kIndirect);
  ring.table_fault = RingFault::kOutsideMemory;
  EXPECT_EQ(walk(), RingFault::kOutsideMemory);
  EXPECT_TRUE(ring.table_reads.empty());
}

TEST_F(ChainWalkTest, ATableHasNoTables) {
  set(0, 0x9000, 16, kIndirect);
  entry(0, 0xa000, 16, kIndirect);
  EXPECT_EQ(walk(), RingFault::kNestedIndirect);
}

TEST_F(ChainWalkTest, ARingOutOfReachIsOne) {
  ring.reachable = false;
  EXPECT_EQ(walk(), RingFault::kUnreachable);
}

}  // namespace
}  // namespace violet
