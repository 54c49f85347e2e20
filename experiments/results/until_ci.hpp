// Until its interval is narrow a cell is repeated more often than the plan says (run.until_ci_percent): which cell goes on,
// and how each ended.
//
// Threading: RepeatUntilNarrow is owner-only; the rest are pure functions.
// Invariants: a cell is judged by the interval that every table shows of it, whose confidence allows for the looks
// (looks.hpp), and by the repetitions that count (retries.hpp). A cell of which a repetition failed is not repeated. Numbers of
// repetitions are those of the plan, then those of the extra ones, the same in every cell, and retries come behind
// `most_repetitions`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "experiments/results/manifest.hpp"
#include "experiments/results/run_directory.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {

inline constexpr const char* kUntilCiMetric = "operations_per_s";

// No cell yet.
UntilCi until_ci_rule(double percent, std::uint32_t repetitions, std::uint32_t most_repetitions);
// How the cell stands by the rule now.
CellPrecision precision_of(const CellData& cell, const UntilCi& rule);
// Of medians of this run: more than kConfidence where cells stopped by a rule.
double median_confidence(const Manifest& manifest);

class RepeatUntilNarrow {
 public:
  explicit RepeatUntilNarrow(UntilCi rule) : rule_(std::move(rule)) { rule_.cells.clear(); }

  // A repetition or a retry was finished, now or before a --resume; retries after what they repeat.
  void add(const RepetitionRecord& record);
  // Whether to measure the repetition of this number, the next one of the cell.
  bool wants(const std::string& cell, std::uint32_t repetition) const;
  // Whether it will, of a cell that has the plan's repetitions.
  bool wants_another(const std::string& cell) const;
  // The rule with how every cell stands.
  UntilCi outcome() const;

 private:
  UntilCi rule_;
  std::map<std::string, CellData> cells_;  // By id; what the rule looks at alone.
};

// Of a run with such a rule: which cells were repeated how often, and which are still wide.
std::optional<Table> until_ci_table(const RunData& run);
// One sentence of the cells that are still wide; empty: none is.
std::string still_wide_text(const RunData& run);

}  // namespace violet::results
