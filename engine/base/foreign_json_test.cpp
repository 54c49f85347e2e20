#include "engine/base/foreign_json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace violet {
namespace {

std::string nested(std::size_t levels, char open, char close) {
  return std::string(levels, open) + std::string(levels, close);
}

TEST(ForeignJson, IsTooDeepFromOneLevelMoreOn) {
  EXPECT_FALSE(is_too_deep(nested(kDeepestJson, '[', ']')));
  EXPECT_TRUE(is_too_deep(nested(kDeepestJson + 1, '[', ']')));
  EXPECT_TRUE(is_too_deep(nested(kDeepestJson + 1, '{', '}')));
  EXPECT_TRUE(is_too_deep(std::string(100'000, '[')));
  EXPECT_FALSE(is_too_deep(""));
}

TEST(ForeignJson, BesideEachOtherIsNotDeep) {
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "[{}],";
  EXPECT_FALSE(is_too_deep(wide + "0]"));
}

TEST(ForeignJson, BracketsInTextsAreText) {
  EXPECT_FALSE(is_too_deep("[\"" + std::string(1000, '[') + "\"]"));
  EXPECT_FALSE(is_too_deep("[\"\\\"" + std::string(1000, '[') + "\\\\\"]"));
  EXPECT_TRUE(is_too_deep("[\"\\\\\"," + std::string(1000, '[')));
  EXPECT_FALSE(is_too_deep("\"\\"));  // Cut within an escape.
}

}  // namespace
}  // namespace violet
