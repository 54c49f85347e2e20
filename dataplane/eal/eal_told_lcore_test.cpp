// A program that is told to end while it begins anew without hugepages: the one that begins hears it. The test's
// program begins anew, which is this test again.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

#include "dataplane/eal/eal.hpp"
#include "engine/base/huge_pages.hpp"

namespace violet {
namespace {

constexpr const char* kBegunBefore = "VIOLET_TEST_BEGUN";

volatile std::sig_atomic_t terminated = 0, hung_up = 0;

TEST(Eal, AWordToEndIsHeardByTheProgramThatBeginsAnew) {
  const bool again = std::getenv(kBegunBefore) != nullptr;
  constexpr std::uint64_t kEalBytes = std::uint64_t{64} << 20;
  if (!again && (!huge_pages_allowed() || available_huge_page_bytes() < kEalBytes)) {
    GTEST_SKIP() << "this host has no 64 MiB of hugepages left";
  }
  ::setenv(kBegunBefore, "1", 1);
  std::signal(SIGTERM, [](int) { terminated = 1; });
  std::signal(SIGHUP, [](int) { hung_up = 1; });
  // EAL makes a file of each page; what only looks at them does not.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_FSIZE, &files);
  files.rlim_cur = 4096;
  setrlimit(RLIMIT_FSIZE, &files);
  const auto eal =
      Eal::start({.cpus = {allowed_cpus().front()}, .stop = [] {
                    ::raise(SIGHUP);  // On the way, when no handler is left to hear it.
                    return true;      // Before that: SIGTERM tells it on.
                  }});
  ASSERT_TRUE(eal.has_value()) << eal.error().message;
  // Somebody else took the pages between the look and the start.
  if (!again && !(*eal)->huge_pages()) GTEST_SKIP() << (*eal)->against_huge_pages();
  ASSERT_TRUE(again) << "EAL took no notice of the limit";
  EXPECT_EQ(terminated, 1);
  EXPECT_EQ(hung_up, 1);
  // And what comes from now on.
  terminated = 0;
  ::raise(SIGTERM);
  EXPECT_EQ(terminated, 1);
}

}  // namespace
}  // namespace violet
