// A retry is a repetition that was measured once more because the host disturbed it. All of them are kept; statistics
// take one of each repetition and its retries: the first that was not disturbed or, where all were, the first.
//
// Threading: pure functions.
// Invariants: the choice looks at what the host did and never at what was measured. It may favour short repetitions all the
// same where a plan counts operations: a longer one meets more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/results/run_directory.hpp"

namespace violet::results {

inline constexpr const char* kRetryOf = "retry_of";
// An lcore that waited longer than this for its CPU, or a hypervisor that took more of one, in per cent of the time,
// disturbed a repetition. A CPU quota is a property of the host and no disturbance.
inline constexpr const char* kCpuWaitShare = "cpu_wait_share";
inline constexpr double kDisturbedPercent = 5;

// What disturbed it; empty: nothing, or that is not known.
std::string what_disturbed(const RepetitionRecord& record);

struct CountedRepetition {
  const RepetitionRecord* record = nullptr;
  std::uint32_t repetition = 0;  // That it is, or is a retry of.
};
// Those that statistics take, in the order of their numbers.
std::vector<CountedRepetition> counted_repetitions(const CellData& cell);
// Of these, more than half.
bool mostly_disturbed(const CellData& cell);

}  // namespace violet::results
