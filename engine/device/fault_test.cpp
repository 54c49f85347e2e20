// Faults on their way from a reader to the driver: D48 to D52.
#include <gtest/gtest.h>

#include "engine/device/test_rig.hpp"

namespace violet::fault_test {
namespace {

using protocol::FaultReason;

std::optional<protocol::ParsedFault> last_fault(const Rig& rig) {
  if (rig.events.records().empty()) return std::nullopt;
  return protocol::parse_fault(rig.events.records().back());
}

TEST(Faults, D48_D49_D50_D51_ARecordIsWhatHappened) {
  Rig rig;
  for (int i = 0; i < 4; ++i) rig.events.add_buffer(24);
  rig.translate(9, 0x1234, Access::kRead);
  rig.device->poll(1);
  auto fault = last_fault(rig);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->reason, FaultReason::kDomain);
  EXPECT_EQ(fault->endpoint, EndpointId{9});
  EXPECT_EQ(fault->address, Iova{0x1234});
  EXPECT_TRUE(fault->read && !fault->write);

  rig.attach(1, 8);
  rig.translate(8, 0x5678, Access::kWrite);
  rig.device->poll(1);
  fault = last_fault(rig);
  EXPECT_EQ(fault->reason, FaultReason::kMapping);
  EXPECT_EQ(fault->endpoint, EndpointId{8});
  EXPECT_TRUE(fault->write && !fault->read);

  rig.map(1, 0, kPage - 1, 0, protocol::kMapRead);
  rig.translate(8, 8, Access::kWrite);  // The wrong permission.
  rig.device->poll(1);
  EXPECT_EQ(last_fault(rig)->reason, FaultReason::kMapping);
  EXPECT_EQ(rig.device->counters().faults_posted.value(), 3u);
  EXPECT_EQ(rig.device->faults_reported(), 3u);
}

TEST(Faults, D52_ATooSmallBufferIsCountedAndTheOthersServe) {
  Rig rig;
  rig.events.add_buffer(23);
  rig.translate(8, 0);
  rig.device->poll(1);
  EXPECT_TRUE(rig.events.records().empty());
  EXPECT_EQ(rig.device->counters().faults_too_small.value(), 1u);
  for (const std::size_t bytes : {16u, 24u, 24u}) rig.events.add_buffer(bytes);
  rig.translate(8, 0);
  rig.device->poll(1);
  rig.translate(8, 0);
  rig.device->poll(1);
  EXPECT_EQ(rig.events.records().size(), 2u);
  EXPECT_EQ(rig.device->counters().faults_too_small.value(), 1u);
  EXPECT_EQ(rig.device->counters().faults_no_buffer.value(), 0u);
}

TEST(Faults, WithoutABufferTheFaultIsDroppedAndCounted) {
  Rig rig;
  rig.translate(8, 0);
  rig.device->poll(1);
  EXPECT_EQ(rig.device->counters().faults_no_buffer.value(), 1u);
  rig.events.add_buffer(24);
  rig.device->poll(1);
  EXPECT_TRUE(rig.events.records().empty());
}

TEST(Faults, AFullRingDropsAtTheReaderAndCounts) {
  DeviceConfig config = rig_config();
  config.fault_ring = 8;
  Rig rig(config);
  for (int i = 0; i < 100; ++i) rig.translate(8, 0);
  EXPECT_EQ(rig.device->faults_dropped(), 92u);
  for (int i = 0; i < 100; ++i) rig.events.add_buffer(24);
  rig.poll_until_idle();
  EXPECT_EQ(rig.events.records().size(), 8u);
}

TEST(Faults, AFloodIsPostedAFewAPollAndEveryReaderGetsItsTurn) {
  Rig rig;
  for (int i = 0; i < 1000; ++i) rig.events.add_buffer(24);
  for (int i = 0; i < 200; ++i) rig.translate(8, 0);
  {
    const AnyReader::Section section(*rig.other_reader);
    rig.other_reader->translate(rig.device->endpoint({9}).value(), {0}, Access::kRead);
  }
  rig.device->poll(1);
  EXPECT_LE(rig.events.records().size(), 64u);
  rig.device->poll(1);
  EXPECT_TRUE(std::any_of(rig.events.records().begin(), rig.events.records().end(), [](auto& r) {
    return protocol::parse_fault(r)->endpoint == EndpointId{9};
  }));
}

TEST(Faults, AskingQuietlyReportsNothing) {
  Rig rig;
  rig.events.add_buffer(24);
  {
    const AnyReader::Section section(*rig.reader);
    const auto result =
        rig.reader->translate_quietly(rig.device->endpoint({8}).value(), {0}, Access::kRead);
    EXPECT_EQ(result.outcome, Outcome::kFault);
  }
  rig.device->poll(1);
  EXPECT_TRUE(rig.events.records().empty());
}

TEST(Faults, ABrokenEventRingNeedsAReset) {
  Rig rig;
  rig.events.break_ring();
  rig.device->poll(1);
  EXPECT_TRUE(rig.device->needs_reset());
  EXPECT_EQ(rig.device->counters().broken_rings.value(), 1u);
}

}  // namespace
}  // namespace violet::fault_test
