#include "engine/telemetry/event.hpp"

#include <gtest/gtest.h>

namespace violet {
namespace {

TEST(PackTicks, IsExactForShortTimes) {
  for (Ticks ticks = 0; ticks <= 4095; ++ticks) ASSERT_EQ(unpack_ticks(pack_ticks(ticks)), ticks);
}

TEST(PackTicks, IsRightToOnePartIn2048AndNeverTooLong) {
  for (unsigned exponent = 11; exponent < 42; ++exponent) {
    const Ticks low = Ticks{1} << exponent;
    for (Ticks step = 0; step < 997; ++step) {
      const Ticks ticks = low + step * (low / 997) + step;
      const Ticks back = unpack_ticks(pack_ticks(ticks));
      ASSERT_LE(back, ticks);
      ASSERT_LT(static_cast<double>(ticks - back), static_cast<double>(ticks) / 2048) << ticks;
    }
  }
}

TEST(PackTicks, KeepsTheOrder) {
  std::uint16_t last = 0;
  for (Ticks ticks = 1; ticks < Ticks{1} << 44; ticks += 1 + ticks / 5000) {
    const std::uint16_t packed = pack_ticks(ticks);
    ASSERT_GE(packed, last) << ticks;
    last = packed;
  }
}

TEST(PackTicks, EveryPackedTimeStandsForItself) {
  for (unsigned packed = 0; packed <= 0xffff; ++packed) {
    ASSERT_EQ(pack_ticks(unpack_ticks(static_cast<std::uint16_t>(packed))), packed);
  }
}

TEST(PackTicks, SaturatesAtTheLongestTime) {
  const Ticks longest = (Ticks{1} << 42) - (Ticks{1} << 30);
  EXPECT_EQ(unpack_ticks(0xffff), longest);
  EXPECT_EQ(pack_ticks(longest), 0xffff);
  EXPECT_EQ(pack_ticks(Ticks{1} << 42), 0xffff);
  EXPECT_EQ(pack_ticks(~Ticks{0}), 0xffff);
}

}  // namespace
}  // namespace violet
