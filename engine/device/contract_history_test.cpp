// Random histories: the device against the oracle, seeded and as a property.
#include "engine/device/contract_history.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/base/effort_testing.hpp"
#include "engine/base/rng.hpp"
#include "engine/device/all_pairs_testing.hpp"

namespace violet {
namespace {

DeviceConfig history_config() {
  DeviceConfig config = rig_config();
  config.unmap_slice = 2;
  config.limits.domains = 2;
  config.limits.mappings_per_domain = 12;
  return config;
}

class ContractHistories : public OnAllPairs {};
INSTANTIATE_TEST_SUITE_P(Pairs, ContractHistories, testing::ValuesIn(all_pairs()), pair_name);

TEST_P(ContractHistories, SeededHistoriesAgreeWithTheOracle) {
  for (std::uint64_t seed = 1; seed <= by_effort(40u); ++seed) {
    Rng rng(seed);
    ContractHistory history(GetParam(), history_config(),
                            [&](std::uint64_t bound) { return rng.below(bound); });
    for (int batch = 0; batch < 200; ++batch) {
      const std::string problem = history.batch();
      ASSERT_EQ(problem, "") << "seed " << seed << ", batch " << batch;
    }
  }
}

TEST_P(ContractHistories, HistoriesWithALargerGranuleAgreeToo) {
  DeviceConfig config = history_config();
  config.page_size_mask = ~std::uint64_t{0x3fff};
  config.input_range = {{0}, {(std::uint64_t{1} << 48) - 1}};
  for (std::uint64_t seed = 1; seed <= by_effort(20u); ++seed) {
    Rng rng(seed);
    ContractHistory history(GetParam(), config,
                            [&](std::uint64_t bound) { return rng.below(bound); });
    for (int batch = 0; batch < 100; ++batch) {
      ASSERT_EQ(history.batch(), "") << "seed " << seed << ", batch " << batch;
    }
  }
}

TEST_P(ContractHistories, HistoriesThatOverlapAgreeTooAndLeaveNothingBehind) {
  DeviceConfig config = history_config();
  config.limits.domains = 3;
  config.limits.mappings_per_domain = 64;
  config.unmap_slice = 1;
  for (std::uint64_t seed = 1; seed <= by_effort(60u); ++seed) {
    Rng rng(seed);
    ContractHistory history(
        GetParam(), config, [&](std::uint64_t bound) { return rng.below(bound); }, true);
    for (int batch = 0; batch < 200; ++batch) {
      ASSERT_EQ(history.batch(), "") << "seed " << seed << ", batch " << batch;
    }
    ASSERT_EQ(history.finish(), "") << "seed " << seed;
  }
}

TEST_P(ContractHistories, C5_AFloodInOneDomainIsFairToOthers) {
  for (std::uint64_t seed = 1; seed <= by_effort(20u); ++seed) {
    Rng rng(seed);
    ASSERT_EQ(flood_is_fair(GetParam(), rig_config(),
                            [&](std::uint64_t bound) { return rng.below(bound); }),
              "")
        << "seed " << seed;
  }
}

RC_GTEST_PROP(ContractProperty, AnyChoicesAgreeWithTheOracle,
              (std::vector<std::uint16_t> choices)) {
  std::size_t next = 0;
  ContractHistory history({}, history_config(), [&](std::uint64_t bound) {
    return next < choices.size() ? choices[next++] % bound : std::uint64_t{0};
  });
  while (next < choices.size()) RC_ASSERT(history.batch() == "");
}

}  // namespace
}  // namespace violet
