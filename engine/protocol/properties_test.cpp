#include "engine/protocol/properties.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <vector>

namespace violet::protocol {
namespace {

constexpr ReservedRegion kReserved{{{0x1000}, {0x1fff}}, RegionKind::kReserved};
constexpr ReservedRegion kMsi{{{0xfee00000}, {0xfeefffff}}, RegionKind::kMsi};

void append(std::vector<std::byte>& list, std::uint16_t type, std::vector<std::uint8_t> value) {
  PropertyHead head;
  head.type = type;
  head.length = static_cast<std::uint16_t>(value.size());
  const auto head_bytes = std::as_bytes(std::span(&head, 1));
  list.insert(list.end(), head_bytes.begin(), head_bytes.end());
  for (const auto byte : value) list.push_back(static_cast<std::byte>(byte));
}

ResvMem wire_at(const std::vector<std::byte>& list, std::size_t at) {
  ResvMem wire;
  std::memcpy(&wire, list.data() + at, sizeof(wire));
  return wire;
}

TEST(Properties, D38_D43_ReservedBitsAreZero) {
  const auto list = build_properties(std::vector{kReserved, kMsi});
  for (const std::size_t at : {0u, 24u}) {
    const ResvMem wire = wire_at(list, at);
    EXPECT_EQ(wire.head.type >> 12, 0);
    for (const auto byte : wire.reserved) EXPECT_EQ(byte, 0);
  }
}

TEST(Properties, D39_LengthIsWithoutTheHeader) {
  const auto list = build_properties(std::vector{kReserved});
  ASSERT_EQ(list.size(), 24u);
  EXPECT_EQ(wire_at(list, 0).head.length, 20);
}

TEST(Properties, D40_TheNextPropertyStartsAtLengthPlusFour) {
  const auto list = build_properties(std::vector{kReserved, kMsi});
  const ResvMem second = wire_at(list, wire_at(list, 0).head.length + 4u);
  EXPECT_EQ(second.head.type, kPropertyResvMem);
  EXPECT_EQ(second.subtype, kResvMemMsi);
  EXPECT_EQ(second.start, kMsi.range.first.value);
  EXPECT_EQ(second.end, kMsi.range.last.value);
}

TEST(Properties, R26_R27_R29_AnUnknownPropertyIsSteppedOverByItsLength) {
  std::vector<std::byte> list;
  append(list, 0x123, {1, 2, 3, 4, 5});
  const auto known = build_properties(std::vector{kMsi});
  list.insert(list.end(), known.begin(), known.end());
  const auto parsed = parse_properties(list);
  EXPECT_EQ(parsed.regions, std::vector{kMsi});
  EXPECT_EQ(parsed.ignored, 1u);
}

TEST(Properties, R28_R29_APropertyWithReservedBitsIsIgnoredAndParsingGoesOn) {
  auto list = build_properties(std::vector{kReserved, kMsi});
  list[1] |= std::byte{0x10};  // Bit 12 of the first type.
  const auto parsed = parse_properties(list);
  EXPECT_EQ(parsed.regions, std::vector{kMsi});
  EXPECT_EQ(parsed.ignored, 1u);
}

TEST(Properties, R31_RegionReservedBytesAreIgnored) {
  auto list = build_properties(std::vector{kReserved});
  list[5] = list[6] = list[7] = std::byte{0xff};
  EXPECT_EQ(parse_properties(list).regions, std::vector{kReserved});
}

TEST(Properties, R32_AnUnknownSubtypeIsAReservedRegion) {
  auto list = build_properties(std::vector{kMsi});
  list[4] = std::byte{77};
  const auto parsed = parse_properties(list);
  ASSERT_EQ(parsed.regions.size(), 1u);
  EXPECT_EQ(parsed.regions[0].kind, RegionKind::kReserved);
}

TEST(Properties, TypeZeroEndsTheList) {
  auto list = build_properties(std::vector{kReserved});
  list.resize(512);
  const auto parsed = parse_properties(list);
  EXPECT_EQ(parsed.regions, std::vector{kReserved});
  EXPECT_FALSE(parsed.truncated);
}

TEST(Properties, AListThatRunsPastItsEndKeepsWhatCameBefore) {
  auto list = build_properties(std::vector{kReserved, kMsi});
  list.resize(list.size() - 1);
  const auto parsed = parse_properties(list);
  EXPECT_EQ(parsed.regions, std::vector{kReserved});
  EXPECT_TRUE(parsed.truncated);
}

RC_GTEST_PROP(Properties, WhatIsBuiltParsesBack, (std::vector<std::pair<std::uint64_t, bool>> in)) {
  std::vector<ReservedRegion> regions;
  for (const auto& [start, msi] : in) {
    regions.push_back({{{start}, {start | 0xfff}}, msi ? RegionKind::kMsi : RegionKind::kReserved});
  }
  auto list = build_properties(regions);
  list.resize(list.size() + 64);
  RC_ASSERT(parse_properties(list).regions == regions);
}

}  // namespace
}  // namespace violet::protocol
