#include "engine/protocol/wire.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace violet::protocol {
namespace {

template <class Wire>
std::span<const std::byte> bytes_of(const Wire& wire) {
  return std::as_bytes(std::span(&wire, 1));
}

TEST(Wire, FieldsAreLittleEndianInMemory) {
  Map map{};
  map.virt_start = 0x0102030405060708;
  std::array<unsigned char, sizeof(Map)> bytes{};
  std::memcpy(bytes.data(), &map, sizeof(map));
  EXPECT_EQ(bytes[8], 0x08);
  EXPECT_EQ(bytes[15], 0x01);
  EXPECT_EQ(std::uint64_t{map.virt_start}, 0x0102030405060708u);
}

TEST(Decode, MapCarriesEveryField) {
  Map wire{};
  wire.head.type = 3;
  wire.domain = 7;
  wire.virt_start = 0x1000;
  wire.virt_end = 0x1fff;
  wire.phys_start = 0xabc000;
  wire.flags = 5;
  const auto request = std::get<Map>(decode(bytes_of(wire)));
  EXPECT_EQ(std::uint32_t{request.domain}, 7u);
  const Mapping expected{{{0x1000}, {0x1fff}}, {0xabc000}, Permissions::kRead | Permissions::kMmio};
  EXPECT_EQ(mapping_of(request), expected);
  EXPECT_EQ(range_of(request), expected.range);
  EXPECT_EQ(std::uint32_t{request.flags}, 5u);
}

TEST(Decode, UnknownFlagsOfAMapStayInItAndGrantNothing) {
  Map wire{};
  wire.head.type = 3;
  wire.flags = 0xfffffff9;
  const auto request = std::get<Map>(decode(bytes_of(wire)));
  EXPECT_EQ(std::uint32_t{request.flags}, 0xfffffff9u);
  EXPECT_EQ(mapping_of(request).permissions, Permissions::kRead);
}

TEST(Decode, UnmapCarriesEveryField) {
  Unmap wire{};
  wire.head.type = 4;
  wire.domain = 7;
  wire.virt_start = 0x1000;
  wire.virt_end = 0x2fff;
  const auto request = std::get<Unmap>(decode(bytes_of(wire)));
  EXPECT_EQ(std::uint32_t{request.domain}, 7u);
  EXPECT_EQ(range_of(request), (IovaRange{{0x1000}, {0x2fff}}));
}

TEST(Decode, AttachAndUnmapSayWhetherReservedIsZero) {
  Attach attach{};
  attach.head.type = 1;
  attach.endpoint = 9;
  EXPECT_TRUE(all_zero(std::get<Attach>(decode(bytes_of(attach))).reserved));
  attach.reserved[0] = 1;
  const auto request = std::get<Attach>(decode(bytes_of(attach)));
  EXPECT_FALSE(all_zero(request.reserved));
  EXPECT_EQ(std::uint32_t{request.endpoint}, 9u);
  Unmap unmap{};
  unmap.head.type = 4;
  unmap.reserved[3] = 0x80;
  EXPECT_FALSE(all_zero(std::get<Unmap>(decode(bytes_of(unmap))).reserved));
}

TEST(Decode, D10_HeadReservedIsIgnored) {
  Detach wire{};
  wire.head = {2, {1, 2, 3}};
  wire.domain = 4;
  EXPECT_EQ(std::uint32_t{std::get<Detach>(decode(bytes_of(wire))).domain}, 4u);
}

TEST(Decode, D9_UnknownTypesAndMissingHeadsAreUnknown) {
  std::array<std::byte, 72> bytes{};
  for (const unsigned type : {0u, 6u, 7u, 8u, 255u}) {
    bytes[0] = static_cast<std::byte>(type);
    EXPECT_EQ(std::get<UnknownRequest>(decode(bytes)).type, type);
  }
  bytes[0] = std::byte{3};
  EXPECT_TRUE(std::holds_alternative<UnknownRequest>(decode(std::span(bytes).first(3))));
  EXPECT_TRUE(std::holds_alternative<UnknownRequest>(decode({})));
}

TEST(Decode, EveryTypeNeedsItsWholeBodyAndIgnoresMore) {
  const std::array<std::size_t, 5> sizes = {20, 20, 36, 28, 72};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::vector<std::byte> bytes(sizes[i] + 8);
    bytes[0] = static_cast<std::byte>(i + 1);
    const auto whole = decode(std::span(bytes).first(sizes[i]));
    EXPECT_FALSE(std::holds_alternative<ShortRequest>(whole)) << i;
    EXPECT_FALSE(std::holds_alternative<UnknownRequest>(whole)) << i;
    EXPECT_EQ(decode(bytes).index(), whole.index());
    const auto shorter = decode(std::span(bytes).first(sizes[i] - 1));
    ASSERT_TRUE(std::holds_alternative<ShortRequest>(shorter)) << i;
    EXPECT_EQ(static_cast<std::size_t>(std::get<ShortRequest>(shorter).type), i + 1);
  }
}

}  // namespace
}  // namespace violet::protocol
