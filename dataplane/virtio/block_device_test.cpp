// The block device as a driver behind an IOMMU sees it: every address is one of the endpoint's, and a page
// that is not mapped faults.
#include "dataplane/virtio/block_device.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "dataplane/virtio/shifted_port_testing.hpp"
#include "dataplane/virtqueue/driver_queue.hpp"

namespace violet::virtio {
namespace {

struct BlockDeviceTest : testing::Test {
  static constexpr std::uint64_t kMemory = 4u << 20;
  static constexpr std::uint64_t kRing = 0x10000;
  static constexpr std::uint64_t kOut = 0x100000;
  static constexpr std::uint64_t kIn = 0x200000;

  void SetUp() override {
    ASSERT_TRUE(memory.allocate({0}, kMemory, GuestMemory::Backing::kAnonymous));
    open({});
  }
  void open(RingFeatures features) {
    const auto layout = QueueLayout::at(RingFormat::kSplit, 64, {kRing});
    driver = make_driver_queue(memory, layout, {features, features.indirect, false}).value();
    QueueSetup setup{layout, features, {&BlockDeviceTest::interrupted, this}};
    for (GuestPhys* area :
         {&setup.layout.descriptors, &setup.layout.driver, &setup.layout.device}) {
      area->value += port.shift;
    }
    device.reset(ResetKind::kDevice);
    ASSERT_TRUE(device.open_queue(0, memory, setup));
    device.start();
  }
  static void interrupted(void* self) { ++static_cast<BlockDeviceTest*>(self)->interrupts; }

  void queue(std::uint32_t type, std::uint64_t sector, std::uint32_t out_bytes,
             std::uint32_t in_bytes, std::uint64_t out = kOut, std::uint64_t in = kIn) {
    const std::uint32_t header[] = {type, 0, static_cast<std::uint32_t>(sector),
                                    static_cast<std::uint32_t>(sector >> 32)};
    std::memcpy(memory.host({out}, 16), header, 16);
    const DriverBuffer buffer{
        {port.shift + out}, {port.shift + in}, 16 + out_bytes, in_bytes + 1, 1};
    ASSERT_EQ(driver->add(std::span(&buffer, 1)), 1u);
    driver->publish();
  }
  // The status, or -1 when the request came back without one.
  int request(std::uint32_t type, std::uint64_t sector, std::uint32_t out_bytes,
              std::uint32_t in_bytes) {
    std::byte& status = *memory.host({kIn + in_bytes}, 1);
    status = kUntouched;
    queue(type, sector, out_bytes, in_bytes);
    device.poll(8);
    UsedBuffer used{};
    EXPECT_EQ(driver->pop_used(std::span(&used, 1)), 1u);
    used_bytes = used.bytes;
    return status == kUntouched ? -1 : std::to_integer<int>(status);
  }
  std::byte* out(std::size_t at = 0) { return memory.host({kOut + 16 + at}, 1); }
  std::byte* in(std::size_t at = 0) { return memory.host({kIn + at}, 1); }

  static constexpr std::byte kUntouched{0xee};

  GuestMemory memory;
  ShiftedPort port{memory};
  std::unique_ptr<Disk> disk = Disk::in_memory(1u << 20).value();
  BlockDevice device{port, *disk, "violet-0"};
  std::unique_ptr<DriverQueue> driver;
  int interrupts = 0;
  std::uint32_t used_bytes = 0;
};

TEST_F(BlockDeviceTest, ReadsBackWhatWasWritten) {
  for (const bool indirect : {false, true}) {
    port.shift = indirect ? 0 : kIova;  // The driver's tables lie where they are.
    open({.indirect = indirect, .event_idx = false});
    std::memset(out(), indirect ? 0x3c : 0x5a, 8192);
    ASSERT_EQ(request(1, 16, 8192, 0), 0);
    EXPECT_EQ(used_bytes, 1u);
    ASSERT_EQ(request(0, 15, 0, 8192), 0);
    EXPECT_EQ(used_bytes, 8193u);
    EXPECT_EQ(*in(511), std::byte{0});
    EXPECT_EQ(std::memcmp(in(512), out(), 8192 - 512), 0);
  }
  EXPECT_EQ(device.counters().bytes.value(), 4u * 8192);
  EXPECT_EQ(device.counters().errors.value(), 0u);
}

TEST_F(BlockDeviceTest, OutsideTheDiskOrNoSectorsIsAnError) {
  EXPECT_EQ(request(1, 2048, 512, 0), 1);
  EXPECT_EQ(request(1, 2047, 1024, 0), 1);
  EXPECT_EQ(request(0, ~std::uint64_t{0}, 0, 512), 1);
  EXPECT_EQ(request(0, 0, 0, 100), 1);
  EXPECT_EQ(request(0, 2047, 0, 512), 0) << "the last sector is there, and the queue went on";
  EXPECT_EQ(device.counters().errors.value(), 4u);
}

TEST_F(BlockDeviceTest, KnowsFlushSerialAndNothingElse) {
  EXPECT_EQ(request(4, 0, 0, 0), 0);
  ASSERT_EQ(request(8, 0, 0, 20), 0);
  EXPECT_STREQ(reinterpret_cast<char*>(in()), "violet-0");
  EXPECT_EQ(used_bytes, 21u);
  EXPECT_EQ(request(11, 0, 0, 0), 2);
}

// VIRTIO 2.7.8.2: of the writable part, as many bytes from the first on were written at least.
TEST_F(BlockDeviceTest, TheUsedLengthClaimsNoByteThatNobodyWrote) {
  std::memset(in(), 0xee, 512);
  EXPECT_EQ(request(0, 4096, 0, 512), 1) << "outside the disk: the status is behind a gap";
  EXPECT_EQ(*in(), kUntouched);
  EXPECT_EQ(used_bytes, 0u);
  EXPECT_EQ(request(8, 0, 0, 40), 0) << "a serial number of 20 bytes in front of a gap";
  EXPECT_EQ(used_bytes, 20u);
  EXPECT_EQ(request(11, 0, 0, 512), 2);
  EXPECT_EQ(used_bytes, 0u);
  EXPECT_EQ(request(11, 0, 0, 0), 2);
  EXPECT_EQ(used_bytes, 1u);
}

TEST_F(BlockDeviceTest, AFaultOnDataIsAnErrorAndNothingMoves) {
  port.faulting = {(kIn >> 12) + 1};
  *memory.host({kIn + 4096}, 1) = std::byte{0x77};
  EXPECT_EQ(request(0, 0, 0, 512), 0);
  queue(0, 0, 0, 4096, kOut, kIn + 8192 - 4096 - 512);
  device.poll(1);
  UsedBuffer used{};
  ASSERT_EQ(driver->pop_used(std::span(&used, 1)), 1u);
  EXPECT_EQ(used.bytes, 0u) << "the status lies on the page that faults";
  EXPECT_EQ(*memory.host({kIn + 4096}, 1), std::byte{0x77});
  EXPECT_FALSE(device.broken());
  port.faulting = {kOut >> 12};
  EXPECT_EQ(request(1, 0, 512, 0), 1) << "the header faults";
}

TEST_F(BlockDeviceTest, APollEndsBeforeOthersWaitLong) {
  constexpr std::uint32_t kHalf = BlockDevice::kPollBytes / 2;
  for (int i = 0; i < 4; ++i) queue(1, 0, kHalf, 0);
  EXPECT_EQ(device.poll(8), 2u);
  EXPECT_EQ(device.poll(8), 2u);
  for (int i = 0; i < 3; ++i) queue(4, 0, 0, 0);
  EXPECT_EQ(device.poll(8), 1u) << "a flush may take long";
}

TEST_F(BlockDeviceTest, ARingThatFaultsNeedsAReset) {
  port.faulting = {kRing >> 12};
  EXPECT_EQ(device.poll(8), 0u);
  EXPECT_TRUE(device.broken());
  port.faulting.clear();
  queue(4, 0, 0, 0);
  EXPECT_EQ(device.poll(8), 0u) << "broken until it is reset";
  open({});
  EXPECT_EQ(request(4, 0, 0, 0), 0);
}

TEST_F(BlockDeviceTest, HostileRingsBreakTheQueueOrCostOneChain) {
  const auto layout = QueueLayout::at(RingFormat::kSplit, 64, {kRing});
  const auto put16 = [&](std::uint64_t at, std::uint16_t value) {
    std::memcpy(memory.host({at}, 2), &value, 2);
  };
  put16(layout.driver.value + 2, 65);
  EXPECT_EQ(device.poll(8), 0u);
  EXPECT_TRUE(device.broken()) << "the index jumped";

  std::memset(memory.host({kRing}, 0x1000), 0, 0x1000);
  open({});
  put16(layout.driver.value + 4, 64);
  put16(layout.driver.value + 2, 1);
  device.poll(8);
  EXPECT_TRUE(device.broken()) << "there is no such head";

  std::memset(memory.host({kRing}, 0x1000), 0, 0x1000);
  open({});
  put16(layout.descriptors.value + 8, 1);   // A byte,
  put16(layout.descriptors.value + 12, 1);  // with a next one: itself.
  put16(layout.driver.value + 2, 1);
  device.poll(8);
  EXPECT_TRUE(device.broken()) << "a loop";

  std::memset(memory.host({kRing}, 0x1000), 0, 0x1000);
  open({});
  put16(layout.driver.value + 2, 1);
  device.poll(8);
  EXPECT_FALSE(device.broken()) << "no bytes: one chain";
  std::uint16_t used = 0;
  std::memcpy(&used, memory.host({layout.device.value + 2}, 2), 2);
  EXPECT_EQ(used, 1u);
}

TEST_F(BlockDeviceTest, InterruptsOnlyWhoWantsIt) {
  EXPECT_FALSE(driver->needs_kick());
  EXPECT_EQ(request(4, 0, 0, 0), 0);
  EXPECT_EQ(interrupts, 1);
  driver->suppress_interrupts();
  EXPECT_EQ(request(4, 0, 0, 0), 0);
  EXPECT_EQ(interrupts, 1);
}

TEST_F(BlockDeviceTest, WantsADriverThatKnowsOfTheIommu) {
  EXPECT_FALSE(device.accept(feature::kVersion1));
  EXPECT_TRUE(device.accept(feature::kVersion1 | feature::kAccessPlatform));
  std::uint64_t sectors = 0;
  device.read_config(0, std::as_writable_bytes(std::span(&sectors, 1)));
  EXPECT_EQ(sectors, 2048u);
}

TEST(Disk, KeepsAFile) {
  const auto path =
      std::filesystem::temp_directory_path() / ("violet-disk-" + std::to_string(::getpid()));
  {
    const FileDescriptor file(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_EQ(::ftruncate(file.get(), 1024), 0);
    auto disk = Disk::of_file(path).value();
    ASSERT_EQ(disk->sectors(), 2u);
    disk->bytes()[1023] = std::byte{9};
    EXPECT_TRUE(disk->flush());
    std::uint8_t last = 0;
    ASSERT_EQ(::pread(file.get(), &last, 1, 1023), 1);
    EXPECT_EQ(last, 9u);
    ASSERT_EQ(::ftruncate(file.get(), 1000), 0);
  }
  EXPECT_FALSE(Disk::of_file(path)) << "no number of sectors";
  std::filesystem::remove(path);
  EXPECT_FALSE(Disk::of_file(path));
  EXPECT_FALSE(Disk::in_memory(100));
}

}  // namespace
}  // namespace violet::virtio
