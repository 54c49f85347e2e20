#include "engine/base/type_list.hpp"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <type_traits>

namespace violet {
namespace {

struct Apple {
  static constexpr const char* kName = "apple";
};
struct Pear {
  static constexpr const char* kName = "pear";
};
using Fruit = TypeList<Apple, Pear>;

static_assert(Fruit::kSize == 2);
static_assert(std::is_same_v<Fruit::Apply<std::tuple>, std::tuple<Apple, Pear>>);

TEST(TypeList, ForEachVisitsInOrder) {
  std::string seen;
  for_each_type<Fruit>([&]<class T>() { seen += std::string(T::kName) + ' '; });
  EXPECT_EQ(seen, "apple pear ");
}

TEST(TypeList, ANameSelectsItsTypeOnly) {
  std::string seen;
  EXPECT_TRUE(with_type_named<Fruit>("pear", [&]<class T>() { seen += T::kName; }));
  EXPECT_FALSE(with_type_named<Fruit>("quince", [&]<class T>() { seen += T::kName; }));
  EXPECT_EQ(seen, "pear");
}

}  // namespace
}  // namespace violet
