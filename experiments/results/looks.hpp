// Looks are the numbers of repetitions at each of which a cell may stop: whoever stops as soon as an interval looks
// narrow stops at lucky ones, and of 95 % intervals that are looked at until one pleases fewer hold the median.
//
// Threading: pure functions.
// Method: repeated confidence intervals (Jennison and Turnbull, Journal of the Royal Statistical Society B 51, 1989), of a
// median. How many of the first n independent values lie below their median is a walk of fair coin tosses, whatever the
// values' distribution. So the chance that any look's interval of order statistics misses the median is a sum over walks,
// exact and no simulation; all looks share the lowest confidence that keeps this chance within 5 %. Whatever makes a cell
// stop at one of these looks, and be it the values themselves, the interval there holds the median with 95 % at least.
// Ties only make it hold more. Values that remember the one before are not independent, and it holds less.
#pragma once

#include <cstdint>

namespace violet::results {

// `first` and `last` in repetitions, both of them looked at.
struct Looks {
  std::uint32_t first = 0, last = 0;
};
inline constexpr std::uint32_t kMostLooks = 1000;  // That `last` may be.

// Of the interval at a single look; kConfidence where there is one look.
double confidence_of(const Looks& looks);
// That the interval of this confidence misses the median at one look or more.
double chance_to_miss(const Looks& looks, double confidence);

}  // namespace violet::results
