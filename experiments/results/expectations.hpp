// Expectations of a run are judged on what it measured: each holds, fails, or neither is shown.
//
// Threading: pure functions.
// Invariants: an expectation holds or fails where every comparison that it makes does so by the rules of verdict.hpp: the
// 95 % interval of the ratio lies on one side of the limit, and the test against the limit rejects after Holm's
// correction for all comparisons of all expectations of the run. Anything else is inconclusive. So are times, rates and
// means over time of cells of which most repetitions were disturbed (retries.hpp), but for a limit of 0: what must never
// happen is no matter of the host, and one repetition in which it did is enough, retried or not. Any other value alone is
// held against its limits by the 95 % interval of its median, uncorrected; without one it is inconclusive, unless two
// repetitions or more all say the same. What nothing ever ends (kStaysReachable) lies above every number.
// A missing cell or metric, and a ratio of 0 over 0, is "not judged", with the reason.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/results/expectation.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {

enum class Fulfilment { kHolds, kFails, kInconclusive, kNotJudged };
std::string_view to_text(Fulfilment fulfilment);

// One comparison of two cells with a limit, or a value.
struct Evidence {
  std::string group;                 // What tells its cells from those of other groups.
  std::string what;                  // "lazy-percpu over strict", or the metric.
  std::optional<Estimate> measured;  // The ratio; of a value its median.
  std::size_t samples = 0;           // Repetitions, of the cell with fewer.
  std::optional<double> limit;       // Of the ratio; what it lies on is the side.
  std::string side;                  // "above", "below", "at", "unclear", "not known"
  std::string reason;
  std::string test;       // Empty: none was made, and the two below say nothing.
  double adjusted_p = 1;  // After Holm's correction for the whole run.
  double a12 = 0.5;       // Chance that the contender is above the limit.
};

struct JudgedExpectation {
  Expectation expectation;
  Fulfilment fulfilment = Fulfilment::kNotJudged;
  std::string measured;  // In words, of the group that decided.
  std::string reason;    // Why it is neither shown nor refuted.
  std::size_t groups = 0, holding = 0;
  std::vector<Evidence> evidence;
};

// In the order of the plan; empty: the plan expects nothing.
std::vector<JudgedExpectation> judge_expectations(const RunData& run);

bool must_failed(std::span<const JudgedExpectation> judged);
// claim, expected, measured, verdict with the class.
Table expectations_table(std::span<const JudgedExpectation> judged);
nlohmann::ordered_json expectations_json(std::span<const JudgedExpectation> judged);

}  // namespace violet::results
