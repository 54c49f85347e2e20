// A break-even is the cost of an exit at which a sidecore and a samecore carry out as many operations a second.
//
// Threading: pure functions.
// Invariants: cells are held against each other that agree in everything but placement, costs.exit_ns and costs.entry_ns.
// Between two measured exits the time of an operation is taken for a straight line, which it is where the exits of
// an operation are constant; beyond the measured ones nothing is said. `at` is of the medians over the repetitions that
// all of these cells have; its interval is that of the same repetitions' own break-evens, where every one of them has one,
// with the confidence of the run's medians.
// Limits: entry_ns must be one and the same in all cells of a group; without a sweep of at least two exits there is nothing.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/results/run_directory.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {

struct BreakEven {
  // kBelow: the sidecore is faster at every measured exit; kAbove: at none. kNoExits: samecore kicks nobody.
  enum class Outcome { kFound, kBelow, kAbove, kSeveral, kNoExits, kNotMeasured };

  std::string
      cells;  // What tells the group from others: "strategy=strict"; empty: it is the only one.
  std::string metric;                // operations_per_s, or operations_per_s_per_cpu.
  double least_ns = 0, most_ns = 0;  // The sweep.
  Outcome outcome = Outcome::kNotMeasured;
  std::optional<Estimate> at_ns;               // kFound only.
  std::pair<double, double> between_ns{0, 0};  // The measured exits around it.
  std::size_t found_in = 0, repetitions = 0;   // Of the repetitions alone.
};

// For each group of cells with a sweep, by throughput and by throughput for each CPU used.
std::vector<BreakEven> break_evens(const RunData& run);
// One sentence.
std::string to_text(const BreakEven& break_even);

// Where a line through (exit, seconds an operation) points reaches `seconds`; nullopt: nowhere. `points` ascend in
// their first. Exposed for tests.
struct Crossings {
  std::size_t count = 0;
  double at = 0;  // The first.
  std::pair<double, double> between{0, 0};
};
Crossings crossings(const std::vector<std::pair<double, double>>& points, double seconds);

}  // namespace violet::results
