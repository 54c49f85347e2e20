#include "engine/base/nearest.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

namespace violet {
namespace {

TEST(EditDistance, KnownValues) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("strict", "strcit"), 1u);  // A swap is one edit.
}

TEST(EditDistance, IsSymmetricAndZeroOnlyForEqualWords) {
  EXPECT_TRUE(rc::check([](const std::string& a, const std::string& b) {
    RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
    RC_ASSERT((edit_distance(a, b) == 0) == (a == b));
    RC_ASSERT(edit_distance(a, b) <= std::max(a.size(), b.size()));
  }));
}

TEST(Nearest, SaysNothingRatherThanNonsense) {
  const std::vector<std::string> words{"strict", "lazy-percpu", "lazy-single", "off"};
  EXPECT_EQ(nearest("strct", words), "strict");
  EXPECT_EQ(nearest("lazy_percpu", words), "lazy-percpu");
  EXPECT_EQ(nearest("lazy", words), "lazy-percpu");
  EXPECT_EQ(nearest("xyzzy", words), "");
  EXPECT_EQ(nearest("", words), "");
}

}  // namespace
}  // namespace violet
