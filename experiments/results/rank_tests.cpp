#include "experiments/results/rank_tests.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "engine/base/check.hpp"

namespace violet::results {
namespace {

// Twice the midranks, which are whole numbers, in the order of `values`.
std::vector<std::size_t> doubled_midranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size()), ranks(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (std::size_t k = i; k < end; ++k) ranks[order[k]] = i + 1 + end;
    i = end;
  }
  return ranks;
}

// Twice the smaller tail at `at` of a distribution given by its weights, and the smallest such value.
struct Tails {
  double p = 1, least_p = 1;
};
Tails tails_of(std::span<const double> weights, std::size_t at) {
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto here = static_cast<std::ptrdiff_t>(at);
  const double below = std::accumulate(weights.begin(), weights.begin() + here + 1, 0.0);
  const double above = std::accumulate(weights.begin() + here, weights.end(), 0.0);
  const auto first = std::find_if(weights.begin(), weights.end(), [](double w) { return w > 0; });
  const auto last = std::find_if(weights.rbegin(), weights.rend(), [](double w) { return w > 0; });
  const double rarest = std::min(*first, *last);
  return {std::min(1.0, 2 * std::min(below, above) / all), std::min(1.0, 2 * rarest / all)};
}

// How many choices of `count` of the ranks have each sum.
std::vector<double> choices_by_sum(std::span<const std::size_t> ranks, std::size_t count) {
  const std::size_t most = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  std::vector<std::vector<double>> ways(count + 1, std::vector<double>(most + 1, 0));
  ways[0][0] = 1;
  std::size_t reached = 0, taken = 0;
  for (const std::size_t rank : ranks) {
    taken = std::min(count, taken + 1);
    for (std::size_t k = taken; k > 0; --k) {
      for (std::size_t sum = 0; sum <= reached; ++sum) {
        ways[k][sum + rank] += ways[k - 1][sum];
      }
    }
    reached += rank;
  }
  return std::move(ways[count]);
}

// How many choices of any of the ranks have each sum.
std::vector<double> subsets_by_sum(std::span<const std::size_t> ranks) {
  const std::size_t most = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  std::vector<double> ways(most + 1, 0);
  ways[0] = 1;
  for (const std::size_t rank : ranks) {
    for (std::size_t sum = most; sum >= rank && sum > 0; --sum) ways[sum] += ways[sum - rank];
  }
  return ways;
}

double normal_p(std::span<const std::size_t> doubled_ranks, double n, double m, double u) {
  // The variance of the sum of n of the midranks, which is that of U.
  const double total = n + m, mean = total + 1;
  double squares = 0;
  for (const std::size_t rank : doubled_ranks) {
    squares += (static_cast<double>(rank) - mean) * (static_cast<double>(rank) - mean);
  }
  const double variance = n * m * squares / 4 / (total * (total - 1));
  if (variance <= 0) return 1;  // All samples are equal.
  const double distance = std::max(0.0, std::abs(u - n * m / 2) - 0.5);
  return std::min(1.0, std::erfc(distance / std::sqrt(variance) / std::sqrt(2.0)));
}

// Of a sum of doubled ranks each of which is in it or not, by chance.
double normal_signs_p(std::span<const std::size_t> doubled_ranks, double sum) {
  double all = 0, squares = 0;
  for (const std::size_t rank : doubled_ranks) {
    all += static_cast<double>(rank);
    squares += static_cast<double>(rank) * static_cast<double>(rank);
  }
  const double distance = std::max(0.0, std::abs(sum - all / 2) - 1);  // A half, doubled.
  return std::min(1.0, std::erfc(distance / std::sqrt(squares / 4) / std::sqrt(2.0)));
}

// The quantile of the standard normal distribution, by bisection: only for large samples.
double normal_quantile(double probability) {
  double low = -40, high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

// How many orderings of n and m values without ties have each U: the coefficients of the Gaussian binomial of
// n + m over n, which are whole numbers below 2^63 for all that are counted.
std::vector<double> orderings_by_u(std::size_t n, std::size_t m) {
  std::vector<std::int64_t> ways(n * m + 1, 0);
  ways[0] = 1;
  for (std::size_t i = 1; i <= n; ++i) {  // Times (1 - q^(m + i)) over (1 - q^i).
    for (std::size_t u = ways.size(); u-- > m + i;) ways[u] -= ways[u - m - i];
    for (std::size_t u = i; u < ways.size(); ++u) ways[u] += ways[u - i];
  }
  return {ways.begin(), ways.end()};
}

// How many of the `weights`, from the first, hold at most `tail` of all: with k of them, the k-th smallest and
// the k-th largest of the values that the weights count are the ends of an interval.
std::size_t ranks_in_tail(std::span<const double> weights, double tail) {
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  std::size_t k = 0;
  while (k < weights.size() && (sum + weights[k]) / all <= tail) sum += weights[k++];
  return k;
}

std::size_t independent_ranks(std::size_t n, std::size_t m, double tail) {
  if (std::max(n, m) <= kExactSamples) {
    return ranks_in_tail(orderings_by_u(n, m), tail);
  }
  const auto a = static_cast<double>(n), b = static_cast<double>(m);
  const double away = normal_quantile(1 - tail) * std::sqrt(a * b * (a + b + 1) / 12);
  return static_cast<std::size_t>(std::max(0.0, std::floor(a * b / 2 - away)));
}

std::size_t paired_ranks(std::size_t pairs, double tail) {
  if (pairs > kExactPairs) {
    const auto n = static_cast<double>(pairs);
    const double away = normal_quantile(1 - tail) * std::sqrt(n * (n + 1) * (2 * n + 1) / 24);
    return static_cast<std::size_t>(std::max(0.0, std::floor(n * (n + 1) / 4 - away)));
  }
  std::vector<std::size_t> ranks(pairs);
  std::iota(ranks.begin(), ranks.end(), std::size_t{1});
  return ranks_in_tail(subsets_by_sum(ranks), tail);
}

std::vector<double> shifts_of(std::span<const double> baseline, std::span<const double> contender,
                              Pairing pairing) {
  std::vector<double> shifts;
  if (pairing == Pairing::kIndependent) {
    for (const double b : contender) {
      for (const double a : baseline) shifts.push_back(b - a);
    }
    return shifts;
  }
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    for (std::size_t k = i; k < baseline.size(); ++k) {
      shifts.push_back((contender[i] - baseline[i] + (contender[k] - baseline[k])) / 2);
    }
  }
  return shifts;
}

bool all_positive(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value > 0; });
}

std::vector<double> logarithms(std::span<const double> values) {
  std::vector<double> logs(values.begin(), values.end());
  for (double& value : logs) value = std::log(value);
  return logs;
}

}  // namespace

MannWhitney mann_whitney(std::span<const double> first, std::span<const double> second) {
  MannWhitney result;
  if (first.empty() || second.empty()) return result;
  std::vector<double> pooled(first.begin(), first.end());
  pooled.insert(pooled.end(), second.begin(), second.end());
  const auto ranks = doubled_midranks(pooled);
  const std::size_t sum = std::accumulate(
      ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(first.size()), std::size_t{0});
  const auto n = static_cast<double>(first.size()), m = static_cast<double>(second.size());
  result.u = static_cast<double>(sum) / 2 - n * (n + 1) / 2;
  result.a12 = result.u / (n * m);
  result.exact = std::max(first.size(), second.size()) <= kExactSamples;
  if (result.exact) {
    const Tails tails = tails_of(choices_by_sum(ranks, first.size()), sum);
    result.p = tails.p;
    result.least_p = tails.least_p;
  } else {
    result.p = normal_p(ranks, n, m, result.u);
    result.least_p = normal_p(ranks, n, m, 0);
  }
  return result;
}

SignedRank signed_rank(std::span<const double> baseline, std::span<const double> contender) {
  VIOLET_CHECK(baseline.size() == contender.size());
  std::vector<double> sizes(baseline.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] = std::abs(contender[i] - baseline[i]);
  const auto ranks = doubled_midranks(sizes);
  std::vector<std::size_t> signed_ranks;
  std::size_t sum = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) continue;
    signed_ranks.push_back(ranks[i]);
    if (contender[i] > baseline[i]) sum += ranks[i];
  }
  if (signed_ranks.empty()) return {};
  if (signed_ranks.size() > kExactPairs) {
    return {normal_signs_p(signed_ranks, static_cast<double>(sum)), normal_signs_p(signed_ranks, 0),
            false};
  }
  const Tails tails = tails_of(subsets_by_sum(signed_ranks), sum);
  return {tails.p, tails.least_p};
}

const char* effect_name(double a12) {
  const double away = std::abs(a12 - 0.5);
  if (away >= 0.21) return "large";
  if (away >= 0.14) return "medium";
  return away >= 0.06 ? "small" : "negligible";
}

Estimate shift_estimate(std::span<const double> baseline, std::span<const double> contender,
                        Pairing pairing, double confidence) {
  const bool paired = pairing == Pairing::kInterleaved;
  VIOLET_CHECK(!paired || baseline.size() == contender.size());
  Estimate estimate{
      std::numeric_limits<double>::quiet_NaN(), {}, std::min(baseline.size(), contender.size())};
  auto shifts = shifts_of(baseline, contender, pairing);
  if (shifts.empty()) return estimate;
  // Of millions of shifts three are wanted.
  const auto at = [&shifts](std::size_t place) {
    const auto nth = shifts.begin() + static_cast<std::ptrdiff_t>(place);
    std::nth_element(shifts.begin(), nth, shifts.end());
    return *nth;
  };
  const double below = at((shifts.size() - 1) / 2);
  estimate.value = below + 0.5 * (at(shifts.size() / 2) - below);
  const double tail = (1 - confidence) / 2;
  const std::size_t k = paired ? paired_ranks(baseline.size(), tail)
                               : independent_ranks(baseline.size(), contender.size(), tail);
  if (k > 0 && k <= shifts.size()) {
    const double low = at(k - 1);
    estimate.interval = Interval{low, at(shifts.size() - k)};
  }
  return estimate;
}

std::optional<Estimate> ratio_estimate(std::span<const double> baseline,
                                       std::span<const double> contender, Pairing pairing,
                                       double confidence) {
  if (baseline.empty() || contender.empty()) return std::nullopt;
  if (!all_positive(baseline) || !all_positive(contender)) return std::nullopt;
  Estimate estimate =
      shift_estimate(logarithms(baseline), logarithms(contender), pairing, confidence);
  estimate.value = std::exp(estimate.value);
  if (estimate.interval) {
    estimate.interval =
        Interval{std::exp(estimate.interval->low), std::exp(estimate.interval->high)};
  }
  return estimate;
}

}  // namespace violet::results
