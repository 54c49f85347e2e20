// The whole scorecard at tiny sizes: that it runs, and that what it prints holds together. Says nothing
// about how fast anything is.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/eal/eal.hpp"
#include "experiments/scorecard/card.hpp"
#include "experiments/scorecard/scorecard.hpp"

namespace violet::scorecard {
namespace {

// Before EAL pins this thread to one of them.
const std::size_t kCpus = allowed_cpus().size();

// EAL starts once in a process, so every test looks at the same run.
const Result<std::string>& smoke_run() {
  static const Result<std::string> text = run({.json = true, .smoke = true});
  return text;
}
nlohmann::json smoke_card() { return nlohmann::json::parse(smoke_run().value()); }

const Key& key_named(const std::string& name) {
  for (const Key& key : keys()) {
    if (key.name == name) return key;
  }
  throw std::runtime_error("no key " + name);
}

TEST(Scorecard, EveryKeyAppearsOnceAndInOrder) {
  ASSERT_TRUE(smoke_run()) << smoke_run().error().message;
  std::vector<std::string> found;
  const auto card = smoke_card();
  for (const auto& row : card.at("rows")) found.push_back(row.at("key"));
  const std::vector<std::string> wanted = {
      "hit_4k",    "hit_64k",   "hit_vs_gtree", "hit_vs_rte_hash", "miss_vs_gtree", "rtt_packed",
      "rtt_split", "pipelined", "growth",       "unmap_busy",      "churn_tail",    "bytes",
      "viewer",    "probe"};
  EXPECT_EQ(found, wanted);
}

TEST(Scorecard, RowsHaveExactlyTheFieldsOfTheSchema) {
  const auto card = smoke_card();
  EXPECT_EQ(card.at("schema"), kSchema);
  EXPECT_TRUE(card.at("host").is_object());
  for (const auto& row : card.at("rows")) {
    std::vector<std::string> fields;
    for (const auto& [name, value] : row.items()) fields.push_back(name);
    EXPECT_EQ(fields, (std::vector<std::string>{"absolute", "key", "reason", "target", "value",
                                                "verdict"}));
    EXPECT_FALSE(row.at("target").get<std::string>().empty());
  }
}

TEST(Scorecard, VerdictsFollowFromValuesAndTargets) {
  const auto card = smoke_card();
  for (const auto& row : card.at("rows")) {
    const Key key = key_named(row.at("key"));
    const std::string verdict = row.at("verdict");
    const auto& value = row.at("value");
    if (value.is_null()) {
      EXPECT_EQ(verdict, "not available") << key.name;
      EXPECT_FALSE(row.at("reason").get<std::string>().empty()) << key.name;
      continue;
    }
    const auto values = value.is_array() ? value : nlohmann::json::array({value});
    ASSERT_EQ(values.size(), key.bounds.size()) << key.name;
    bool met = true;
    for (std::size_t i = 0; i < values.size(); ++i) {
      // Only the viewer may lack a value: its first needs a third CPU.
      EXPECT_TRUE(values[i].is_number() || (key.name == "viewer" && i == 0 && kCpus < 3));
      if (values[i].is_number()) met &= key.bounds[i].admits(values[i].get<double>());
    }
    EXPECT_EQ(verdict, met ? "met" : "short") << key.name;
    EXPECT_FALSE(row.at("absolute").get<std::string>().empty()) << key.name;
    EXPECT_EQ(row.at("reason").get<std::string>().empty(), met) << key.name;
  }
}

TEST(Scorecard, NothingIsMissingWhereThereAreTwoCpus) {
  if (kCpus < 2) GTEST_SKIP() << "one CPU";
  const auto card = smoke_card();
  for (const auto& row : card.at("rows")) {
    if (row.at("key") == "churn_tail") continue;  // A preempted smoke run may see no hit.
    EXPECT_NE(row.at("verdict"), "not available") << row;
  }
}

}  // namespace
}  // namespace violet::scorecard
