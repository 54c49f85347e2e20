// The bundled plans resolve to the hashes that runs of earlier programs carry: --resume and compare go by them.
#include <gtest/gtest.h>

#include <filesystem>

#include "experiments/cli/plan_loading.hpp"
#include "experiments/runner/vocabulary.hpp"

namespace violet::cli::bundled_plans_test {
namespace {

TEST(BundledPlans, ResolveToTheHashesOfEarlierRuns) {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  Places places;
  places.datasets = (root / "datasets").string();
  places.plans = (root / "experiments/plans").string();
  // Of all but sawtooth since net-rx, net-tx and nvme-4k unmap in bursts: what they measured before is another thing.
  const std::pair<const char*, const char*> hashes[] = {
      {"demo", "6c8f43c9"},     {"iotlbs", "3d70fc62"}, {"placements", "5988581d"},
      {"sawtooth", "eb5f58b4"}, {"smoke", "808df2b3"},  {"strategies", "7c870885"},
  };
  for (const auto& [name, hash] : hashes) {
    const auto plan = load_named_plan(places, name, {});
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->hash(), hash) << name;
    // What a run stores of it is the same plan again.
    plans::Problems problems;
    const auto stored = plans::parse_resolved(plans::resolved_json(*plan), "resolved.json",
                                              make_vocabulary(places.datasets).value(), problems);
    ASSERT_TRUE(stored) << name << ": " << plans::to_text(problems);
    EXPECT_EQ(stored->hash(), hash) << name;
  }
}

}  // namespace
}  // namespace violet::cli::bundled_plans_test
