#include "engine/base/mapped_memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace violet {
namespace {

TEST(MappedMemory, StaysWhereItIsWhenItsOwnerMoves) {
  auto mapped = MappedMemory::map(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  ASSERT_TRUE(mapped) << mapped.error().message;
  const std::byte* const at = mapped->bytes().data();
  const MappedMemory moved = *std::move(mapped);
  EXPECT_EQ(moved.bytes().data(), at);
  EXPECT_EQ(moved.bytes().size(), 4096u);
}

TEST(MappedMemory, NothingIsAnEmptyMapping) {
  const auto mapped = MappedMemory::map(0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_TRUE(mapped->bytes().empty());
}

TEST(MappedMemory, KeepsItsContentWhenItGrows) {
  auto mapped = MappedMemory::map(4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  ASSERT_TRUE(mapped) << mapped.error().message;
  mapped->bytes()[4095] = std::byte{7};
  ASSERT_TRUE(mapped->resize(1 << 20));
  ASSERT_EQ(mapped->bytes().size(), std::size_t{1} << 20);
  EXPECT_EQ(mapped->bytes()[4095], std::byte{7});
}

}  // namespace
}  // namespace violet
