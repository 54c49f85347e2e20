// An expectation is a claim about what a plan measures, in a form that a run of it can be judged by (expectations.hpp).
// It is written in a plan, checked with it, and stored in resolved.json, so that an old run can be judged again.
//
// Threading: plain values and pure functions.
// Invariants: an axis is named as in results: "strategy", "costs.exit_ns".
// Limits: kMostExpectations of a plan.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/result.hpp"
#include "engine/base/setting.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {

inline constexpr std::size_t kMostExpectations = 64;
inline constexpr std::size_t kLongestClaim = 1000;  // Bytes, of a source as well.

enum class Importance {
  kMust,
  kShould,
  kReport
};  // A must that fails ends the run with exit code 3.

enum class ExpectationKind {
  kOrder,    // The metric falls along the values of `over` that `order` lists.
  kRatio,    // That of `of` over that of `to` lies between two limits.
  kValue,    // It lies between two limits.
  kRising,   // It grows from each value of `over` to the next.
  kFalling,  // It falls.
  kFlat,     // It stays within a tolerance of what it is at the first value.
  kKnee,     // It does up to between.low, and no longer from between.high on.
  kCrossover,  // That of `of` is above that of `to` up to between.low and below it from between.high on.
  kCollapse,  // Some step of `over` leaves at_most of it.
};

// Cells that have one of these values of each axis; "trace:*" is every value that begins so.
using CellChoice = std::vector<std::pair<std::string, std::vector<std::string>>>;

struct Expectation {
  std::string claim;   // A sentence.
  std::string source;  // Who says so.
  Importance importance = Importance::kMust;
  ExpectationKind kind = ExpectationKind::kValue;
  std::string metric;              // As of samples_of().
  CellChoice where, of, to;        // `of` and `to` choose among those of `where`.
  std::string over;                // An axis.
  std::vector<std::string> order;  // Values of it, that with the largest metric first.
  std::optional<double> at_least, at_most;
  double tolerance_percent = 0;
  std::optional<Interval> between;  // Values of `over`.
};

// Keys as in a plan's [[expect]], the tables `where`, `of` and `to` among them.
const std::vector<std::string>& expectation_keys();
const std::vector<std::string>& expectation_kinds();
std::string_view to_text(ExpectationKind kind);
std::string_view to_text(Importance importance);
std::optional<ExpectationKind> kind_from(std::string_view text);
std::optional<Importance> importance_from(std::string_view text);

// What is wrong with a key, which is named without "expect.": "expected ..., found ...".
struct KeyProblem {
  std::string key;
  std::string message;
};
// Keys that the kind needs and that are not given, or that it has no use for, and limits that contradict each other.
std::vector<KeyProblem> problems_of(const Expectation& expectation,
                                    const std::set<std::string>& given);
// Every metric that an expectation may be about.
const std::vector<std::string>& judged_metrics();

// What is expected, in words: "operations_per_s, lazy-percpu over strict: at least 2".
std::string expected_text(const Expectation& expectation);

nlohmann::ordered_json to_json(const Expectation& expectation);
// The array `expectations` of resolved.json. Errors name `file`.
Result<std::vector<Expectation>> expectations_from_json(const nlohmann::json& json,
                                                        std::string_view file);

}  // namespace violet::results
