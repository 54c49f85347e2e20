#include "engine/base/huge_pages.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "engine/base/test_folder_testing.hpp"

namespace violet {
namespace {

void write_count(const std::filesystem::path& path, unsigned count) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << count << "\n";
}

TEST(HugePages, ReservedOnesAreTaken) {
  const TestFolder folder;
  const std::filesystem::path pools = folder.path();
  EXPECT_EQ(available_huge_page_bytes(pools / "none"), 0u);
  write_count(pools / "hugepages-2048kB" / "free_hugepages", 256);
  EXPECT_EQ(available_huge_page_bytes(pools), 256 * kHugePageBytes);
  write_count(pools / "hugepages-2048kB" / "resv_hugepages", 250);
  EXPECT_EQ(available_huge_page_bytes(pools), 6 * kHugePageBytes);
  write_count(pools / "hugepages-2048kB" / "resv_hugepages", 300);  // Read at two moments.
  EXPECT_EQ(available_huge_page_bytes(pools), 0u);
  write_count(pools / "hugepages-1048576kB" / "free_hugepages", 1);
  EXPECT_EQ(available_huge_page_bytes(pools), std::uint64_t{1} << 30);
}

TEST(HugePages, AreForbiddenByTheEnvironment) {
  ::unsetenv("VIOLET_NO_HUGEPAGES");
  EXPECT_TRUE(huge_pages_allowed());
  for (const char* allowed : {"", "0"}) {
    ::setenv("VIOLET_NO_HUGEPAGES", allowed, 1);
    EXPECT_TRUE(huge_pages_allowed()) << allowed;
  }
  ::setenv("VIOLET_NO_HUGEPAGES", "1", 1);
  EXPECT_FALSE(huge_pages_allowed());
  ::unsetenv("VIOLET_NO_HUGEPAGES");
}

TEST(HugePages, WhyThereAreNoneComesWithItsFigures) {
  EXPECT_EQ(no_huge_pages_because("EAL", 64 << 20, 6 << 20, "not asked"),
            "6 MiB of hugepages are free and not reserved, EAL needs 64");
  EXPECT_EQ(no_huge_pages_because("the guest", 64 << 20, 64 << 20, "Cannot allocate memory"),
            "64 MiB of hugepages are free, but taking 64 fails (Cannot allocate memory): see "
            "hugetlb limits of the cgroup and numactl");
}

TEST(HugePages, WhatIsMappedCanBeTouched) {
  const auto memory = map_huge_pages(kHugePageBytes);
  if (!memory) GTEST_SKIP() << "no hugepage on this host: " << memory.error().message;
  memory->bytes().front() = memory->bytes().back() = std::byte{1};
}

TEST(HugePages, MoreThanAHostHasIsRefused) {
  const auto refused = map_huge_pages(std::uint64_t{1} << 46);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, std::strerror(ENOMEM));
}

}  // namespace
}  // namespace violet
