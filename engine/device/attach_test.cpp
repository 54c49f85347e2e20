// ATTACH and DETACH: D12 to D23.
#include <gtest/gtest.h>

#include <vector>

#include "engine/device/all_pairs_testing.hpp"

namespace violet {
namespace {

using protocol::kAttachBypass;
using protocol::Status;

class Attach : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, Attach, testing::ValuesIn(all_pairs()), pair_name);
class Detach : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, Detach, testing::ValuesIn(all_pairs()), pair_name);

TEST_P(Attach, D12_NonZeroReservedIsInval) {
  Rig rig;
  for (std::size_t i = 0; i < 4; ++i) {
    auto wire = attach_wire(1, 8);
    wire.reserved[i] = 1;
    EXPECT_EQ(rig.send(wire), Status::kInval);
  }
  EXPECT_EQ(rig.device->domain_count(), 0u);
}

TEST_P(Attach, D13_UnknownFlagIsInval) {
  Rig rig;
  EXPECT_EQ(rig.attach(1, 8, 2), Status::kInval);
  EXPECT_EQ(rig.attach(1, 8, 0x80000000), Status::kInval);
}

TEST_P(Attach, D13_BypassIsAnUnknownFlagWithoutBypassConfig) {
  Rig rig(rig_config(), false);
  rig.device->negotiate(protocol::feature_bit(protocol::kMapUnmap));
  EXPECT_EQ(rig.attach(1, 8, kAttachBypass), Status::kInval);
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
}

TEST_P(Attach, D14_UnknownEndpointIsNoEnt) {
  Rig rig;
  EXPECT_EQ(rig.attach(1, 77), Status::kNoEnt);
  EXPECT_EQ(rig.device->domain_count(), 0u);
}

TEST_P(Attach, D15_SeveralEndpointsShareADomain) {
  Rig rig;
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_EQ(rig.attach(1, 9), Status::kOk);
  rig.map(1, 0, kLast, 0x5000);
  EXPECT_EQ(rig.reaches(8, 0), 0x5000);
  EXPECT_EQ(rig.reaches(9, 0), 0x5000);
}

TEST_P(Attach, D16_BypassFlagMustFitTheExistingDomain) {
  Rig rig;
  rig.attach(1, 8);
  rig.attach(2, 9, kAttachBypass);
  EXPECT_EQ(rig.attach(1, 9, kAttachBypass), Status::kInval);
  EXPECT_EQ(rig.attach(2, 8), Status::kInval);
}

// QEMU detaches first and checks then; here a refusal leaves the endpoint where it was.
TEST_P(Attach, D16_D17_ARefusedAttachLeavesTheEndpointWhereItWas) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  rig.attach(2, 9, kAttachBypass);
  EXPECT_EQ(rig.attach(2, 8), Status::kInval);
  EXPECT_EQ(rig.reaches(8, 0), 0x5000);
}

TEST_P(Attach, D17_AttachedElsewhereIsDetachedFirst) {
  Rig rig;
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

TEST_P(Attach, D17_AReaderInTheOldDomainHoldsTheAnswer) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  const auto endpoint = rig.device->endpoint({8}).value();
  const auto token = rig.requests.push_wire(attach_wire(2, 8));
  {
    const AnyReader::Section section(*rig.reader);
    EXPECT_EQ(rig.reader->translate(endpoint, {0}, Access::kWrite).phys.value, 0x5000u);
    for (int i = 0; i < 10; ++i) rig.device->poll(64);
    EXPECT_FALSE(rig.requests.done(token));
  }
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
}

TEST_P(Attach, D17_TheSameDomainAgainIsOkAndKeepsItsMappings) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0), 0x5000);
}

TEST_P(Attach, D18_RegionsUnderAMappingAreIncompatible) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, kReservedRange.first.value + kPage, kReservedRange.first.value + kPage + kLast, 0);
  EXPECT_EQ(rig.attach(1, 10), Status::kUnsupp);
  rig.unmap(1, 0, ~std::uint64_t{0});
  EXPECT_EQ(rig.attach(1, 10), Status::kOk);
}

// However large the regions are, they are compatible until something is mapped there.
TEST_P(Attach, D18_ALargeRegionIsSearchedToo) {
  DeviceConfig config = rig_config();
  config.endpoints[1].reserved = {
      {{{0x100000000}, {0xfffffffffffff}}, protocol::RegionKind::kReserved}};
  Rig rig(config);
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0);
  rig.map(1, 0x10000000000000, 0x10000000000000 + kLast, 0);
  EXPECT_EQ(rig.attach(1, 9), Status::kOk);
  rig.detach(1, 9);
  rig.map(1, 0x100000000000, 0x100000000000 + kLast, 0);
  EXPECT_EQ(rig.attach(1, 9), Status::kUnsupp);
}

TEST_P(Attach, D18_MappingsBesideTheRegionsAreCompatible) {
  Rig rig;
  rig.attach(1, 8);
  const auto below = kReservedRange.first.value;
  const auto above = kReservedRange.last.value + 1;
  rig.map(1, below - kPage, below - 1, 0);
  rig.map(1, above, above + kLast, 0);
  EXPECT_EQ(rig.attach(1, 10), Status::kOk);
}

TEST_P(Attach, D18_ARegionOfAnotherKindAtTheSamePlaceIsIncompatible) {
  DeviceConfig config = rig_config();
  config.endpoints[1].reserved = {{kMsiRange, protocol::RegionKind::kReserved}};
  Rig rig(config);
  EXPECT_EQ(rig.attach(1, 10), Status::kOk);
  EXPECT_EQ(rig.attach(1, 9), Status::kUnsupp);
}

TEST_P(Attach, D19_WhatIsNotRejectedIsAttached) {
  Rig rig;
  EXPECT_EQ(rig.attach(5, 8), Status::kOk);
  EXPECT_EQ(rig.map(5, 0, kLast, 0x3000), Status::kOk);
  EXPECT_EQ(rig.reaches(8, 0x10), 0x3010);
}

TEST_P(Attach, R9_BeyondTheDomainRangeIsRange) {
  DeviceConfig config = rig_config();
  config.domain_range = {{10}, {20}};
  Rig rig(config);
  EXPECT_EQ(rig.attach(9, 8), Status::kRange);
  EXPECT_EQ(rig.attach(21, 8), Status::kRange);
  EXPECT_EQ(rig.attach(10, 8), Status::kOk);
  EXPECT_EQ(rig.attach(20, 8), Status::kOk);
}

TEST_P(Attach, TooManyDomainsIsNoMemAndTheEndpointStays) {
  DeviceConfig config = rig_config();
  config.limits.domains = 2;
  Rig rig(config);
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

TEST_P(Attach, TagsUsedUpAskForAReset) {
  DeviceConfig config = rig_config();
  config.limits.domain_tags = 3;  // Tags 1 and 2.
  Rig rig(config);
  rig.attach(1, 8);
  rig.attach(2, 9);
  EXPECT_FALSE(rig.device->needs_reset());
  EXPECT_EQ(rig.attach(3, 9), Status::kNoMem);
  EXPECT_TRUE(rig.device->needs_reset());
}

TEST_P(Detach, D20_ReservedIsIgnored) {
  Rig rig;
  rig.attach(1, 8);
  auto wire = detach_wire(1, 8);
  for (auto& byte : wire.reserved) byte = 0xff;
  EXPECT_EQ(rig.send(wire), Status::kOk);
}

TEST_P(Detach, D21_UnknownEndpointIsNoEnt) {
  Rig rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.detach(1, 77), Status::kNoEnt);
}

TEST_P(Detach, D22_NotAttachedThereIsInval) {
  Rig rig;
  rig.attach(1, 8);
  EXPECT_EQ(rig.detach(2, 8), Status::kInval);
  EXPECT_EQ(rig.detach(1, 9), Status::kInval);
  EXPECT_EQ(rig.detach(1, 8), Status::kOk);
  EXPECT_EQ(rig.detach(1, 8), Status::kInval);
}

TEST_P(Detach, D23_NoAccessAfterCompletion) {
  Rig rig;
  rig.attach(1, 8);
  rig.attach(1, 9);
  rig.map(1, 0, kLast, 0x5000);
  EXPECT_TRUE(rig.reaches(8, 0));  // And now it is in the IOTLB.
  EXPECT_EQ(rig.detach(1, 8), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0));
  EXPECT_EQ(rig.reaches(9, 0), 0x5000);
}

TEST_P(Detach, D23_AReaderInTheDomainHoldsTheAnswer) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  const auto endpoint = rig.device->endpoint({8}).value();
  AnyReader::Section section(*rig.reader);
  EXPECT_TRUE(rig.reader->translate(endpoint, {0}, Access::kRead).reaches_memory());
  const auto token = rig.requests.push_wire(detach_wire(1, 8));
  for (int i = 0; i < 10; ++i) rig.device->poll(64);
  EXPECT_FALSE(rig.requests.done(token));
  section.quiescent();
  rig.device->poll(64);
  EXPECT_EQ(rig.requests.status(token), Status::kOk);
}

TEST_P(Detach, TheLastEndpointTakesTheDomainAndItsMappingsAlong) {
  Rig rig;
  rig.attach(1, 8);
  rig.map(1, 0, kLast, 0x5000);
  rig.detach(1, 8);
  EXPECT_EQ(rig.map(1, kPage, kPage + kLast, 0), Status::kNoEnt);
  EXPECT_EQ(rig.attach(1, 8), Status::kOk);
  EXPECT_FALSE(rig.reaches(8, 0));
}

TEST_P(Detach, ADeadDomainsMemoryComesBackSliceBySlice) {
  DeviceConfig config = rig_config();
  config.unmap_slice = 16;
  Rig rig(config);
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
