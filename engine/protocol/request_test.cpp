#include "engine/protocol/request.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace violet::protocol {
namespace {

template <class Wire>
std::span<const std::byte> bytes_of(const Wire& wire) {
  return std::as_bytes(std::span(&wire, 1));
}

TEST(Decode, MapCarriesEveryField) {
  Map wire{};
  wire.head.type = 3;
  wire.domain = 7;
  wire.virt_start = 0x1000;
  wire.virt_end = 0x1fff;
  wire.phys_start = 0xabc000;
  wire.flags = 5;
  const auto request = std::get<MapRequest>(decode(bytes_of(wire)));
  EXPECT_EQ(request.domain, DomainId{7});
  const Mapping expected{{{0x1000}, {0x1fff}}, {0xabc000}, Permissions::kRead | Permissions::kMmio};
  EXPECT_EQ(request.mapping, expected);
  EXPECT_EQ(request.flags, 5u);
}

TEST(Decode, AttachAndUnmapSayWhetherReservedIsZero) {
  Attach attach{};
  attach.head.type = 1;
  attach.endpoint = 9;
  EXPECT_TRUE(std::get<AttachRequest>(decode(bytes_of(attach))).reserved_is_zero);
  attach.reserved[0] = 1;
  const auto request = std::get<AttachRequest>(decode(bytes_of(attach)));
  EXPECT_FALSE(request.reserved_is_zero);
  EXPECT_EQ(request.endpoint, EndpointId{9});
  Unmap unmap{};
  unmap.head.type = 4;
  unmap.reserved[3] = 0x80;
  EXPECT_FALSE(std::get<UnmapRequest>(decode(bytes_of(unmap))).reserved_is_zero);
}

TEST(Decode, D10_HeadReservedIsIgnored) {
  Detach wire{};
  wire.head = {2, {1, 2, 3}};
  wire.domain = 4;
  EXPECT_EQ(std::get<DetachRequest>(decode(bytes_of(wire))).domain, DomainId{4});
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
