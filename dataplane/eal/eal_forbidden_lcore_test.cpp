// EAL where the user forbids hugepages: a program of its own, because EAL starts once in a process.
#include <gtest/gtest.h>

#include <cstdlib>

#include "dataplane/eal/eal.hpp"

namespace violet {
namespace {

TEST(Eal, TakesNoHugePagesWhereTheUserForbidsThem) {
  ::setenv("VIOLET_NO_HUGEPAGES", "1", 1);
  const auto eal = Eal::start({.cpus = {allowed_cpus().front()}});
  ASSERT_TRUE(eal.has_value()) << eal.error().message;
  EXPECT_FALSE((*eal)->huge_pages());
  EXPECT_EQ((*eal)->against_huge_pages(), "VIOLET_NO_HUGEPAGES is set");
}

}  // namespace
}  // namespace violet
