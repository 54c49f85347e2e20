// EAL that fails with hugepages although there were enough: the test's program begins anew, which is this test again.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

#include "dataplane/eal/eal.hpp"
#include "engine/base/huge_pages.hpp"

namespace violet {
namespace {

constexpr const char* kBegunBefore = "VIOLET_TEST_BEGUN";

TEST(Eal, AStartThatFailsIsRepeatedWithoutHugePages) {
  const bool again = std::getenv(kBegunBefore) != nullptr;
  constexpr std::uint64_t kEalBytes = std::uint64_t{64} << 20;
  if (!again && (!huge_pages_allowed() || available_huge_page_bytes() < kEalBytes)) {
    GTEST_SKIP() << "this host has no 64 MiB of hugepages left";
  }
  ::setenv(kBegunBefore, "1", 1);
  // EAL makes a file of each page; what only looks at them does not.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_FSIZE, &files);
  files.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &files);
  const auto eal = Eal::start({.cpus = {allowed_cpus().front()}});
  ASSERT_TRUE(eal.has_value()) << eal.error().message;
  // Somebody else took the pages between the look and the start.
  if (!again && !(*eal)->huge_pages()) GTEST_SKIP() << (*eal)->against_huge_pages();
  ASSERT_TRUE(again) << "EAL took no notice of the limit";
  EXPECT_FALSE((*eal)->huge_pages());
  EXPECT_NE((*eal)->against_huge_pages().find("EAL did not start with hugepages"),
            std::string::npos)
      << (*eal)->against_huge_pages();
}

}  // namespace
}  // namespace violet
