#include "experiments/results/label_words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace violet::results {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

const std::vector<std::string> kLabels = {
    "strategy=strict costs.exit_ns=150", "strategy=strict costs.exit_ns=1500",
    "strategy=strict-pages costs.exit_ns=1500", "strategy=lazy costs.exit_ns=1500"};

std::vector<std::size_t> found(const std::string& text) {
  return labels_with(
      kLabels.size(), [](std::size_t i) -> const std::string& { return kLabels[i]; }, text);
}

TEST(LabelWords, TheirOrderDoesNotMatter) {
  EXPECT_THAT(found("strategy=strict costs.exit_ns=1500"), ElementsAre(1));
  EXPECT_THAT(found("costs.exit_ns=1500 strategy=strict"), ElementsAre(1));
  EXPECT_THAT(found("costs.exit_ns=1500,strategy=strict"), ElementsAre(1));
  EXPECT_THAT(found("strict 1500"), ElementsAre(1)) << "the values alone";
}

TEST(LabelWords, AWholeSettingIsMeantBeforeAPartOfOne) {
  EXPECT_THAT(found("strict"), ElementsAre(0, 1)) << "and not strict-pages";
  EXPECT_THAT(found("exit_ns=150"), ElementsAre(0, 1, 2, 3)) << "no whole setting is called so";
  EXPECT_THAT(found("pages"), ElementsAre(2));
}

TEST(LabelWords, WhatFitsNothingIsNothing) {
  EXPECT_THAT(found("bounce"), IsEmpty());
  EXPECT_THAT(found("strict bounce"), IsEmpty());
  EXPECT_THAT(found(" ,"), IsEmpty());
}

TEST(LabelWords, WhatThereIsIsSaidWithWhatWasProbablyMeant) {
  const std::vector<std::string> labels = {"strategy=strict placement=sidecore",
                                           "strategy=lazy placement=samecore",
                                           "strategy=lazy placement=samecore"};
  EXPECT_EQ(labels_there(labels, "strct"),
            "; did you mean 'strict'? There are: strategy=strict placement=sidecore; strategy=lazy "
            "placement=samecore");
  EXPECT_THAT(labels_there(labels, "strategy=lasy samecore"),
              StartsWith("; did you mean 'strategy=lazy samecore'? There are: "));
  EXPECT_THAT(labels_there(labels, "nothing like it"), StartsWith("; there are: strategy=strict "));
  EXPECT_THAT(labels_there(labels, "strict samecore"), StartsWith("; there are: "))
      << "both words are known; no cell has both";
  EXPECT_EQ(labels_there({}, "strict"), "; there are none");
  std::vector<std::string> many;
  for (int i = 0; i < 20; ++i) many.push_back("n=" + std::to_string(i));
  EXPECT_THAT(labels_there(many, "strict"), EndsWith("n=7; and 12 more"));
}

}  // namespace
}  // namespace violet::results
