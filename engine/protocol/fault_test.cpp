#include "engine/protocol/fault.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace violet::protocol {
namespace {

constexpr FaultReport kReport{{0x123456789abc}, {42}, Access::kWrite, FaultReason::kMapping};

Fault wire_of(const FaultReport& report) { return std::bit_cast<Fault>(encode_fault(report)); }

TEST(FaultRecord, D48_ReservedFieldsAreZero) {
  const Fault wire = wire_of(kReport);
  for (const auto byte : wire.reserved) EXPECT_EQ(byte, 0);
  EXPECT_EQ(wire.reserved1, 0u);
}

TEST(FaultRecord, D49_OnlyDefinedFlagsAreSet) {
  for (const auto access : {Access::kRead, Access::kWrite}) {
    FaultReport report = kReport;
    report.access = access;
    const std::uint32_t direction = access == Access::kRead ? kFaultRead : kFaultWrite;
    EXPECT_EQ(wire_of(report).flags, direction | kFaultAddress);
  }
}

TEST(FaultRecord, D51_TheAddressIsThereAndFlagged) {
  const auto parsed = parse_fault(encode_fault(kReport));
  ASSERT_TRUE(parsed && parsed->address);
  EXPECT_EQ(*parsed->address, kReport.address);
  EXPECT_EQ(parsed->endpoint, EndpointId{42});
  EXPECT_EQ(parsed->reason, FaultReason::kMapping);
  EXPECT_TRUE(parsed->write);
  EXPECT_FALSE(parsed->read);
}

TEST(FaultRecord, R33_NonZeroReservedIsIgnoredWhole) {
  auto record = encode_fault(kReport);
  record[2] = std::byte{1};
  EXPECT_FALSE(parse_fault(record));
}

TEST(FaultRecord, R34_R35_Reserved1AndUndefinedFlagsAreIgnored) {
  auto record = encode_fault(kReport);
  record[7] = std::byte{0xff};   // Flags 24 to 31.
  record[12] = std::byte{0xff};  // reserved1.
  const auto parsed = parse_fault(record);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->address, kReport.address);
}

TEST(FaultRecord, R36_AnUnknownReasonIsUnknown) {
  auto record = encode_fault(kReport);
  record[0] = std::byte{3};
  EXPECT_EQ(parse_fault(record)->reason, FaultReason::kUnknown);
}

TEST(FaultRecord, AShortRecordIsNone) {
  const auto record = encode_fault(kReport);
  EXPECT_FALSE(parse_fault(std::span(record).first(23)));
}

}  // namespace
}  // namespace violet::protocol
