#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "engine/base/fuzz_bytes_testing.hpp"

namespace violet {
namespace {

// What a wrongly initialised local variable would show.
__attribute__((noinline)) void dirty_stack() {
  volatile char bytes[512];
  for (char volatile& byte : bytes) byte = 0x5a;
}

template <class T>
__attribute__((noinline)) T first_of(const std::uint8_t* data, std::size_t size) {
  FuzzBytes bytes(data, size);
  return bytes.take<T>();
}

TEST(FuzzBytes, AreZeroWhereTheInputIsUsedUp) {
  const std::uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (std::size_t size = 0; size <= sizeof data; ++size) {
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < size; ++i) expected |= std::uint64_t{data[i]} << (8 * i);
    dirty_stack();
    EXPECT_EQ(first_of<std::uint64_t>(data, size), expected);
    dirty_stack();
    EXPECT_EQ(first_of<std::uint32_t>(data, size), static_cast<std::uint32_t>(expected));
    dirty_stack();
    EXPECT_EQ(first_of<std::uint8_t>(data, size), static_cast<std::uint8_t>(expected));
  }
}

TEST(FuzzBytes, AreTakenInOrder) {
  const std::vector<std::uint8_t> data{1, 2, 3, 4};
  FuzzBytes bytes(data.data(), data.size());
  EXPECT_EQ(bytes.take<std::uint8_t>(), 1u);
  EXPECT_EQ(bytes.take<std::uint16_t>(), 0x0302u);
  EXPECT_FALSE(bytes.empty());
  EXPECT_EQ(bytes.take<std::uint16_t>(), 4u);
  EXPECT_TRUE(bytes.empty());
}

}  // namespace
}  // namespace violet
