// The transport as a driver sees it, over a device that only remembers what it was told.
#include "dataplane/virtio/virtio_pci.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "dataplane/virtio/driver_testing.hpp"

namespace violet::virtio {
namespace {

using namespace layout;  // NOLINT: the test speaks of registers.

class FakeDevice final : public VirtioDevice {
 public:
  static constexpr std::array<std::uint16_t, 2> kSizes = {256, 64};

  VirtioIdentity identity() const override { return {23, 0x080600}; }
  std::uint64_t features() const override { return 5 | feature::kRingPacked; }
  std::span<const std::uint16_t> queue_sizes() const override { return kSizes; }
  bool accept(std::uint64_t features) override {
    accepted = features;
    return (features & 4) == 0;
  }
  void read_config(std::size_t offset, std::span<std::byte> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(offset + i + 1);
  }
  void write_config(std::size_t offset, std::span<const std::byte> bytes) override {
    written = {offset, bytes.size()};
  }
  Status open_queue(unsigned index, const GuestMemory& memory, const QueueSetup& setup) override {
    VIOLET_TRY(resolve(memory, setup.layout));
    setups[index] = setup;
    return {};
  }
  void start() override { ++starts; }
  void memory_changed() override { ++memory_changes; }
  void reset(ResetKind kind) override {
    last_reset = kind;
    resets_left = reset_polls;
  }
  bool resetting() const override { return resets_left > 0; }
  bool broken() const override { return is_broken; }
  unsigned poll(unsigned /*budget*/) override {
    ++polls;
    if (resets_left > 0) --resets_left;
    return 1;
  }

  std::uint64_t accepted = 0;
  std::pair<std::size_t, std::size_t> written;
  std::array<QueueSetup, 2> setups;
  ResetKind last_reset = ResetKind::kDevice;
  int reset_polls = 0;
  int resets_left = 0;
  int starts = 0;
  int polls = 0;
  int memory_changes = 0;
  bool is_broken = false;
};

struct VirtioPciTest : testing::Test {
  void bring_up() {
    ASSERT_TRUE(driver.negotiate(feature::kVersion1));
    ASSERT_TRUE(driver.enable(0, QueueLayout::at(RingFormat::kSplit, 128, {0x10000})));
    driver.go();
  }
  FakeDevice device;
  SentMessages messages;
  GuestMemory ram;
  VirtioPci function{device, &messages, ram};
  TestDriver driver{function, ram};
};

TEST_F(VirtioPciTest, HasTheCapabilitiesOfAModernDevice) {
  EXPECT_EQ(driver.config(0, 4), 0x10571af4u);
  EXPECT_EQ(driver.config(8, 4), 0x08060001u);
  for (const std::uint8_t type : {kCommonType, kNotifyType, kIsrType, kDeviceType, kWindowType}) {
    EXPECT_NE(driver.capability(kVendorCapability, type), 0u) << int{type};
  }
  EXPECT_EQ(driver.config(driver.capability(kMsixCapability) + 2, 2), 2u) << "three vectors";
  EXPECT_EQ(driver.bar(kQueueCount, 2), 2u);
  EXPECT_EQ(driver.bar(kDevice + 3, 2), 0x0504u);
  driver.set_bar(kDevice + 36, 1, 1);
  EXPECT_EQ(device.written, (std::pair<std::size_t, std::size_t>{36, 1}));
}

TEST_F(VirtioPciTest, FeaturesMustBeOfferedAcceptedAndModern) {
  EXPECT_EQ(driver.offered(), 5u | feature::kVersion1 | feature::kRingPacked);
  EXPECT_FALSE(driver.negotiate(1));
  driver.set_status(0);
  EXPECT_FALSE(driver.negotiate(3 | feature::kVersion1));
  driver.set_status(0);
  EXPECT_FALSE(driver.negotiate(4 | feature::kVersion1)) << "the device did not accept";
  driver.go();
  EXPECT_EQ(device.starts, 0) << "DRIVER_OK without FEATURES_OK";
  driver.set_status(0);
  EXPECT_TRUE(driver.negotiate(1 | feature::kVersion1));
  EXPECT_EQ(device.accepted, 1 | feature::kVersion1);
}

TEST_F(VirtioPciTest, QueuesAreOpenedWhereTheDriverPutThem) {
  ASSERT_TRUE(driver.negotiate(feature::kVersion1 | feature::kRingPacked));
  driver.set_bar(kQueueSelect, 2, 1);
  EXPECT_EQ(driver.bar(kQueueSize, 2), 64u);
  driver.set_bar(kQueueSize, 2, 65);
  EXPECT_EQ(driver.bar(kQueueSize, 2), 64u);
  const auto layout = QueueLayout::at(RingFormat::kPacked, 48, {0x20000});
  ASSERT_TRUE(driver.enable(1, layout));
  EXPECT_EQ(device.setups[1].layout.size, 48u);
  EXPECT_EQ(device.setups[1].layout.format, RingFormat::kPacked);
  EXPECT_EQ(device.setups[1].layout.device, layout.device);
  EXPECT_EQ(driver.bar(kQueueNotifyOffset, 2), 1u);
  driver.set_bar(kQueueSelect, 2, 2);
  EXPECT_EQ(driver.bar(kQueueSize, 2), 0u) << "there is no such queue";
}

TEST_F(VirtioPciTest, IsPolledOnlyWhileTheDriverIsReady) {
  EXPECT_EQ(function.poll(1), 0u);
  bring_up();
  EXPECT_EQ(device.starts, 1);
  EXPECT_EQ(function.poll(1), 1u);
  driver.set_config(4, 2, 2);
  EXPECT_EQ(function.poll(1), 0u) << "no bus mastering";
}

TEST_F(VirtioPciTest, TheStatusIsZeroWhenTheResetHasEnded) {
  bring_up();
  device.reset_polls = 2;
  driver.set_status(0);
  EXPECT_NE(driver.status(), 0u);
  function.poll(1);
  EXPECT_NE(driver.status(), 0u);
  function.poll(1);
  EXPECT_EQ(driver.status(), 0u);
  EXPECT_EQ(device.last_reset, ResetKind::kDevice);
  driver.set_bar(kQueueSelect, 2, 0);
  EXPECT_EQ(driver.bar(kQueueEnable, 2), 0u);
  EXPECT_EQ(driver.bar(kQueueSize, 2), 256u);
  function.reset();
  EXPECT_EQ(device.last_reset, ResetKind::kSystem);
}

TEST_F(VirtioPciTest, AQueueOutsideMemoryOrABrokenDeviceNeedsAReset) {
  driver.enable_msix(3);
  ASSERT_TRUE(driver.negotiate(feature::kVersion1));
  EXPECT_FALSE(driver.enable(0, QueueLayout::at(RingFormat::kSplit, 128, {1ull << 40})));
  EXPECT_EQ(driver.status() & kNeedsReset, kNeedsReset);
  driver.set_status(0);
  EXPECT_EQ(driver.status(), 0u);
  driver.set_bar(kConfigVector, 2, 0);
  bring_up();
  device.is_broken = true;
  function.poll(1);
  EXPECT_EQ(driver.status() & kNeedsReset, kNeedsReset);
  ASSERT_EQ(messages.sent.size(), 1u);
  EXPECT_EQ(messages.sent[0].data, 0x40u);
  const int polls = device.polls;
  function.poll(1);
  EXPECT_EQ(device.polls, polls) << "left alone until the reset";
}

TEST_F(VirtioPciTest, MessagesWaitWhileTheyAreMasked) {
  driver.enable_msix(3);
  bring_up();
  const Notifier& notifier = device.setups[0].notifier;
  notifier.fire(notifier.context);
  ASSERT_EQ(messages.sent.size(), 1u);
  EXPECT_EQ(messages.sent[0].address, 0xfee00000u);
  EXPECT_EQ(messages.sent[0].data, 0x41u);
  driver.set_bar(kMsixTable + 16 + 12, 4, 1);
  notifier.fire(notifier.context);
  notifier.fire(notifier.context);
  EXPECT_EQ(messages.sent.size(), 1u);
  EXPECT_EQ(driver.bar(kMsixPending, 4), 2u);
  driver.set_bar(kMsixTable + 16 + 12, 4, 0);
  EXPECT_EQ(messages.sent.size(), 2u);
  messages.full = true;
  notifier.fire(notifier.context);
  messages.full = false;
  function.poll(1);
  EXPECT_EQ(messages.sent.size(), 3u) << "tried again";
}

// A message is a write to the bus: aimed at memory it would be a DMA that no IOMMU has seen.
TEST_F(VirtioPciTest, AMessageReachesNothingButInterrupts) {
  driver.enable_msix(3);
  bring_up();
  const Notifier& notifier = device.setups[0].notifier;
  constexpr std::uint32_t kEntry = kMsixTable + MsixTable::kEntryBytes;
  const struct {
    std::uint32_t low, high;
  } kElsewhere[] = {
      {0x1000, 0}, {0xfee00000, 1}, {0xfedffffc, 0}, {0xfef00000, 0}, {0xfee00002, 0}};
  for (const auto& address : kElsewhere) {
    driver.set_bar(kEntry, 4, address.low);
    driver.set_bar(kEntry + 4, 4, address.high);
    notifier.fire(notifier.context);
    function.poll(1);
    EXPECT_TRUE(messages.sent.empty()) << std::hex << address.low;
  }
  EXPECT_EQ(function.interrupts(), 0u);
  driver.set_bar(kEntry, 4, 0xfeeffffc);
  driver.set_bar(kEntry + 4, 4, 0);
  notifier.fire(notifier.context);
  EXPECT_EQ(messages.sent.size(), 1u);
  EXPECT_EQ(function.interrupts(), 1u);
}

TEST_F(VirtioPciTest, AMessageWaitsForBusMasteringAndNotForAnotherLife) {
  driver.enable_msix(3);
  bring_up();
  const Notifier notifier = device.setups[0].notifier;
  driver.set_config(4, 2, 2);
  notifier.fire(notifier.context);
  function.poll(1);
  EXPECT_TRUE(messages.sent.empty());
  driver.set_config(4, 2, 6);
  EXPECT_EQ(messages.sent.size(), 1u);
  driver.set_config(4, 2, 2);
  notifier.fire(notifier.context);
  driver.set_status(0);
  driver.set_config(4, 2, 6);
  function.poll(1);
  EXPECT_EQ(messages.sent.size(), 1u) << "it was of the time before the reset";
}

TEST_F(VirtioPciTest, TheWindowReachesTheBar) {
  const std::uint32_t window = driver.capability(kVendorCapability, kWindowType);
  driver.set_config(window + kCapOffset, 4, kQueueCount);
  driver.set_config(window + kCapLength, 4, 2);
  EXPECT_EQ(driver.config(window + kCapData, 2), 2u);
  driver.set_config(window + kCapOffset, 4, kStatus);
  driver.set_config(window + kCapLength, 4, 1);
  driver.set_config(window + kCapData, 1, 1);
  EXPECT_EQ(driver.status(), 1u);
  driver.set_config(window + kCapOffset, 4, kBarBytes - 1);
  driver.set_config(window + kCapLength, 4, 4);
  driver.config(window + kCapData, 4);
}

TEST_F(VirtioPciTest, KicksAreCounted) {
  bring_up();
  driver.set_bar(kNotify + 4, 2, 1);
  EXPECT_EQ(function.kicks(), 1u);
}

struct Line final : InterruptLine {
  void raise() override { ++count; }
  bool raised() { return std::exchange(count, 0) > 0; }
  int count = 0;
};

TEST(VirtioPciLine, IsRaisedAgainWhenSomethingCameBeforeItsEnd) {
  FakeDevice device;
  GuestMemory ram;
  VirtioPci function(device, nullptr, ram);
  TestDriver driver(function, ram);
  Line line;
  function.connect(&line);
  EXPECT_EQ(driver.capability(kMsixCapability), 0u);
  ASSERT_TRUE(driver.negotiate(feature::kVersion1));
  ASSERT_TRUE(driver.enable(0, QueueLayout::at(RingFormat::kSplit, 128, {0x10000})));
  driver.go();
  const Notifier& notifier = device.setups[0].notifier;
  notifier.fire(notifier.context);
  EXPECT_TRUE(line.raised());
  EXPECT_EQ(driver.bar(kIsr, 1), kIsrQueue);
  function.interrupt_ended();
  EXPECT_FALSE(line.raised());
  notifier.fire(notifier.context);
  EXPECT_TRUE(line.raised());
  function.interrupt_ended();
  EXPECT_TRUE(line.raised()) << "nobody has read the ISR";
}

}  // namespace
}  // namespace violet::virtio
