#include "engine/base/setting.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace violet {
namespace {

const std::vector<Setting> kSettings = {
    {.name = "entries", .initial = std::int64_t{256}, .least = 2, .most = 65536},
    {.name = "timeout_ms", .initial = 10.0, .least = 0.1, .most = 1e6},
    {.name = "single", .initial = false},
    {.name = "order", .initial = std::string("lifo"), .choices = {"lifo", "fifo"}},
};

std::string error_of(const SettingAssignments& assignments) {
  const auto values = SettingValues::resolve(kSettings, assignments);
  return values ? "" : values.error().message;
}

TEST(SettingValues, DefaultsHoldUntilAssigned) {
  const auto values = *SettingValues::resolve(
      kSettings, {{"entries", std::int64_t{8}}, {"order", std::string("fifo")}});
  EXPECT_EQ(values.integer("entries"), 8);
  EXPECT_EQ(values.real("timeout_ms"), 10.0);
  EXPECT_FALSE(values.flag("single"));
  EXPECT_EQ(values.text("order"), "fifo");
}

TEST(SettingValues, ARealTakesAnInteger) {
  const auto values = SettingValues::resolve(kSettings, {{"timeout_ms", std::int64_t{3}}});
  EXPECT_EQ(values->real("timeout_ms"), 3);
}

TEST(SettingValues, ErrorsNameTheSettingAndWhatIsAllowed) {
  EXPECT_EQ(error_of({{"entry", std::int64_t{8}}}), "there is no setting 'entry'");
  EXPECT_EQ(error_of({{"entries", std::int64_t{1}}}),
            "setting 'entries': expected an integer between 2 and 65536, found 1");
  EXPECT_EQ(error_of({{"entries", true}}),
            "setting 'entries': expected an integer between 2 and 65536, found true");
  EXPECT_EQ(error_of({{"order", std::string("random")}}),
            "setting 'order': expected one of lifo, fifo, found random");
}

TEST(SettingValues, UndescribedNamesAreABug) {
  const auto values = *SettingValues::resolve(kSettings, {});
  EXPECT_DEATH(values.integer("entry"), "check failed");
}

TEST(Setting, AcceptsOnlyFiniteNumbersInsideTheRange) {
  EXPECT_TRUE(accepts(kSettings[1], 0.1));
  EXPECT_TRUE(accepts(kSettings[1], std::int64_t{1}));
  EXPECT_FALSE(accepts(kSettings[1], std::nan("")));
  EXPECT_FALSE(accepts(kSettings[0], 2.0));
}

}  // namespace
}  // namespace violet
