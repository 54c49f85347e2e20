#include "experiments/runner/cores.hpp"

#include <gtest/gtest.h>

namespace violet {
namespace {

TEST(Cores, OnTwoCpusTheEngineHasOneToItself) {
  const auto map = choose_cores({}, {0, 1}).value();
  EXPECT_EQ(map.guest, 0u);
  EXPECT_EQ(map.engine, 1u);
  EXPECT_FALSE(map.endpoint);
  EXPECT_FALSE(map.oversubscribed);
  EXPECT_FALSE(map.shared.empty()) << "sharing by turns must be said";
}

TEST(Cores, WithMoreEachHasItsOwn) {
  const auto map = choose_cores({}, {2, 3, 6, 7}).value();
  EXPECT_EQ(map.lcore_cpus(), (std::vector<unsigned>{2, 3, 6}));
  EXPECT_EQ(map.recorder, 7u);
  EXPECT_TRUE(map.shared.empty());
}

TEST(Cores, OneCpuIsRefusedUnlessAllowed) {
  const auto refused = choose_cores({}, {5});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kEnvironment);
  plans::CoreSettings settings;
  settings.allow_oversubscribed = true;
  const auto map = choose_cores(settings, {5}).value();
  EXPECT_TRUE(map.oversubscribed);
  EXPECT_EQ(map.shared.front(), "guest and engine share CPU 5");
}

TEST(Cores, WishesAreHonouredOrRefused) {
  plans::CoreSettings settings;
  settings.engine = 0;
  EXPECT_EQ(choose_cores(settings, {0, 1}).value().engine, 0u);
  settings.engine = 9;
  EXPECT_FALSE(choose_cores(settings, {0, 1}));
}

}  // namespace
}  // namespace violet
