// A study of verdicts: how often intervals hold the truth, how often verdicts are false, and what is found.
//
// Simulated: values with a known median, mean and ratio, of shapes that repetitions have. Prints a table of each, and what
// stopping at a narrow interval makes of them.
//   verdict_study [trials] [seed]
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/rng.hpp"
#include "experiments/results/looks.hpp"
#include "experiments/results/run_scatter.hpp"
#include "experiments/results/verdict.hpp"

namespace violet::results {
namespace {

double uniform(Rng& rng) { return (static_cast<double>(rng() >> 11) + 0.5) * 0x1.0p-53; }
double normal(Rng& rng) {  // Box and Muller 1958.
  return std::sqrt(-2 * std::log(uniform(rng))) * std::cos(2 * M_PI * uniform(rng));
}

constexpr double kSpread = 0.2;  // Of the logarithms.
double lognormal(Rng& rng) { return std::exp(kSpread * normal(rng)); }
// A core alone, or beside a neighbour in three of ten repetitions.
double bimodal(Rng& rng) { return std::exp(0.03 * normal(rng)) * (rng.chance(0.3) ? 2 : 1); }
double tied(Rng& rng) { return std::max(0.1, std::round(10 * lognormal(rng)) / 10); }

// Logarithms that remember half of the last one; the same spread.
std::vector<double> autocorrelated(Rng& rng, std::size_t n) {
  constexpr double kMemory = 0.5;
  double state = normal(rng);
  std::vector<double> values(n);
  for (double& value : values) {
    value = std::exp(kSpread * state);
    state = kMemory * state + std::sqrt(1 - kMemory * kMemory) * normal(rng);
  }
  return values;
}

using Draw = std::function<std::vector<double>(Rng&, std::size_t)>;
Draw independent(double (*one)(Rng&)) {
  return [one](Rng& rng, std::size_t n) {
    std::vector<double> values(n);
    for (double& value : values) value = one(rng);
    return values;
  };
}

struct Shape {
  const char* name;
  Draw draw;
  double median = 0, mean = 0;
};

std::vector<Shape> shapes(std::uint64_t seed) {
  std::vector<Shape> all = {{"lognormal", independent(lognormal)},
                            {"bimodal", independent(bimodal)},
                            {"with ties", independent(tied)},
                            {"AR(1) .5", autocorrelated}};
  Rng rng(seed);
  for (Shape& shape : all) {
    const auto values = shape.draw(rng, 2'000'000);
    shape.median = median(values);
    shape.mean = mean_estimate(values).value;
  }
  return all;
}

bool holds(const std::optional<Interval>& interval, double truth) {
  constexpr double kRounding = 1e-9;
  return interval && interval->low <= truth * (1 + kRounding) &&
         interval->high >= truth * (1 - kRounding);
}

std::vector<double> times(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

struct Coverage {
  std::size_t median = 0, mean = 0, ratio = 0, paired = 0;
};

// The pairs share their weather, which is as loud as all else.
Coverage one_coverage(const Shape& shape, std::size_t n, Rng& rng) {
  constexpr double kRatio = 1.3;
  const auto a = shape.draw(rng, n);
  const auto b = times(shape.draw(rng, n), kRatio);
  auto with = a, against = b;
  const auto weather = autocorrelated(rng, n);
  for (std::size_t i = 0; i < n; ++i) {
    with[i] *= weather[i];
    against[i] *= weather[i];
  }
  const auto ratio = ratio_estimate(a, b, Pairing::kIndependent);
  const auto paired = ratio_estimate(with, against, Pairing::kInterleaved);
  return {holds(median_estimate(a).interval, shape.median),
          holds(mean_estimate(a).interval, shape.mean), holds(ratio->interval, kRatio),
          holds(paired->interval, kRatio)};
}

std::string share(std::size_t part, std::size_t whole) {
  return fmt::format("{:.3f}", static_cast<double>(part) / static_cast<double>(whole));
}

void print_coverage(std::size_t trials, std::uint64_t seed) {
  fmt::print(
      "How often a 95 % interval holds the truth, {} trials a line (few: none is given)\n\n"
      "{:<10} {:>3} {:>9} {:>9} {:>16} {:>14}\n",
      trials, "shape", "n", "median", "mean", "ratio, two runs", "ratio, pairs");
  for (const Shape& shape : shapes(seed)) {
    for (const std::size_t n : {3U, 4U, 5U, 6U, 7U, 8U, 9U, 12U, 20U, 30U}) {
      Rng rng(seed + n);
      Coverage sum;
      for (std::size_t i = 0; i < trials; ++i) {
        const Coverage one = one_coverage(shape, n, rng);
        sum.median += one.median;
        sum.mean += one.mean;
        sum.ratio += one.ratio;
        sum.paired += one.paired;
      }
      const auto text = [&](std::size_t held, std::size_t fewest) {
        return n < fewest ? std::string("few") : share(held, trials);
      };
      fmt::print("{:<10} {:>3} {:>9} {:>9} {:>16} {:>14}\n", shape.name, n,
                 text(sum.median, kFewestForInterval), text(sum.mean, 3), text(sum.ratio, 4),
                 text(sum.paired, 6));
    }
  }
}

// A cell that is repeated until its interval is narrow (until_ci.hpp).
struct Stopping {
  Looks looks;
  double percent, confidence;
};

std::size_t stops_after(const Stopping& rule, const std::vector<double>& values) {
  std::size_t n = rule.looks.first;
  for (; n < rule.looks.last; ++n) {
    const Estimate median = median_estimate(std::span(values).first(n), rule.confidence);
    const auto& interval = median.interval;
    if (interval && 100 * (interval->high - interval->low) <= rule.percent * median.value) break;
  }
  return n;
}

void print_stopping(std::size_t trials, std::uint64_t seed) {
  constexpr Looks kLooks{5, 30};
  fmt::print(
      "\nHow often the interval of a median holds it where a cell is repeated, {} to {} times, "
      "until "
      "the interval is so narrow.\nplain: of 95 % at each look; corrected: of {:.2f} %, as runs "
      "take it. n: repetitions, mean. {} trials a line\n\n"
      "{:<10} {:>6} {:>9} {:>6} {:>10} {:>6}\n",
      kLooks.first, kLooks.last, 100 * confidence_of(kLooks), trials, "shape", "until", "plain",
      "n", "corrected", "n");
  for (const Shape& shape : shapes(seed)) {
    for (const double percent : {10.0, 20.0, 30.0, 50.0}) {
      fmt::print("{:<10} {:>4} %", shape.name, percent);
      for (const double confidence : {kConfidence, confidence_of(kLooks)}) {
        Rng rng(seed);
        std::size_t held = 0, repetitions = 0;
        for (std::size_t i = 0; i < trials; ++i) {
          const auto values = shape.draw(rng, kLooks.last);
          const std::size_t n = stops_after({kLooks, percent, confidence}, values);
          const auto taken = std::span(values).first(n);
          held += holds(median_estimate(taken, confidence).interval, shape.median) ? 1 : 0;
          repetitions += n;
        }
        fmt::print(" {:>9} {:>6.1f}", share(held, trials),
                   static_cast<double>(repetitions) / static_cast<double>(trials));
      }
      fmt::print("\n");
    }
  }
}

// A table of `kCells` comparisons, as a plan has.
constexpr std::size_t kCells = 12;

struct Setting {
  const char* name;
  std::size_t repetitions;
  double run_deviation;     // Of the logarithm of what all repetitions of a run share.
  std::size_t earlier = 0;  // Equal runs that the noise is known from; 0: cells of one run.
  bool one_run = false;
  bool weather = false;      // Both cells of a repetition share what AR(1) brings.
  double until_percent = 0;  // Each cell is repeated until its interval is so narrow; 0: it is not.
  double shared =
      0;  // Share of run_deviation's square that all cells of a run have in common, 0 to 1.
};

Samples samples_from(std::vector<double> values) {
  Samples samples{"operations_per_s", "op/s", Better::kHigher, std::move(values), {}, {}};
  for (std::uint32_t i = 0; i < samples.values.size(); ++i) samples.repetitions.push_back(i);
  return samples;
}

// What all cells of one run have in common.
double effect_of_run(Rng& rng) { return normal(rng); }

std::vector<double> run_of_cell(const Shape& shape, const Setting& setting, double factor,
                                double effect, Rng& rng) {
  const double moved =
      std::sqrt(setting.shared) * effect + std::sqrt(1 - setting.shared) * normal(rng);
  return times(shape.draw(rng, setting.repetitions),
               factor * std::exp(setting.run_deviation * moved));
}

// As noise_history.hpp knows it of runs before.
RunNoise noise_from(const Shape& shape, const Setting& setting, Rng& rng) {
  std::vector<RunMedians> cells(kCells);
  for (std::size_t run = 0; run < setting.earlier; ++run) {
    const double effect = effect_of_run(rng);
    for (RunMedians& cell : cells) {
      cell.emplace_back(run, median(run_of_cell(shape, setting, 1, effect, rng)));
    }
  }
  SharedRuns shared;
  RunScatter scatter;
  for (const RunMedians& cell : cells) {
    shared.add(cell);
    scatter.add(cell);
  }
  scatter.settle(shared.share());
  RunNoise noise;
  noise.of_value = scatter.of_value();
  noise.of_logarithm = scatter.of_logarithm();
  noise.freedom = scatter.freedom();
  noise.source = "simulated";
  return noise;
}

struct Outcome {
  std::size_t different = 0, none = 0, tables = 0;
  void add(const Outcome& other) {
    different += other.different;
    none += other.none;
    tables += other.tables;
  }
};

// One table: comparisons called better or worse, those called no difference, and whether any was called different.
Outcome one_table(const Shape& shape, const Setting& setting, double factor, Rng& rng) {
  Judgement how;
  if (!setting.one_run) {
    how.arms = Arms::kTwoRuns;
    how.noise = noise_from(shape, setting, rng);
  } else {
    how.pairing = Pairing::kInterleaved;
  }
  std::vector<Difference> rows;
  std::vector<Difference*> all;
  const double of_a = effect_of_run(rng), of_b = effect_of_run(rng);
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    auto a = run_of_cell(shape, setting, 1, of_a, rng);
    auto b = run_of_cell(shape, setting, factor, of_b, rng);
    const auto weather = autocorrelated(rng, setting.repetitions);
    for (std::size_t i = 0; setting.weather && i < a.size(); ++i) {
      a[i] *= weather[i];
      b[i] *= weather[i];
    }
    if (setting.until_percent > 0) {
      const Looks looks{5, static_cast<std::uint32_t>(setting.repetitions)};
      for (auto* arm : {&a, &b}) {
        arm->resize(stops_after({looks, setting.until_percent, confidence_of(looks)}, *arm));
      }
    }
    rows.push_back(compare_samples(samples_from(std::move(a)), samples_from(std::move(b)), how));
  }
  for (Difference& d : rows) all.push_back(&d);
  judge(all);
  Outcome outcome;
  for (const Difference& d : rows) {
    outcome.different += d.verdict == Verdict::kBetter || d.verdict == Verdict::kWorse ? 1 : 0;
    outcome.none += d.verdict == Verdict::kNoDifference ? 1 : 0;
  }
  outcome.tables = outcome.different > 0 ? 1 : 0;
  return outcome;
}

void print_verdicts(std::size_t trials, std::uint64_t seed) {
  const Setting settings[] = {{"one run, n = 9", 9, 0, 0, true},
                              {"one run, n = 20", 20, 0, 0, true},
                              {"one run, n = 9, weather", 9, 0, 0, true, true},
                              {"one run, 5 to 12, until 30 %", 12, 0, 0, true, false, 30},
                              {"two runs, n = 9, 2 earlier", 9, 0.05, 2, false},
                              {"two runs, n = 9, 5 earlier", 9, 0.05, 5, false},
                              {"two runs, n = 6, 5 earlier", 6, 0.05, 5, false},
                              {"two runs, 2 earlier, half", 9, 0.05, 2, false, false, 0, 0.5},
                              {"two runs, 4 earlier, half", 9, 0.05, 4, false, false, 0, 0.5},
                              {"two runs, 2 earlier, all", 9, 0.05, 2, false, false, 0, 1},
                              {"two runs, 4 earlier, all", 9, 0.05, 4, false, false, 0, 1}};
  const std::size_t tables = std::max<std::size_t>(1, trials / kCells);
  fmt::print(
      "\nVerdicts on {} comparisons judged together, {} tables a line. Runs scatter by 5 %.\n"
      "false: tables with any \"better\" or \"worse\" although nothing differs (at most .05); "
      "none: "
      "comparisons called\n\"no difference\" although the contender is 5 % higher, the margin (at "
      "most .05); found: comparisons called different when\nit is 10 % and 30 % higher. weather: "
      "AR(1) that both cells of a repetition share, as when interleaved; the shape\n"
      "AR(1) is a memory of each cell alone, which no interval here allows for; half, all: of what "
      "a run scatters by, all its\ncells share so much\n\n"
      "{:<10} {:<28} {:>6} {:>6} {:>10} {:>10}\n",
      kCells, tables, "shape", "setting", "false", "none", "found 10 %", "found 30 %");
  for (const Shape& shape : shapes(seed)) {
    for (const Setting& setting : settings) {
      Rng rng(seed);
      Outcome equal, margin, ten, thirty;
      for (std::size_t i = 0; i < tables; ++i) {
        equal.add(one_table(shape, setting, 1, rng));
        margin.add(one_table(shape, setting, 1.05, rng));
        ten.add(one_table(shape, setting, 1.1, rng));
        thirty.add(one_table(shape, setting, 1.3, rng));
      }
      fmt::print("{:<10} {:<28} {:>6} {:>6} {:>10} {:>10}\n", shape.name, setting.name,
                 share(equal.tables, tables), share(margin.none, tables * kCells),
                 share(ten.different, tables * kCells), share(thirty.different, tables * kCells));
    }
  }
}

std::uint64_t number_or(std::string_view text, std::uint64_t otherwise) {
  std::uint64_t number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace
}  // namespace violet::results

int main(int count, char** arguments) {
  const std::size_t trials = violet::results::number_or(count > 1 ? arguments[1] : "", 10'000);
  const std::uint64_t seed = violet::results::number_or(count > 2 ? arguments[2] : "", 1);
  violet::results::print_coverage(trials, seed);
  violet::results::print_stopping(trials, seed);
  violet::results::print_verdicts(trials, seed);
  return 0;
}
