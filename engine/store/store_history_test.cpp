// Random histories: every production store against the oracle.
#include "engine/store/store_history.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "engine/base/identifier_testing.hpp"
#include "engine/base/rng.hpp"
#include "engine/store/stores.hpp"

namespace violet {
namespace {

// By the store's name.
class StoreHistory : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Stores, StoreHistory, testing::ValuesIn(stores().names()),
                         [](const auto& tested) { return identifier_of(tested.param); });

std::string run_history(const std::string& store, const HistoryShape& shape, const Choose& choose,
                        int operations) {
  History history(*stores().find(store), shape);
  for (int i = 0; i < operations; ++i) {
    if (auto problem = history.step(choose); !problem.empty()) {
      return "operation " + std::to_string(i) + ": " + problem;
    }
  }
  return history.finish();
}

Choose choose_from(Rng& rng) {
  return [&rng](std::uint64_t bound) { return rng.below(bound); };
}

// VIOLET_SEED=n replays the history of a failure.
TEST_P(StoreHistory, ASeededHistoryMatchesTheOracle) {
  const char* const given = std::getenv("VIOLET_SEED");
  const std::uint64_t seed =
      given != nullptr
          ? std::strtoull(given, nullptr, 0)
          : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  SCOPED_TRACE("VIOLET_SEED=" + std::to_string(seed));
  Rng rng(seed);
  const Choose choose = choose_from(rng);
  for (int round = 0; round < 60; ++round) {
    EXPECT_EQ(run_history(GetParam(), choose_shape(choose), choose, 2000), "") << "round " << round;
  }
}

// The same from numbers that rapidcheck can shrink to the shortest failing history.
TEST_P(StoreHistory, AnyHistoryMatchesTheOracle) {
  const bool passed = rc::check([] {
    const auto numbers = *rc::gen::resize(
        3000, rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>()));
    std::size_t next = 0;
    const Choose choose = [&](std::uint64_t bound) {
      return next < numbers.size() ? numbers[next++] % bound : 0;
    };
    const HistoryShape shape = choose_shape(choose);
    const auto operations = static_cast<int>(numbers.size() / 6);
    RC_ASSERT(run_history(GetParam(), shape, choose, operations) == "");
  });
  EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace violet
