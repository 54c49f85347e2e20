// Any bytes as a plan: no crash, and what was accepted must resolve to the same cells again.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.hpp"
#include "experiments/plans/example_vocabulary.hpp"
#include "experiments/plans/plan.hpp"

using namespace violet::plans;

// The first line, when it starts with "--set ", is an override.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Vocabulary vocabulary = example_vocabulary();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> overrides;
  if (text.starts_with("--set ")) {
    const std::size_t end = text.find('\n');
    overrides.emplace_back(text.substr(6, end == text.npos ? end : end - 6));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  Problems problems;
  const auto plan = parse_plan(text, "fuzz.toml", overrides, vocabulary, problems);
  VIOLET_CHECK(plan.has_value() == problems.empty());
  for (const Problem& problem : problems) VIOLET_CHECK(!problem.where.empty());
  if (!plan) return 0;
  VIOLET_CHECK(!plan->cells.empty());
  Problems none;
  const auto again = parse_plan(text, "fuzz.toml", overrides, vocabulary, none);
  VIOLET_CHECK(again && again->hash() == plan->hash());
  const auto stored = parse_resolved(resolved_json(*plan), "fuzz.json", vocabulary, none);
  VIOLET_CHECK(stored && stored->hash() == plan->hash());
  // What is expected is stored, and read again where a run of the plan is judged or made again.
  VIOLET_CHECK(stored->expectations.size() == plan->expectations.size());
  return 0;
}
