// The endpoint models against a port without an IOMMU: flat memory, and pages that fault on
// purpose.
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

#include "dataplane/dma/block_model.hpp"
#include "dataplane/dma/nic_model.hpp"
#include "dataplane/dma/payload.hpp"
#include "dataplane/dma/replay_endpoint.hpp"
#include "dataplane/dma/rogue_endpoint.hpp"

namespace violet {
namespace {

class FlatPort final : public DmaPort {
 public:
  std::vector<std::byte> memory = std::vector<std::byte>(1u << 20);
  std::set<std::uint64_t> faulting_pages;

  std::size_t run(std::span<DmaOp> ops) override {
    std::size_t good = 0;
    for (auto& op : ops) {
      op.result = reachable(op.iova.value, op.bytes) ? DmaResult::kOk : DmaResult::kFaultMapping;
      if (op.result != DmaResult::kOk) continue;
      std::byte* at = memory.data() + op.iova.value;
      if (op.access == Access::kRead) {
        std::memcpy(op.buffer, at, op.bytes);
      } else {
        std::memcpy(at, op.buffer, op.bytes);
      }
      ++good;
    }
    return good;
  }
  bool probe(Iova iova, Access) override { return reachable(iova.value, 1); }
  IotlbReaderStats stats() const override { return {}; }

  template <class T>
  T read(std::uint64_t at) const {
    T value;
    std::memcpy(&value, memory.data() + at, sizeof(value));
    return value;
  }
  template <class T>
  void write(std::uint64_t at, const T& value) {
    std::memcpy(memory.data() + at, &value, sizeof(value));
  }

 private:
  bool reachable(std::uint64_t at, std::uint64_t bytes) const {
    if (at > memory.size() || bytes > memory.size() - at) return false;
    for (auto page = at / 4096; page <= (at + bytes - 1) / 4096; ++page) {
      if (faulting_pages.contains(page)) return false;
    }
    return true;
  }
};

constexpr std::uint64_t kRing = 0x1000;
constexpr std::uint64_t kBuffers = 0x10000;

void post(FlatPort& port, std::uint32_t slot, std::uint64_t buffer, std::uint32_t bytes) {
  port.write(kRing + slot * sizeof(NicDescriptor), NicDescriptor{buffer, bytes, 0, 0});
}

TEST(NicModel, ReceivesInOrderAndWritesDescriptorsBack) {
  FlatPort port;
  NicModel nic(port);
  nic.set_rx_ring({{kRing}, 8});
  nic.set_packet_bytes(1500);
  std::uint64_t sequence = 0;
  for (std::uint32_t lap = 0; lap < 5; ++lap) {  // Wraps the ring of 8 with laps of 6.
    for (std::uint32_t i = lap * 6; i < lap * 6 + 6; ++i) {
      post(port, i % 8, kBuffers + (i % 8) * 2048, 2048);
    }
    nic.post_rx(lap * 6 + 6);
    while (nic.poll(32) > 0) continue;
    ASSERT_EQ(nic.rx_completed(), lap * 6 + 6);
    for (std::uint32_t i = lap * 6; i < lap * 6 + 6; ++i) {
      const auto descriptor = port.read<NicDescriptor>(kRing + (i % 8) * sizeof(NicDescriptor));
      EXPECT_EQ(descriptor.flags, kNicDone);
      EXPECT_EQ(descriptor.bytes, 1500u);
      EXPECT_TRUE(payload_matches(std::span(port.memory).subspan(kBuffers + (i % 8) * 2048, 1500),
                                  sequence++));
    }
  }
  EXPECT_EQ(nic.dma_errors(), 0u);
}

TEST(NicModel, NeverRunsAheadOfWhatWasPosted) {
  FlatPort port;
  NicModel nic(port);
  nic.set_rx_ring({{kRing}, 8});
  EXPECT_EQ(nic.poll(32), 0u);
  EXPECT_EQ(nic.rx_completed(), 0u);
}

TEST(NicModel, ABufferWithoutRoomIsAnErrorAndIsNotTouched) {
  FlatPort port;
  NicModel nic(port);
  nic.set_rx_ring({{kRing}, 4});
  post(port, 0, kBuffers, 0);
  port.memory[kBuffers] = std::byte{0x6b};
  nic.post_rx(1);
  nic.poll(32);
  EXPECT_EQ(port.memory[kBuffers], std::byte{0x6b});
  EXPECT_EQ(port.read<NicDescriptor>(kRing).flags, kNicDone | kNicError);
  EXPECT_EQ(nic.rx_completed(), 1u);
}

TEST(NicModel, AFaultingBufferIsReportedInItsDescriptorOnly) {
  FlatPort port;
  NicModel nic(port);
  nic.set_rx_ring({{kRing}, 4});
  post(port, 0, kBuffers, 2048);
  post(port, 1, kBuffers + 0x1000, 2048);
  port.faulting_pages.insert((kBuffers + 0x1000) / 4096);
  nic.post_rx(2);
  nic.poll(32);
  EXPECT_EQ(port.read<NicDescriptor>(kRing).flags, kNicDone);
  EXPECT_EQ(port.read<NicDescriptor>(kRing + 16).flags, kNicDone | kNicError);
  EXPECT_EQ(nic.rx_completed(), 2u);
  EXPECT_EQ(nic.dma_errors(), 1u);
}

// Whoever waits for its completions has to know.
TEST(NicModel, AccessesToItsRingThatFailAreToldFromThoseToBuffers) {
  FlatPort port;
  NicModel nic(port);
  nic.set_rx_ring({{kRing}, 8});
  post(port, 0, kBuffers, 2048);
  port.faulting_pages.insert(kBuffers / 4096);
  nic.post_rx(1);
  nic.poll(32);
  EXPECT_EQ(nic.dma_errors(), 1u);
  EXPECT_EQ(nic.ring_errors(), 0u);
  EXPECT_EQ(nic.rx_completed(), 1u);
  port.faulting_pages.insert(kRing / 4096);
  nic.post_rx(2);
  nic.poll(32);
  EXPECT_EQ(nic.dma_errors(), 2u);
  EXPECT_EQ(nic.ring_errors(), 1u);
  EXPECT_EQ(nic.rx_completed(), 1u);
}

TEST(NicModel, TransmitNoticesWrongData) {
  FlatPort port;
  NicModel nic(port);
  nic.set_tx_ring({{kRing}, 4});
  for (std::uint32_t i = 0; i < 2; ++i) {
    post(port, i, kBuffers + i * 4096, 256);
    stamp_payload(std::span(port.memory).subspan(kBuffers + i * 4096, 256), i);
  }
  port.memory[kBuffers + 4096] ^= std::byte{1};
  nic.post_tx(2);
  nic.poll(32);
  EXPECT_EQ(nic.tx_completed(), 2u);
  EXPECT_EQ(nic.tx_data_errors(), 1u);
}

class Block : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kSubmission = 0x1000;
  static constexpr std::uint64_t kCompletion = 0x2000;

  Block() { block.set_rings({kSubmission}, {kCompletion}, 16); }

  BlockStatus run(BlockOpcode opcode, std::uint32_t bytes, std::uint64_t offset, std::uint64_t prp1,
                  std::uint64_t prp2 = 0) {
    BlockCommand command{};
    command.opcode = static_cast<std::uint8_t>(opcode);
    command.id = static_cast<std::uint16_t>(next);
    command.bytes = bytes;
    command.offset = offset;
    command.prp1 = prp1;
    command.prp2 = prp2;
    port.write(kSubmission + (next % 16) * sizeof(BlockCommand), command);
    const auto slot = next++ % 16;
    block.submit(next);
    block.poll(32);
    EXPECT_EQ(block.completed(), next);
    const auto done = port.read<BlockCompletion>(kCompletion + slot * sizeof(BlockCompletion));
    EXPECT_EQ(done.id, command.id);
    return static_cast<BlockStatus>(std::uint16_t{done.status});
  }

  FlatPort port;
  BlockModel block{port, 1u << 20};
  std::uint32_t next = 0;
};

TEST(Service, ARequestIsServedAfterItsTimeAndTheNextOneAfterIt) {
  ServiceTime service;
  service.set(100);
  EXPECT_EQ(service.served(0, 1000), 0u);
  EXPECT_EQ(service.served(3, 5000), 0u) << "the idle time before counts for nothing";
  EXPECT_EQ(service.served(3, 5099), 0u);
  EXPECT_EQ(service.served(3, 5250), 2u);
  service.answered(2);
  EXPECT_EQ(service.served(1, 5299), 0u);
  EXPECT_EQ(service.served(1, 5300), 1u)
      << "it was begun when the second was done, not when that was seen";
  service.answered(1);
  EXPECT_EQ(service.served(5, 9000), 0u) << "posted after an idle time, and begun now";
  EXPECT_EQ(service.served(5, 9999), 5u) << "no more than there are";
}

TEST_F(Block, ASlowDeviceKeepsACommandUntilItWasServed) {
  block.set_service_time(~Ticks{0} >> 1);
  block.submit(1);
  EXPECT_EQ(block.poll(32), 0u);
  EXPECT_EQ(block.poll(32), 0u);
  EXPECT_EQ(block.completed(), 0u);
}

TEST_F(Block, ReadsBackWhatWasWrittenThroughAPrpList) {
  const std::uint64_t in = 0x20000 + 512;  // Unaligned: 4 pages are touched by 3 pages of data.
  const std::uint64_t list = 0x5000;
  for (int i = 0; i < 3; ++i) {
    port.write(list + 8 * static_cast<unsigned>(i),
               protocol::le64(0x30000 + 0x2000 * static_cast<std::uint64_t>(i)));
  }
  const std::uint32_t bytes = 3 * 4096;
  stamp_payload(std::span(port.memory).subspan(in, 4096 - 512), 1);
  for (unsigned i = 0; i < 3; ++i) {
    stamp_payload(std::span(port.memory).subspan(0x30000 + 0x2000 * i, 512), 2 + i);
  }
  ASSERT_EQ(run(BlockOpcode::kWrite, bytes, 8192, in, list), BlockStatus::kGood);
  ASSERT_EQ(run(BlockOpcode::kRead, 4096 - 512, 8192, 0x50000), BlockStatus::kGood);
  EXPECT_TRUE(payload_matches(std::span(port.memory).subspan(0x50000, 4096 - 512), 1));
  ASSERT_EQ(run(BlockOpcode::kRead, 512, 8192 + 4096 - 512, 0x52000), BlockStatus::kGood);
  EXPECT_TRUE(payload_matches(std::span(port.memory).subspan(0x52000, 512), 2));
}

TEST_F(Block, RejectsWhatLiesOutsideTheDiskOrMakesNoSense) {
  EXPECT_EQ(run(BlockOpcode::kRead, 4096, 1u << 20, 0x20000), BlockStatus::kInvalidField);
  EXPECT_EQ(run(BlockOpcode::kRead, 0, 0, 0x20000), BlockStatus::kInvalidField);
  EXPECT_EQ(run(BlockOpcode::kRead, ~0u, 0, 0x20000), BlockStatus::kInvalidField);
  EXPECT_EQ(run(BlockOpcode::kRead, 4096, ~std::uint64_t{0}, 0x20000), BlockStatus::kInvalidField);
  EXPECT_EQ(run(static_cast<BlockOpcode>(9), 4096, 0, 0x20000), BlockStatus::kInvalidField);
}

TEST_F(Block, AFaultCompletesWithAnErrorAndTheQueueGoesOn) {
  port.faulting_pages.insert(0x20);
  EXPECT_EQ(run(BlockOpcode::kRead, 4096, 0, 0x20000), BlockStatus::kDataTransferError);
  EXPECT_EQ(run(BlockOpcode::kRead, 4096, 0, 0x30000), BlockStatus::kGood);
  EXPECT_EQ(block.dma_errors(), 1u);
}

TEST_F(Block, AccessesToItsRingsThatFailAreToldFromThoseToBuffers) {
  port.faulting_pages.insert(0x20);
  EXPECT_EQ(run(BlockOpcode::kRead, 4096, 0, 0x20000), BlockStatus::kDataTransferError);
  EXPECT_EQ(block.ring_errors(), 0u);
  port.faulting_pages.insert(kCompletion / 4096);
  block.submit(next + 1);
  EXPECT_EQ(block.poll(8), 1u);  // Done, and nobody is told.
  EXPECT_EQ(block.ring_errors(), 1u);
  port.faulting_pages.insert(kSubmission / 4096);
  block.submit(next + 2);
  EXPECT_EQ(block.poll(8), 0u);
  EXPECT_EQ(block.ring_errors(), 2u);
}

// The record of a probe of `iova`. One that is preempted on the way is dropped and counted: again.
Event recorded_probe(RogueEndpoint& rogue, EventRing& ring, Iova iova) {
  std::array<Event, 1> event{};
  for (int tries = 0; tries < 100'000; ++tries) {
    const auto dropped = rogue.dropped_targets();
    rogue.aim(iova, Access::kRead, 0, 0);
    EXPECT_EQ(rogue.poll(8), 1u);
    const std::size_t records = ring.drain(event);
    EXPECT_EQ(records + rogue.dropped_targets() - dropped, 1u);
    if (records == 1) return event[0];
  }
  ADD_FAILURE() << "every probe was dropped";
  return event[0];
}

TEST(RogueEndpoint, RecordsEveryProbeWithItsOutcome) {
  FlatPort port;
  port.faulting_pages.insert(2);
  EventRing ring(16);
  RogueEndpoint rogue(port, Probe(&ring), 0x66, 1);
  const Event hit = recorded_probe(rogue, ring, {0x1000});
  EXPECT_EQ(hit.status, 1);
  EXPECT_TRUE(hit.timed()) << "how wrong its stamp may be";
  const Event miss = recorded_probe(rogue, ring, {0x2000});
  EXPECT_EQ(miss.status, 0);
  EXPECT_EQ(miss.a, 0x2000u);
  EXPECT_EQ(rogue.hits(), 1u);
}

TEST(RogueEndpoint, AWaitingProbeHoldsUpOnlyThoseOfItsLane) {
  FlatPort port;
  RogueEndpoint rogue(port, Probe(), 0x66, 2);
  const Ticks an_hour = ns_to_ticks(3'600'000'000'000);
  rogue.aim({0x1000}, Access::kRead, now_ticks() + an_hour, 1);
  rogue.aim({0x1000}, Access::kRead, now_ticks(), 1);
  EXPECT_EQ(rogue.poll(8), 0u);
  rogue.aim({0x1000}, Access::kRead, now_ticks(), 0);
  EXPECT_EQ(rogue.poll(8), 1u);
}

TEST(ReplayEndpoint, RunsInOrderAndCountsFaults) {
  FlatPort port;
  port.faulting_pages.insert(3);
  ReplayEndpoint replay(port);
  ASSERT_TRUE(replay.submit({0x1000}, 64, Access::kWrite));
  ASSERT_TRUE(replay.submit({0x3000}, 64, Access::kWrite));
  EXPECT_EQ(replay.poll(8), 2u);
  EXPECT_EQ(replay.completed(), replay.submitted());
  EXPECT_EQ(replay.dma_errors(), 1u);
}

}  // namespace
}  // namespace violet
