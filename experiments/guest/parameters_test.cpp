#include "experiments/guest/parameters.hpp"

#include <gtest/gtest.h>

namespace violet {
namespace {

const std::vector<ParameterSpec> kSpecs = {
    {.name = "entries", .initial = std::int64_t{256}, .least = 2, .most = 65536},
    {.name = "timeout_ms", .initial = 10.0, .least = 0.1, .most = 1e6},
    {.name = "single", .initial = false},
    {.name = "order", .initial = std::string("lifo"), .choices = {"lifo", "fifo"}},
};

std::string error_of(const ParameterAssignments& assignments) {
  const auto set = ParameterSet::resolve(kSpecs, assignments);
  return set ? "" : set.error().message;
}

TEST(Parameters, DefaultsHoldUntilAssigned) {
  const auto set = *ParameterSet::resolve(
      kSpecs, {{"entries", std::int64_t{8}}, {"order", std::string("fifo")}});
  EXPECT_EQ(set.integer("entries"), 8);
  EXPECT_EQ(set.real("timeout_ms"), 10.0);
  EXPECT_FALSE(set.flag("single"));
  EXPECT_EQ(set.text("order"), "fifo");
}

TEST(Parameters, ARealTakesAnInteger) {
  EXPECT_EQ(ParameterSet::resolve(kSpecs, {{"timeout_ms", std::int64_t{3}}})->real("timeout_ms"),
            3);
}

TEST(Parameters, ErrorsNameTheParameterAndWhatIsAllowed) {
  EXPECT_EQ(error_of({{"entry", std::int64_t{8}}}), "there is no parameter 'entry'");
  EXPECT_EQ(error_of({{"entries", std::int64_t{1}}}),
            "parameter 'entries' is 1, expected 2 to 65536");
  EXPECT_EQ(error_of({{"entries", true}}), "parameter 'entries' must be an integer");
  EXPECT_EQ(error_of({{"order", std::string("random")}}),
            "parameter 'order' is 'random', expected one of lifo, fifo");
}

TEST(Parameters, UndeclaredNamesAreABug) {
  const auto set = *ParameterSet::resolve(kSpecs, {});
  EXPECT_DEATH(set.integer("entry"), "check failed");
}

}  // namespace
}  // namespace violet
