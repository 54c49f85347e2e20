#include "engine/base/registry.hpp"

#include <gtest/gtest.h>

namespace violet {
namespace {

struct Fruit : RegistryEntry {
  int (*weigh)();
};

Registry<Fruit> fruits() {
  static const Fruit kAll[] = {
      {{"apple", "grows on trees"}, [] { return 150; }},
      {{"plum", "grows on trees too", {{"stones", std::int64_t{1}, 0, 1}}}, [] { return 60; }},
  };
  return {"fruit", kAll};
}

TEST(Registry, FindsByNameInTheOrderOfTheTable) {
  EXPECT_EQ(fruits().names(), (std::vector<std::string>{"apple", "plum"}));
  EXPECT_EQ(fruits().front().name, "apple");
  EXPECT_EQ(fruits().find("plum")->weigh(), 60);
  EXPECT_EQ(fruits().find("pear"), nullptr);
}

TEST(Registry, AWrongNameIsAnErrorOfUsageThatGuesses) {
  EXPECT_EQ(*fruits().require("apple"), fruits().find("apple"));
  const auto near = fruits().require("aple");
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().kind, ErrorKind::kUsage);
  EXPECT_EQ(near.error().message,
            "there is no fruit 'aple', did you mean 'apple'? There are: apple, plum");
  EXPECT_EQ(fruits().require("quince").error().message,
            "there is no fruit 'quince'. There are: apple, plum");
}

}  // namespace
}  // namespace violet
