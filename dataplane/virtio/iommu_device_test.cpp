// The engine behind virtio-pci: a driver finds it, negotiates, maps, and an endpoint reaches what was
// mapped and nothing else; over both ring formats, with the rings above 4 GiB.
#include "dataplane/virtio/iommu_device.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "dataplane/dma/engine_port.hpp"
#include "dataplane/virtio/driver_testing.hpp"
#include "dataplane/virtqueue/driver_queue.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/protocol/wire.hpp"

namespace violet::virtio {
namespace {

constexpr std::uint64_t kRam = 16u << 20;
constexpr std::uint64_t kHigh = 4ull << 30;
constexpr EndpointId kEndpoint{0x28};

Result<std::unique_ptr<Device>> engine_for_test(Quiescence& quiescence) {
  DeviceConfig config;
  config.boot_bypass = true;
  config.endpoints.push_back({kEndpoint, "disk", {}});
  config.iotlb.entries = 256;
  return make_device("radix", "generation-domain", config, quiescence);
}

class Watch final : public PollWatch {
 public:
  void before_poll() override { ++polls; }
  void kicked() override { ++kicks; }
  unsigned polls = 0, kicks = 0;
};

struct Guest {
  explicit Guest(RingFormat ring_format,
                 IommuDevice::Served served = IommuDevice::Served::kByPolling)
      : format(ring_format), device(*engine, true, served) {
    device.set_watch(&watch);
    driver.place_ram({kHigh});
    port = open_port(*engine, kEndpoint, "disk", driver.memory()).value();
    driver.enable_msix(3);
    settle();
  }
  void settle() {
    for (int i = 0; i < 1000 && function.resetting(); ++i) function.poll(64);
    ASSERT_FALSE(function.resetting());
  }
  void bring_up() {
    const std::uint64_t wanted =
        driver.offered() &
        ~(format == RingFormat::kPacked ? std::uint64_t{0} : feature::kRingPacked);
    ASSERT_TRUE(driver.negotiate(wanted));
    for (std::uint16_t i = 0; i < 2; ++i) {
      const auto layout = QueueLayout::at(format, 64, {kHigh + 0x10000 + i * 0x10000ull});
      std::memset(driver.ram(layout.descriptors.value, 0x10000), 0, 0x10000);
      drivers[i] = make_driver_queue(driver.memory(), layout, {{}, false, i == 1}).value();
      ASSERT_TRUE(driver.enable(i, layout));
    }
    driver.go();
    ASSERT_EQ(driver.status(), 15u);
  }
  template <class R>
  int send(R request, protocol::Type type) {
    request.head.type = static_cast<std::uint8_t>(type);
    constexpr std::uint64_t kAt = kHigh + 0x40000;
    std::memcpy(driver.ram(kAt, sizeof(R)), &request, sizeof(R));
    const DriverBuffer buffer{{kAt}, {kAt + sizeof(R)}, sizeof(R), 4, 1};
    EXPECT_EQ(drivers[0]->add(std::span(&buffer, 1)), 1u);
    drivers[0]->publish();
    EXPECT_FALSE(drivers[0]->needs_kick());
    UsedBuffer used{};
    for (int i = 0; i < 1000 && drivers[0]->pop_used(std::span(&used, 1)) == 0; ++i) {
      function.poll(64);
    }
    return used.bytes == 0 ? -1 : std::to_integer<int>(*driver.ram(kAt + sizeof(R), 1));
  }
  int attach() {
    protocol::Attach request{};
    request.domain = 1;
    request.endpoint = kEndpoint.value;
    return send(request, protocol::Type::kAttach);
  }
  int map(std::uint64_t iova, std::uint64_t phys) {
    protocol::Map request{};
    request.domain = 1;
    request.virt_start = iova;
    request.virt_end = iova + 4095;
    request.phys_start = phys;
    request.flags = protocol::kMapRead | protocol::kMapWrite;
    return send(request, protocol::Type::kMap);
  }

  RingFormat format;
  EpochQuiescence quiescence;
  GuestMemory none;
  std::unique_ptr<Device> engine = engine_for_test(quiescence).value();
  Watch watch;
  IommuDevice device;
  SentMessages messages;
  GuestMemory ram;
  VirtioPci function{device, &messages, ram};
  TestDriver driver{function, ram, kRam};
  std::unique_ptr<DmaPort> port;
  std::array<std::unique_ptr<DriverQueue>, 2> drivers;
};

class IommuDeviceTest : public testing::TestWithParam<RingFormat> {};

TEST_P(IommuDeviceTest, TheEndpointReachesWhatWasMapped) {
  Guest guest(GetParam());
  guest.bring_up();
  std::uint64_t page_sizes = 0;
  page_sizes = guest.driver.bar(layout::kDevice, 8);
  EXPECT_EQ(page_sizes, ~std::uint64_t{0xfff});
  EXPECT_TRUE(guest.port->probe({kHigh}, Access::kRead)) << "bypass after boot";
  ASSERT_EQ(guest.attach(), 0);
  EXPECT_FALSE(guest.port->probe({0x5000}, Access::kRead));
  ASSERT_EQ(guest.map(0x5000, kHigh + 0x80000), 0);
  std::uint32_t word = 0x11223344;
  DmaOp op{{0x5ffc}, 4, Access::kWrite, reinterpret_cast<std::byte*>(&word), DmaResult::kOk};
  EXPECT_EQ(guest.port->run(std::span(&op, 1)), 1u);
  EXPECT_EQ(std::memcmp(guest.driver.ram(kHigh + 0x80ffc, 4), &word, 4), 0);
  EXPECT_EQ(guest.function.kicks(), 0u);
}

TEST_P(IommuDeviceTest, ServedByKicksItAnswersWithinThem) {
  Guest guest(GetParam(), IommuDevice::Served::kByKicks);
  guest.bring_up();
  const auto queue = [&](std::uint64_t at, std::uint64_t iova) {
    protocol::Map request{};
    request.head.type = static_cast<std::uint8_t>(protocol::Type::kMap);
    request.domain = 1;
    request.virt_start = iova;
    request.virt_end = iova + 4095;
    request.phys_start = kHigh + 0x80000;
    request.flags = protocol::kMapRead;
    std::memcpy(guest.driver.ram(at, sizeof(request)), &request, sizeof(request));
    const DriverBuffer buffer{{at}, {at + sizeof(request)}, sizeof(request), 4, 1};
    ASSERT_EQ(guest.drivers[0]->add(std::span(&buffer, 1)), 1u);
    guest.drivers[0]->publish();
  };
  protocol::Attach attach{};
  attach.head.type = static_cast<std::uint8_t>(protocol::Type::kAttach);
  attach.domain = 1;
  attach.endpoint = kEndpoint.value;
  constexpr std::uint64_t kAt = kHigh + 0x40000;
  std::memcpy(guest.driver.ram(kAt, sizeof(attach)), &attach, sizeof(attach));
  const DriverBuffer buffer{{kAt}, {kAt + sizeof(attach)}, sizeof(attach), 4, 1};
  ASSERT_EQ(guest.drivers[0]->add(std::span(&buffer, 1)), 1u);
  guest.drivers[0]->publish();
  queue(kAt + 0x100, 0x5000);
  queue(kAt + 0x200, 0x6000);
  EXPECT_TRUE(guest.drivers[0]->needs_kick());
  for (int i = 0; i < 100; ++i) guest.function.poll(64);
  UsedBuffer used[3];
  EXPECT_EQ(guest.drivers[0]->pop_used(used), 0u) << "nobody looks between kicks";
  EXPECT_EQ(guest.watch.polls, 0u);
  guest.driver.set_bar(layout::kNotify, 2, 0);
  EXPECT_EQ(guest.drivers[0]->pop_used(used), 3u) << "and the write has waited for all";
  EXPECT_TRUE(guest.port->probe({0x6000}, Access::kRead));
  EXPECT_EQ(guest.watch.kicks, 1u);
  EXPECT_GE(guest.watch.polls, 1u);
  EXPECT_EQ(guest.function.kicks(), 1u);
}

TEST_P(IommuDeviceTest, ServedByKicksItStillReportsFaults) {
  Guest guest(GetParam(), IommuDevice::Served::kByKicks);
  guest.bring_up();
  const DriverBuffer buffer{{}, {kHigh + 0x50000}, 0, 24, 9};
  ASSERT_EQ(guest.drivers[1]->add(std::span(&buffer, 1)), 1u);
  guest.drivers[1]->publish();
  std::uint32_t word = 0;
  // Attached to nothing, and config.bypass is still on: nothing faults.
  EXPECT_TRUE(guest.port->probe({kHigh}, Access::kRead));
  guest.driver.set_bar(layout::kDevice + 36, 1, 0);
  DmaOp op{{0xdead0000}, 4, Access::kWrite, reinterpret_cast<std::byte*>(&word), DmaResult::kOk};
  EXPECT_EQ(guest.port->run(std::span(&op, 1)), 0u);
  UsedBuffer used{};
  for (int i = 0; i < 100; ++i) guest.function.poll(64);
  EXPECT_EQ(guest.drivers[1]->pop_used(std::span(&used, 1)), 1u);
}

TEST_P(IommuDeviceTest, AFaultInterruptsTheDriver) {
  Guest guest(GetParam());
  guest.bring_up();
  ASSERT_EQ(guest.attach(), 0);
  const DriverBuffer buffer{{}, {kHigh + 0x50000}, 0, 24, 9};
  ASSERT_EQ(guest.drivers[1]->add(std::span(&buffer, 1)), 1u);
  guest.drivers[1]->publish();
  std::uint32_t word = 0;
  DmaOp op{{0xdead0000}, 4, Access::kWrite, reinterpret_cast<std::byte*>(&word), DmaResult::kOk};
  EXPECT_EQ(guest.port->run(std::span(&op, 1)), 0u);
  guest.messages.sent.clear();
  guest.function.poll(64);
  ASSERT_EQ(guest.messages.sent.size(), 1u);
  EXPECT_EQ(guest.messages.sent[0].data, 0x42u) << "the event queue's vector";
  protocol::Fault fault{};
  std::memcpy(&fault, guest.driver.ram(kHigh + 0x50000, sizeof(fault)), sizeof(fault));
  EXPECT_EQ(fault.address, 0xdead0000u);
  EXPECT_EQ(fault.endpoint, kEndpoint.value);
}

TEST_P(IommuDeviceTest, AResetForgetsEverythingAndTheDriverComesBack) {
  Guest guest(GetParam());
  for (int life = 0; life < 3; ++life) {
    guest.bring_up();
    ASSERT_EQ(guest.attach(), 0);
    ASSERT_EQ(guest.map(0x5000, kHigh), 0) << "nothing is mapped there any more";
    guest.driver.set_status(0);
    guest.settle();
    EXPECT_EQ(guest.driver.status(), 0u);
  }
  guest.function.reset();
  guest.settle();
  guest.driver.switch_on();
  EXPECT_TRUE(guest.port->probe({kHigh}, Access::kRead)) << "firmware may go through again";
}

INSTANTIATE_TEST_SUITE_P(Rings, IommuDeviceTest,
                         testing::Values(RingFormat::kSplit, RingFormat::kPacked),
                         [](const auto& format) {
                           return format.param == RingFormat::kSplit ? "split" : "packed";
                         });

}  // namespace
}  // namespace violet::virtio
