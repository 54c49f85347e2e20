// ATTACH and DETACH: D12 to D23.
#include <gtest/gtest.h>

#include <vector>

#include "engine/device/typed_rigs.hpp"

namespace violet {
namespace {

using protocol::kAttachBypass;
using protocol::Status;

constexpr std::uint64_t kLast = kPage - 1;

template <class R>
class Attach : public testing::Test {};
TYPED_TEST_SUITE(Attach, TestedRigs);
template <class R>
class Detach : public testing::Test {};
TYPED_TEST_SUITE(Detach, TestedRigs);

TYPED_TEST(Attach, D12_NonZeroReservedIsInval) {
  TypeParam rig;
  for (std::size_t i = 0; i < 4; ++i) {
    auto wire = attach_wire(1, 8);
    wire.reserved[i] = 1;
    EXPECT_EQ(rig.send(wire), Status::kInval);
  }
  EXPECT_EQ(rig.device->domain_count(), 0u);
}

TYPED_TEST(Attach, D13_UnknownFlagIsInval) {
  TypeParam rig;
  EXPECT_EQ(rig.attach(1, 8, 2), Status::kInval);
  EXPECT_EQ(rig.attach(1, 8, 0x80000000), Status::kInval);
}

TYPED_TEST(Attach, D13_BypassIsAnUnknownFlagWithoutBypassConfig) {
  TypeParam rig(rig_config(), false);
  rig.device->negotiate(protocol::feature_bit(protocol::kMapUnmap));
  EXPECT_EQ(rig.attach(1, 8, kAttachBypass), Status::kInval);
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
}

TYPED_TEST(Attach, D14_UnknownEndpointIsNoEnt) {
  TypeParam rig;
  EXPECT_EQ(rig.attach(1, 77), Status::kNoEnt);
  EXPECT_EQ(rig.device->domain_count(), 0u);
}

TYPED_TEST(Attach, D15_SeveralEndpointsShareADomain) {
  TypeParam rig;
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_EQ(rig.attach(1, 9), Status::kOk);
  rig.map(1, 0, kLast, 0x5000);
  EXPECT_EQ(rig.reaches(8, 0), 0x5000);
  EXPECT_EQ(rig.reaches(9, 0), 0x5000);
}

TYPED_TEST(Attach, D16_BypassFlagMustFitTheExistingDomain) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.attach(2, 9, kAttachBypass);
  EXPECT_EQ(rig.attach(1, 9, kAttachBypass), Status::kInval);
  EXPECT_EQ(rig.attach(2, 8), Status::kInval);
}

// QEMU detaches first and checks then; here a refusal leaves the endpoint where it was.
TYPED_TEST(Attach, D16_D17_ARefusedAttachLeavesTheEndpointWhereItWas) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  rig.attach(2, 9, kAttachBypass);
  EXPECT_EQ(rig.attach(2, 8), Status::kInval);
  EXPECT_EQ(rig.reaches(8, 0), 0x5000);
}

TYPED_TEST(Attach, D17_AttachedElsewhereIsDetachedFirst) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  EXPECT_EQ(rig.attach(2, 8), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0));
  rig.map(2, 0, kLast, 0x6000);
  EXPECT_EQ(rig.reaches(8, 0), 0x6000);
  // Its last endpoint took domain 1 with it.
  EXPECT_EQ(rig.map(1, 0, kLast, 0), Status::kNoEnt);
  EXPECT_EQ(rig.device->domain_count(), 1u);
}

TYPED_TEST(Attach, D17_AReaderInTheOldDomainHoldsTheAnswer) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  const auto endpoint = rig.device->endpoint({8}).value();
  const auto token = rig.requests.push_wire(attach_wire(2, 8));
  {
    const typename TypeParam::Section section(*rig.device, *rig.reader);
    EXPECT_EQ(rig.device->translate(*rig.reader, endpoint, {0}, Access::kWrite).phys.value,
              0x5000u);
    for (int i = 0; i < 10; ++i) rig.device->poll(64);
    EXPECT_FALSE(rig.requests.done(token));
  }
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
}

TYPED_TEST(Attach, D17_TheSameDomainAgainIsOkAndKeepsItsMappings) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0), 0x5000);
}

TYPED_TEST(Attach, D18_RegionsUnderAMappingAreIncompatible) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.map(1, kReservedRange.first.value + kPage, kReservedRange.first.value + kPage + kLast, 0);
  EXPECT_EQ(rig.attach(1, 10), Status::kUnsupp);
  rig.unmap(1, 0, ~std::uint64_t{0});
  EXPECT_EQ(rig.attach(1, 10), Status::kOk);
}

// However large the regions are, they are compatible until something is mapped there.
TYPED_TEST(Attach, D18_ALargeRegionIsSearchedToo) {
  DeviceConfig config = rig_config();
  config.endpoints[1].reserved = {
      {{{0x100000000}, {0xfffffffffffff}}, protocol::RegionKind::kReserved}};
  TypeParam rig(config);
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0);
  rig.map(1, 0x10000000000000, 0x10000000000000 + kLast, 0);
  EXPECT_EQ(rig.attach(1, 9), Status::kOk);
  rig.detach(1, 9);
  rig.map(1, 0x100000000000, 0x100000000000 + kLast, 0);
  EXPECT_EQ(rig.attach(1, 9), Status::kUnsupp);
}

TYPED_TEST(Attach, D18_MappingsBesideTheRegionsAreCompatible) {
  TypeParam rig;
  rig.attach(1, 8);
  const auto below = kReservedRange.first.value;
  const auto above = kReservedRange.last.value + 1;
  rig.map(1, below - kPage, below - 1, 0);
  rig.map(1, above, above + kLast, 0);
  EXPECT_EQ(rig.attach(1, 10), Status::kOk);
}

TYPED_TEST(Attach, D18_ARegionOfAnotherKindAtTheSamePlaceIsIncompatible) {
  DeviceConfig config = rig_config();
  config.endpoints[1].reserved = {{kMsiRange, protocol::RegionKind::kReserved}};
  TypeParam rig(config);
  EXPECT_EQ(rig.attach(1, 10), Status::kOk);
  EXPECT_EQ(rig.attach(1, 9), Status::kUnsupp);
}

TYPED_TEST(Attach, D19_WhatIsNotRejectedIsAttached) {
  TypeParam rig;
  EXPECT_EQ(rig.attach(5, 8), Status::kOk);
  EXPECT_EQ(rig.map(5, 0, kLast, 0x3000), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0x10), 0x3010);
}

TYPED_TEST(Attach, R9_BeyondTheDomainRangeIsRange) {
  DeviceConfig config = rig_config();
  config.domain_range = {{10}, {20}};
  TypeParam rig(config);
  EXPECT_EQ(rig.attach(9, 8), Status::kRange);
  EXPECT_EQ(rig.attach(21, 8), Status::kRange);
  EXPECT_EQ(rig.attach(10, 8), Status::kOk);
  EXPECT_EQ(rig.attach(20, 8), Status::kOk);
}

TYPED_TEST(Attach, TooManyDomainsIsNoMemAndTheEndpointStays) {
  DeviceConfig config = rig_config();
  config.limits.domains = 2;
  TypeParam rig(config);
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_EQ(rig.attach(2, 9), Status::kOk);
  rig.map(2, 0, kLast, 0x5000);
  EXPECT_EQ(rig.attach(3, 10), Status::kNoMem);
  // The last endpoint of a domain may move on: its domain makes room.
  EXPECT_EQ(rig.attach(3, 9), Status::kOk);
  EXPECT_EQ(rig.attach(1, 10), Status::kOk);
  EXPECT_EQ(rig.attach(4, 10), Status::kNoMem);
  rig.map(1, 0, kLast, 0x7000);
  EXPECT_EQ(rig.reaches(10, 0), 0x7000);
}

TYPED_TEST(Attach, TagsUsedUpAskForAReset) {
  DeviceConfig config = rig_config();
  config.limits.domain_tags = 3;  // Tags 1 and 2.
  TypeParam rig(config);
  rig.attach(1, 8);
  rig.attach(2, 9);
  EXPECT_FALSE(rig.device->needs_reset());
  EXPECT_EQ(rig.attach(3, 9), Status::kNoMem);
  EXPECT_TRUE(rig.device->needs_reset());
}

TYPED_TEST(Detach, D20_ReservedIsIgnored) {
  TypeParam rig;
  rig.attach(1, 8);
  auto wire = detach_wire(1, 8);
  for (auto& byte : wire.reserved) byte = 0xff;
  EXPECT_EQ(rig.send(wire), Status::kOk);
}

TYPED_TEST(Detach, D21_UnknownEndpointIsNoEnt) {
  TypeParam rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.detach(1, 77), Status::kNoEnt);
}

TYPED_TEST(Detach, D22_NotAttachedThereIsInval) {
  TypeParam rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.detach(2, 8), Status::kInval);
  EXPECT_EQ(rig.detach(1, 9), Status::kInval);
  EXPECT_EQ(rig.detach(1, 8), Status::kOk);
  EXPECT_EQ(rig.detach(1, 8), Status::kInval);
}

TYPED_TEST(Detach, D23_NoAccessAfterCompletion) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.attach(1, 9);
  rig.map(1, 0, kLast, 0x5000);
  EXPECT_TRUE(rig.reaches(8, 0));  // And now it is in the IOTLB.
  EXPECT_EQ(rig.detach(1, 8), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0));
  EXPECT_EQ(rig.reaches(9, 0), 0x5000);
}

TYPED_TEST(Detach, D23_AReaderInTheDomainHoldsTheAnswer) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  const auto endpoint = rig.device->endpoint({8}).value();
  typename TypeParam::Section section(*rig.device, *rig.reader);
  EXPECT_TRUE(rig.device->translate(*rig.reader, endpoint, {0}, Access::kRead).reaches_memory());
  const auto token = rig.requests.push_wire(detach_wire(1, 8));
  for (int i = 0; i < 10; ++i) rig.device->poll(64);
  EXPECT_FALSE(rig.requests.done(token));
  section.quiescent();
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
}

TYPED_TEST(Detach, TheLastEndpointTakesTheDomainAndItsMappingsAlong) {
  TypeParam rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  rig.detach(1, 8);
  EXPECT_EQ(rig.map(1, kPage, kPage + kLast, 0), Status::kNoEnt);
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0));
}

TYPED_TEST(Detach, ADeadDomainsMemoryComesBackSliceBySlice) {
  DeviceConfig config = rig_config();
  config.unmap_slice = 16;
  TypeParam rig(config);
  rig.attach(1, 9);
  rig.map(1, 0, kLast, 0);
  rig.poll_until_idle();
  const auto before = rig.device->memory_used();
  rig.attach(2, 8);
  for (std::uint64_t page = 0; page < 500; ++page) {
    rig.map(2, page * kPage, page * kPage + kLast, page * kPage);
  }
  const auto full = rig.device->memory_used();
  EXPECT_GT(full, before);
  const auto token = rig.requests.push_wire(detach_wire(2, 8));
  rig.device->poll(64);
  ASSERT_TRUE(rig.requests.done(token));
  EXPECT_TRUE(rig.device->wants_poll());  // The driver does not wait for the dismantling.
  rig.poll_until_idle();
  EXPECT_EQ(rig.device->memory_used(), before);
  EXPECT_EQ(rig.device->counters().domains_freed.value(), 1u);
}

}  // namespace
}  // namespace violet
