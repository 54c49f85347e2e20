// EAL where another process has reserved the hugepages, which stay free until it touches them.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "dataplane/eal/eal.hpp"
#include "engine/base/huge_pages.hpp"

namespace violet {
namespace {

TEST(Eal, ReservedHugePagesCountAsTaken) {
  const std::uint64_t available = available_huge_page_bytes();
  if (available < kHugePageBytes * 2) GTEST_SKIP() << "this host has no hugepage left";
  const std::uint64_t reserved = available / kHugePageBytes * kHugePageBytes - kHugePageBytes;
  void* const taken = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (taken == MAP_FAILED) GTEST_SKIP() << "another program took them meanwhile";
  const auto eal = Eal::start({.cpus = {allowed_cpus().front()}});
  ::munmap(taken, reserved);
  ASSERT_TRUE(eal.has_value()) << eal.error().message;
  EXPECT_FALSE((*eal)->huge_pages());
  EXPECT_NE((*eal)->against_huge_pages().find("not reserved, EAL needs 64"), std::string::npos)
      << (*eal)->against_huge_pages();
}

}  // namespace
}  // namespace violet
