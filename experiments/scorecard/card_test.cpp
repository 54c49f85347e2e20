// Verdicts and both forms of the card, from made-up findings.
#include "experiments/scorecard/card.hpp"

#include <gtest/gtest.h>

#include <limits>

#include <nlohmann/json.hpp>

namespace violet::scorecard {
namespace {

const Key kRatio{"a", "a ratio", {{Bound::Kind::kAtMost, 2}}};
const Key kPair{
    "b", "two costs", {{Bound::Kind::kAtMost, 2, "ns"}, {Bound::Kind::kAtMost, 20, "ns"}}};
const Key kSpeed{"c", "a speed-up", {{Bound::Kind::kAtLeast, 50}}};

Finding of(std::vector<double> values) {
  Finding finding{"a", {}, "absolute", "reason", ""};
  for (const double value : values) finding.values.push_back({value, std::nullopt, 1});
  return finding;
}

TEST(Verdict, ABoundIncludesItsLimit) {
  EXPECT_EQ(verdict_of(kRatio, of({2.0})), Verdict::kMet);
  EXPECT_EQ(verdict_of(kRatio, of({2.001})), Verdict::kShort);
  EXPECT_EQ(verdict_of(kSpeed, of({50})), Verdict::kMet);
  EXPECT_EQ(verdict_of(kSpeed, of({49.9})), Verdict::kShort);
}

TEST(Verdict, EveryBoundMustHold) {
  EXPECT_EQ(verdict_of(kPair, of({1, 19})), Verdict::kMet);
  EXPECT_EQ(verdict_of(kPair, of({1, 21})), Verdict::kShort);
  EXPECT_EQ(verdict_of(kPair, of({3, 19})), Verdict::kShort);
}

TEST(Verdict, AValueThatTheMachineCannotHaveHasNoSay) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(verdict_of(kPair, of({none, 19})), Verdict::kMet);
  EXPECT_EQ(verdict_of(kPair, of({none, 21})), Verdict::kShort);
}

TEST(Verdict, NoValueIsNotAvailable) {
  EXPECT_EQ(verdict_of(kRatio, of({})), Verdict::kNotAvailable);
}

TEST(Card, TargetsReadAsInTheDesign) {
  EXPECT_EQ(target_text(kRatio), "<= 2");
  EXPECT_EQ(target_text(kPair), "<= 2 ns, <= 20 ns");
  EXPECT_EQ(target_text(kSpeed), ">= 50");
}

Card made_up() {
  Card card;
  for (const Key& key : keys()) {
    Finding finding = of(std::vector<double>(key.bounds.size(), key.bounds.front().limit));
    finding.key = key.name;
    card.findings.push_back(finding);
  }
  card.findings[0].values[0].value = 1000;  // hit_4k is far off.
  card.findings[1].values.clear();          // hit_64k was not measured.
  return card;
}

TEST(Card, JsonSaysWhyWhereATargetIsNotReached) {
  const auto json = nlohmann::json::parse(to_json(made_up()));
  EXPECT_EQ(json.at("rows").at(0).at("verdict"), "short");
  EXPECT_EQ(json.at("rows").at(0).at("reason"), "reason");
  EXPECT_EQ(json.at("rows").at(1).at("verdict"), "not available");
  EXPECT_TRUE(json.at("rows").at(1).at("value").is_null());
  EXPECT_EQ(json.at("rows").at(2).at("verdict"), "met");
  EXPECT_EQ(json.at("rows").at(2).at("reason"), "");
}

TEST(Card, TextHasALineForEveryKey) {
  const std::string text = to_text(made_up(), 0, false);
  for (const Key& key : keys()) EXPECT_NE(text.find(key.name), std::string::npos) << key.name;
  EXPECT_NE(text.find("hit_4k: short, because reason"), std::string::npos);
}

}  // namespace
}  // namespace violet::scorecard
