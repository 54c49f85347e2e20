#include "engine/protocol/wire.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace violet::protocol {
namespace {

TEST(Wire, FieldsAreLittleEndianInMemory) {
  Map map{};
  map.virt_start = 0x0102030405060708;
  std::array<unsigned char, sizeof(Map)> bytes{};
  std::memcpy(bytes.data(), &map, sizeof(map));
  EXPECT_EQ(bytes[8], 0x08);
  EXPECT_EQ(bytes[15], 0x01);
  EXPECT_EQ(std::uint64_t{map.virt_start}, 0x0102030405060708u);
}

}  // namespace
}  // namespace violet::protocol
