#include "engine/base/mapped_memory.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <fstream>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

TEST(MappedMemory, HoldsAFileAsLongAsItsOwnerLives) {
  const TestFolder folder;
  const auto path = folder.path() / "file";
  std::ofstream(path) << "mapped";
  auto mapped = MappedMemory::of_file(path);
  ASSERT_TRUE(mapped) << mapped.error().message;
  const std::byte* const at = mapped->bytes().data();
  const MappedMemory moved = *std::move(mapped);
  ASSERT_EQ(moved.bytes().size(), 6u);
  EXPECT_EQ(moved.bytes().data(), at);
  moved.give_back_pages();
  EXPECT_EQ(std::memcmp(moved.bytes().data(), "mapped", 6), 0);
}

TEST(MappedMemory, NothingIsAnEmptyMapping) {
  const TestFolder folder;
  std::ofstream(folder.path() / "empty").flush();
  const auto mapped = MappedMemory::of_file(folder.path() / "empty");
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_TRUE(mapped->bytes().empty());
  mapped->give_back_pages();
}

TEST(MappedMemory, ErrorsNameTheFile) {
  const TestFolder folder;
  const auto none = MappedMemory::of_file(folder.path() / "none");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("none: cannot be read"), std::string::npos);
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
