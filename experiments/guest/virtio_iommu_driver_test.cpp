#include "experiments/guest/virtio_iommu_driver.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "experiments/guest/mock_guest.hpp"

namespace violet::virtio_iommu_driver_test {
namespace {

using protocol::Type;
using Reply = protocol::Status;

constexpr DomainId kDomain{1};
constexpr EndpointId kEndpoint{0};

struct Ring {
  RingFormat format;
  RingFeatures features;
};

class Driver : public testing::TestWithParam<Ring> {
 protected:
  MockGuestOptions options() const {
    MockGuestOptions options;
    options.format = GetParam().format;
    options.features = GetParam().features;
    return options;
  }
  static IovaRange page(std::uint64_t n) { return IovaRange::of(n << 12, 4096); }
};

TEST_P(Driver, AddingIsVisibleWithoutAKick) {
  auto o = options();
  o.device.poll_by_itself = false;
  MockGuest guest(o);
  ASSERT_TRUE(guest.driver->add_unmap(kDomain, page(1)));
  EXPECT_EQ(guest.counters.kicks, 0u);
  EXPECT_EQ(guest.device.poll(), 1u);  // A polling device executes it at once.
  EXPECT_EQ(guest.driver->in_flight(), 1u);
}

TEST_P(Driver, SyncKicksOnceAndWaitsForEverything) {
  MockGuest guest(options());
  ASSERT_TRUE(guest.driver->attach(kDomain, kEndpoint, false));
  const auto kicks = guest.counters.kicks;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(guest.driver->add_map(kDomain, {page(i), {i << 12}, Permissions::kRead}));
  }
  EXPECT_EQ(guest.counters.kicks, kicks);
  ASSERT_TRUE(guest.driver->sync());
  EXPECT_EQ(guest.counters.kicks, kicks + 1);
  EXPECT_EQ(guest.driver->in_flight(), 0u);
  EXPECT_EQ(guest.device.mappings(kDomain), 5u);
  EXPECT_EQ(guest.counters.map_requests, 5u);
}

// Against a reference that looks at all that is out, while one request waits for a thousand others.
TEST_P(Driver, AnsweredIsRightInWhateverOrderAnswersCome) {
  auto o = options();
  o.device.poll_by_itself = false;
  MockGuest guest(o);
  VirtioIommuDriver& driver = *guest.driver;
  std::mt19937 random(7);
  std::map<std::uint64_t, std::uint32_t> out;  // Tokens by the number of the request.
  const auto expected = [&] { return out.empty() ? driver.added() : out.begin()->first - 1; };
  const auto answer = [&](std::map<std::uint64_t, std::uint32_t>::iterator request) {
    const Completion completion{request->second, 4, 0, 0};
    guest.device_queue->complete({&completion, 1});
    out.erase(request);
    driver.reap();
    ASSERT_EQ(driver.answered(), expected());
  };
  EXPECT_EQ(driver.answered(), 0u);
  for (int round = 0; round < 1000; ++round) {
    for (std::size_t n = random() % 8; n > 0 && out.size() < 32; --n) {
      ASSERT_TRUE(driver.add_unmap(kDomain, page(1)));
      Request request;
      ASSERT_EQ(guest.device_queue->pop({&request, 1}), 1u);
      out[driver.added()] = request.token;
      ASSERT_EQ(driver.answered(), expected());
    }
    for (std::size_t n = random() % 8; n > 0 && out.size() > 1; --n) {
      const std::size_t spared = round < 500 ? 1 : 0;  // The first one.
      const auto at = spared + random() % (out.size() - spared);
      answer(std::next(out.begin(), static_cast<std::ptrdiff_t>(at)));
    }
    ASSERT_TRUE(round != 499 || driver.answered() == 0);
  }
  EXPECT_GT(driver.answered(), 1000u);
  while (!out.empty()) answer(std::prev(out.end()));
  EXPECT_EQ(driver.answered(), driver.added());
  EXPECT_EQ(driver.in_flight(), 0u);
}

TEST_P(Driver, SuppressedKicksAreCountedAndNotSent) {
  auto o = options();
  o.device.suppress_kicks = true;
  MockGuest guest(o);
  ASSERT_TRUE(guest.driver->attach(kDomain, kEndpoint, false));
  EXPECT_EQ(guest.counters.kicks, 0u);
  EXPECT_GE(guest.counters.kicks_suppressed, 1u);
  EXPECT_EQ(guest.device.kicks(), 0u);
}

TEST_P(Driver, FullRingSyncsOnTheSpot) {
  auto o = options();
  o.ring_size = 16;
  MockGuest guest(o);
  ASSERT_TRUE(guest.driver->attach(kDomain, kEndpoint, false));
  const std::size_t capacity = guest.driver_queue->capacity();
  EXPECT_EQ(capacity, o.features.indirect ? 16u : 8u);
  const auto syncs = guest.counters.syncs;
  for (std::uint64_t i = 1; i <= 2 * capacity + 1; ++i) {
    ASSERT_TRUE(guest.driver->add_map(kDomain, {page(i), {i << 12}, Permissions::kRead}));
  }
  EXPECT_EQ(guest.counters.syncs, syncs + 2);
  EXPECT_EQ(guest.driver->stats().ring_full, 2u);
  EXPECT_EQ(guest.driver->in_flight(), 1u);
  ASSERT_TRUE(guest.driver->sync());
  EXPECT_EQ(guest.device.mappings(kDomain), 2 * capacity + 1);
  EXPECT_EQ(guest.driver->stats().most_in_flight, capacity);
}

TEST_P(Driver, SynchronousRequestsReturnTheirStatus) {
  MockGuest guest(options());
  const auto attached = guest.driver->attach(kDomain, EndpointId{77}, false);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().message, "the device refused ATTACH of endpoint 77: NOENT");
  EXPECT_FALSE(guest.driver->detach(kDomain, kEndpoint));
  EXPECT_FALSE(guest.driver->probe(EndpointId{77}));
  EXPECT_EQ(guest.counters.failed_requests, 3u);
}

TEST_P(Driver, AFailedSynchronousRequestDoesNotHideOthers) {
  MockGuest guest(options());
  ASSERT_TRUE(guest.driver->attach(kDomain, kEndpoint, false));
  guest.device.fail_next(Type::kMap, Reply::kNoMem);
  guest.driver->add_map(kDomain, {page(3), {0}, Permissions::kRead});
  ASSERT_TRUE(guest.driver->attach(kDomain, EndpointId{1}, false));
  EXPECT_EQ(guest.driver->stats().failures_by_status[std::size_t(Reply::kNoMem)], 1u);
  EXPECT_EQ(to_text(*guest.driver->last_failure()), "MAP of domain 1, 0x3000-0x3fff: NOMEM");
}

TEST_P(Driver, R7_UsedLengthZeroIsAFailure) {
  MockGuest guest(options());
  guest.device.answer_nothing_next();
  EXPECT_FALSE(guest.driver->attach(kDomain, kEndpoint, false));
  guest.device.answer_nothing_next();
  guest.driver->add_unmap(kDomain, page(1));
  ASSERT_TRUE(guest.driver->sync());
  EXPECT_EQ(guest.driver->stats().failures_by_status[std::size_t(Reply::kIoErr)], 1u);
  EXPECT_EQ(guest.driver->last_failure()->type, Type::kUnmap);
}

TEST_P(Driver, ProbeReturnsTheReservedRegions) {
  auto o = options();
  o.device.reserved = {{IovaRange::of(0xfee00000, 0x100000), protocol::RegionKind::kMsi},
                       {IovaRange::of(0x1000, 0x1000), protocol::RegionKind::kReserved}};
  MockGuest guest(o);
  const auto properties = guest.driver->probe(kEndpoint);
  ASSERT_TRUE(properties);
  EXPECT_EQ(properties->regions, o.device.reserved);
}

TEST_P(Driver, WithoutProbeThereAreNoRegionsAndNoRequest) {
  auto o = options();
  o.device.features &= ~protocol::feature_bit(protocol::kProbe);
  MockGuest guest(o);
  EXPECT_TRUE(guest.driver->probe(kEndpoint)->regions.empty());
  EXPECT_EQ(guest.counters.other_requests, 0u);
}

TEST_P(Driver, GlobalBypassIsWrittenAndReadBack) {
  MockGuest guest(options());
  ASSERT_TRUE(guest.driver->set_global_bypass(true));
  EXPECT_EQ(guest.device.translate(kEndpoint, {0x5000}, Access::kWrite), GuestPhys{0x5000});
  ASSERT_TRUE(guest.driver->set_global_bypass(false));
  EXPECT_FALSE(guest.device.translate(kEndpoint, {0x5000}, Access::kWrite));
}

TEST_P(Driver, ADeviceThatNeverAnswersIsNamedAndNotWaitedFor) {
  MockGuest guest(options());
  ASSERT_TRUE(guest.driver->attach(kDomain, kEndpoint, false));
  guest.device.stop();
  ASSERT_TRUE(guest.driver->add_map(kDomain, {page(9), {0}, Permissions::kRead}));
  ASSERT_TRUE(guest.driver->add_unmap(kDomain, page(8)));
  EXPECT_FALSE(guest.driver->sync());
  ASSERT_FALSE(guest.driver->health());
  const std::string why = guest.driver->health().error().message;
  EXPECT_NE(why.find("MAP of domain 1, 0x9000-0x9fff (request number 2 of 3), 2 of "),
            std::string::npos)
      << why;
  // Broken for good: refuses everything without waiting.
  EXPECT_FALSE(guest.driver->add_map(kDomain, {page(9), {0}, Permissions::kRead}));
  EXPECT_FALSE(guest.driver->sync());
  EXPECT_FALSE(guest.driver->attach(kDomain, kEndpoint, false));
  EXPECT_FALSE(guest.driver->probe(kEndpoint));
}

TEST_P(Driver, WhileSpinningTheLcoreDoesOtherWork) {
  // The mock device polls only from the spin hook here, so nothing comes back without it.
  auto o = options();
  o.device.suppress_kicks = true;
  MockGuest guest(o);
  EXPECT_TRUE(guest.driver->attach(kDomain, kEndpoint, false));
  EXPECT_GT(guest.driver->stats().spin_ticks, 0u);
}

TEST(DriverSetUp, DeviceWithoutMapUnmapIsRefused) {
  MockGuest guest(MockGuestOptions{});
  MockDevice::Options other;
  other.features = protocol::feature_bit(protocol::kProbe);
  MockDevice device(other);
  const auto driver = VirtioIommuDriver::create({.pages = *guest.pages,
                                                 .queue = *guest.driver_queue,
                                                 .transport = device,
                                                 .doorbell = device,
                                                 .counters = guest.counters});
  ASSERT_FALSE(driver);
  EXPECT_NE(driver.error().message.find("MAP_UNMAP"), std::string::npos);
}

TEST(DriverSetUp, RangesNotNegotiatedAreTheWholeSpace) {
  MockGuestOptions options;
  options.device.features = protocol::feature_bit(protocol::kMapUnmap);
  options.device.input_range = IovaRange::of(0x10000, 0x10000);
  MockGuest guest(options);
  EXPECT_EQ(guest.driver->facts().input_range, IovaRange::all());
  EXPECT_EQ(guest.driver->facts().first_domain.value, 0u);
}

std::string ring_name(const testing::TestParamInfo<Ring>& info) {
  std::string name = info.param.format == RingFormat::kSplit ? "Split" : "Packed";
  if (info.param.features.indirect) name += "Indirect";
  if (info.param.features.event_idx) name += "EventIdx";
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Rings, Driver,
    testing::Values(Ring{RingFormat::kSplit, {}},
                    Ring{RingFormat::kSplit, {.indirect = true, .event_idx = true}},
                    Ring{RingFormat::kPacked, {}},
                    Ring{RingFormat::kPacked, {.indirect = true, .event_idx = true}}),
    ring_name);

}  // namespace
}  // namespace violet::virtio_iommu_driver_test
