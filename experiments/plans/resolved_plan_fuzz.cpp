// Any bytes as a resolved plan: no crash, and what was accepted is read as the same plan again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/base/check.hpp"
#include "experiments/plans/example_vocabulary.hpp"
#include "experiments/plans/plan.hpp"

using namespace violet::plans;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Vocabulary vocabulary = example_vocabulary();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Problems problems;
  const auto plan = parse_resolved(text, "fuzz.json", vocabulary, problems);
  VIOLET_CHECK(plan.has_value() == problems.empty());
  if (!plan) return 0;
  VIOLET_CHECK(!plan->cells.empty());
  Problems none;
  const auto again = parse_resolved(resolved_json(*plan), "fuzz.json", vocabulary, none);
  VIOLET_CHECK(again && again->hash() == plan->hash());
  return 0;
}
