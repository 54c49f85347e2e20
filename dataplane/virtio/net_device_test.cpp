// The network card as a driver behind an IOMMU sees it, with the mirror at the other end of its wire.
#include "dataplane/virtio/net_device.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>

#include "dataplane/virtio/shifted_port_testing.hpp"
#include "dataplane/virtqueue/driver_queue.hpp"
#include "engine/base/rng.hpp"

namespace violet::virtio {
namespace {

constexpr MacAddress kMac = {2, 0, 0, 0, 0, 7};

using Bytes = std::vector<std::byte>;

Bytes ipv4_frame(std::size_t size, std::uint64_t seed) {
  Bytes frame(size);
  Rng rng(seed);
  for (std::byte& byte : frame) byte = static_cast<std::byte>(rng());
  std::memcpy(frame.data(), MirrorPeer::kMac.data(), 6);
  std::memcpy(frame.data() + 6, kMac.data(), 6);
  frame[12] = std::byte{0x08};
  frame[13] = std::byte{0x00};
  return frame;
}

struct NetDeviceTest : testing::Test {
  static constexpr std::uint64_t kMemory = 4u << 20;
  static constexpr std::uint64_t kReceiveRing = 0x10000, kTransmitRing = 0x20000;
  static constexpr std::uint64_t kIn = 0x100000, kOut = 0x200000;
  static constexpr std::uint32_t kHeader = 12, kBuffer = 1536;

  void SetUp() override {
    ASSERT_TRUE(memory.allocate({0}, kMemory, GuestMemory::Backing::kAnonymous));
    open();
  }
  void open() {
    device.reset(ResetKind::kDevice);
    const std::uint64_t rings[] = {kReceiveRing, kTransmitRing};
    for (unsigned i = 0; i < 2; ++i) {
      const auto layout = QueueLayout::at(RingFormat::kSplit, 64, {rings[i]});
      drivers[i] = make_driver_queue(memory, layout, {{}, false, true}).value();
      QueueSetup setup{layout, {}, {}};
      for (GuestPhys* area :
           {&setup.layout.descriptors, &setup.layout.driver, &setup.layout.device}) {
        area->value += port.shift;
      }
      ASSERT_TRUE(device.open_queue(i, memory, setup));
    }
    device.start();
  }
  void post(std::uint32_t slot, std::uint32_t bytes = kBuffer) {
    const DriverBuffer buffer{{0}, {port.shift + kIn + slot * 4096}, 0, bytes, slot};
    ASSERT_EQ(drivers[0]->add(std::span(&buffer, 1)), 1u);
    drivers[0]->publish();
  }
  void send(const Bytes& frame) {
    std::memset(memory.host({kOut}, kHeader), 0, kHeader);
    std::memcpy(memory.host({kOut + kHeader}, frame.size()), frame.data(), frame.size());
    const DriverBuffer buffer{
        {port.shift + kOut}, {0}, kHeader + static_cast<std::uint32_t>(frame.size()), 0, 1};
    ASSERT_EQ(drivers[1]->add(std::span(&buffer, 1)), 1u);
    drivers[1]->publish();
    device.poll(8);
    UsedBuffer used{};
    ASSERT_EQ(drivers[1]->pop_used(std::span(&used, 1)), 1u);
  }
  // The frame in the next buffer that comes back; empty: none did, or without a frame.
  Bytes received() {
    UsedBuffer used{};
    device.poll(8);
    used_bytes.reset();
    if (drivers[0]->pop_used(std::span(&used, 1)) != 1) return {};
    used_bytes = used.bytes;
    if (used.bytes < kHeader) return {};
    const std::byte* at = memory.host({kIn + used.cookie * 4096}, used.bytes);
    EXPECT_EQ(at[10], std::byte{1}) << "num_buffers";
    return {at + kHeader, at + used.bytes};
  }

  GuestMemory memory;
  ShiftedPort port{memory};
  MirrorPeer peer;
  NetDevice device{port, peer, kMac};
  std::array<std::unique_ptr<DriverQueue>, 2> drivers;
  std::optional<std::uint32_t> used_bytes;  // Of what received() took; empty: no buffer came back.
};

TEST_F(NetDeviceTest, AnIpPacketComesBackWithItsAddressesExchanged) {
  for (std::uint32_t i = 0; i < 200; ++i) {
    const Bytes frame = ipv4_frame(34 + i * 7, i);
    post(i % 16);
    send(frame);
    const Bytes back = received();
    ASSERT_EQ(back.size(), frame.size());
    EXPECT_EQ(std::memcmp(back.data(), kMac.data(), 6), 0);
    EXPECT_EQ(std::memcmp(back.data() + 6, MirrorPeer::kMac.data(), 6), 0);
    EXPECT_EQ(std::memcmp(back.data() + 26, frame.data() + 30, 4), 0);
    EXPECT_EQ(std::memcmp(back.data() + 30, frame.data() + 26, 4), 0);
    EXPECT_EQ(std::memcmp(back.data() + 34, frame.data() + 34, frame.size() - 34), 0);
  }
  EXPECT_EQ(device.counters().sent.value(), 200u);
  EXPECT_EQ(device.counters().received.value(), 200u);
  EXPECT_EQ(device.counters().errors.value(), 0u);
}

TEST_F(NetDeviceTest, WhoAsksForAnAddressGetsTheMirrors) {
  Bytes ask(42, std::byte{0});
  std::memset(ask.data(), 0xff, 6);
  std::memcpy(ask.data() + 6, kMac.data(), 6);
  const std::uint8_t arp[] = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1};
  std::memcpy(ask.data() + 12, arp, sizeof(arp));
  std::memcpy(ask.data() + 22, kMac.data(), 6);
  const std::uint8_t from[] = {10, 0, 2, 15}, wanted[] = {10, 0, 3, 1};
  std::memcpy(ask.data() + 28, from, 4);
  std::memcpy(ask.data() + 38, wanted, 4);
  post(0);
  send(ask);
  const Bytes answer = received();
  ASSERT_EQ(answer.size(), ask.size());
  EXPECT_EQ(answer[21], std::byte{2}) << "a reply";
  EXPECT_EQ(std::memcmp(answer.data() + 22, MirrorPeer::kMac.data(), 6), 0);
  EXPECT_EQ(std::memcmp(answer.data() + 28, wanted, 4), 0);
  EXPECT_EQ(std::memcmp(answer.data() + 32, kMac.data(), 6), 0);
  EXPECT_EQ(std::memcmp(answer.data() + 38, from, 4), 0);
}

TEST_F(NetDeviceTest, AFrameWaitsForABuffer) {
  send(ipv4_frame(100, 1));
  send(ipv4_frame(200, 2));
  EXPECT_TRUE(received().empty());
  post(0);
  EXPECT_EQ(received().size(), 100u);
  post(1);
  EXPECT_EQ(received().size(), 200u);
}

TEST_F(NetDeviceTest, BadFramesAndBuffersAreCountedAndTheQueuesGoOn) {
  send(Bytes(1600));
  EXPECT_EQ(device.counters().errors.value(), 1u) << "longer than a frame";
  send(Bytes(5));
  send(Bytes(60));
  EXPECT_EQ(peer.dropped(), 2u) << "no Ethernet header; no protocol that it knows";
  send(ipv4_frame(300, 3));
  post(0, 64);
  EXPECT_TRUE(received().empty()) << "the buffer is too small";
  EXPECT_EQ(device.counters().errors.value(), 2u);
  port.faulting = {kOut >> 12};
  send(ipv4_frame(300, 4));
  EXPECT_EQ(device.counters().errors.value(), 3u);
  port.faulting = {(kIn >> 12) + 1};
  send(ipv4_frame(300, 5));
  post(1);
  EXPECT_TRUE(received().empty()) << "the buffer is not mapped";
  EXPECT_EQ(device.counters().errors.value(), 4u);
  EXPECT_FALSE(device.broken());
  send(ipv4_frame(300, 6));
  post(2);
  EXPECT_EQ(received().size(), 300u);
}

// The split ring's `len`: of a delivery that fails no byte is promised.
TEST_F(NetDeviceTest, TheUsedLengthOfAFailedDeliveryIsZero) {
  send(ipv4_frame(300, 1));
  post(0, kHeader + 299);
  EXPECT_TRUE(received().empty());
  EXPECT_EQ(used_bytes, 0u) << "one byte too short, and longer than a header";
  send(ipv4_frame(300, 2));
  post(0, kHeader);
  EXPECT_TRUE(received().empty());
  EXPECT_EQ(used_bytes, 0u) << "room for a header alone";
  port.faulting = {(kIn >> 12) + 1};
  send(ipv4_frame(300, 3));
  post(1);
  EXPECT_TRUE(received().empty());
  EXPECT_EQ(used_bytes, 0u) << "not mapped";
  const DriverBuffer across{{0}, {port.shift + kIn + 4096 - 100}, 0, kBuffer, 0};
  send(ipv4_frame(300, 4));
  ASSERT_EQ(drivers[0]->add(std::span(&across, 1)), 1u);
  drivers[0]->publish();
  EXPECT_TRUE(received().empty());
  EXPECT_EQ(used_bytes, 0u) << "its first 100 bytes are mapped, the others are not";
  EXPECT_EQ(device.counters().errors.value(), 4u);
  EXPECT_EQ(device.counters().received.value(), 0u);
  send(ipv4_frame(300, 5));
  post(0, kHeader + 300);
  EXPECT_EQ(received().size(), 300u);
  EXPECT_EQ(used_bytes, kHeader + 300) << "just long enough";
}

TEST_F(NetDeviceTest, ARingThatFaultsNeedsAReset) {
  port.faulting = {kTransmitRing >> 12};
  device.poll(8);
  EXPECT_TRUE(device.broken());
  port.faulting.clear();
  open();
  EXPECT_FALSE(device.broken());
  post(0);
  send(ipv4_frame(64, 1));
  EXPECT_EQ(received().size(), 64u);
}

TEST_F(NetDeviceTest, TheMirrorHoldsABoundedNumberOfFrames) {
  for (std::size_t i = 0; i < MirrorPeer::kMostWaiting + 50; ++i) peer.take(ipv4_frame(60, i));
  EXPECT_EQ(peer.mirrored(), MirrorPeer::kMostWaiting);
  EXPECT_EQ(peer.dropped(), 50u);
}

TEST_F(NetDeviceTest, AResetForgetsWhatWasUnderWay) {
  send(ipv4_frame(100, 1));
  device.reset(ResetKind::kDevice);
  open();
  post(0);
  EXPECT_TRUE(received().empty()) << "a frame of the driver before";
}

TEST_F(NetDeviceTest, TellsItsAddressAndWantsADriverThatKnowsOfTheIommu) {
  MacAddress read{};
  device.read_config(0, std::as_writable_bytes(std::span(read)));
  EXPECT_EQ(read, kMac);
  std::array<std::byte, 16> beyond{};
  device.read_config(100, beyond);
  EXPECT_FALSE(device.accept(feature::kVersion1));
  EXPECT_TRUE(device.accept(feature::kVersion1 | feature::kAccessPlatform));
}

}  // namespace
}  // namespace violet::virtio
