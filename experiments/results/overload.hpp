// An overload is the state of a paced replay that fell behind more and more (workloads/lag_trend.hpp): its lag and
// response times grow for as long as one looks, so that a percentile says how long that was.
//
// Threading: pure functions.
// Invariants: where one counted repetition of a cell is overloaded none gives a percentile: those that kept up would stand
// for all. The histograms stay in the run's files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "experiments/results/run_directory.hpp"

namespace violet::results {

// Of the repetitions that count.
std::size_t overloaded_repetitions(const CellData& cell);
// "overloaded in 2 of 5 repetitions"; empty: in none.
std::string overloaded_text(const CellData& cell);
// Whether a number is missing for that reason.
bool is_overload(std::string_view because);
// Whether it is a mean or percentile that an overload makes meaningless: "lag.p99".
bool grows_with_overload(std::string_view metric);

}  // namespace violet::results
