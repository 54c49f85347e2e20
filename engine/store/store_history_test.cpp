// Random histories: every production store against the oracle.
#include "engine/store/store_history.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "engine/base/rng.hpp"
#include "engine/store/stores.hpp"

namespace violet {
namespace {

template <class S>
class StoreHistory : public testing::Test {};
TYPED_TEST_SUITE(StoreHistory, Stores::Apply<testing::Types>);

template <class S>
std::string run_history(const HistoryShape& shape, const Choose& choose, int operations) {
  History<S> history(shape);
  for (int i = 0; i < operations; ++i) {
    if (auto problem = history.step(choose); !problem.empty()) {
      return "operation " + std::to_string(i) + ": " + problem;
    }
  }
  return history.finish(idle_bytes_of<S>());
}

Choose choose_from(Rng& rng) {
  return [&rng](std::uint64_t bound) { return rng.below(bound); };
}

// VIOLET_SEED=n replays the history of a failure.
TYPED_TEST(StoreHistory, ASeededHistoryMatchesTheOracle) {
  const char* const given = std::getenv("VIOLET_SEED");
  const std::uint64_t seed =
      given != nullptr
          ? std::strtoull(given, nullptr, 0)
          : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  SCOPED_TRACE("VIOLET_SEED=" + std::to_string(seed));
  Rng rng(seed);
  const Choose choose = choose_from(rng);
  for (int round = 0; round < 60; ++round) {
    EXPECT_EQ(run_history<TypeParam>(choose_shape(choose), choose, 2000), "") << "round " << round;
  }
}

// The same from numbers that rapidcheck can shrink to the shortest failing history.
TYPED_TEST(StoreHistory, AnyHistoryMatchesTheOracle) {
  const bool passed = rc::check([] {
    const auto numbers = *rc::gen::resize(
        3000, rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>()));
    std::size_t next = 0;
    const Choose choose = [&](std::uint64_t bound) {
      return next < numbers.size() ? numbers[next++] % bound : 0;
    };
    const HistoryShape shape = choose_shape(choose);
    const auto operations = static_cast<int>(numbers.size() / 6);
    RC_ASSERT(run_history<TypeParam>(shape, choose, operations) == "");
  });
  EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace violet
