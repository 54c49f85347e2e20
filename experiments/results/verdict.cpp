#include "experiments/results/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/counted.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/student.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {
namespace {

constexpr double kHistogramStep = 1.0 / 1024;  // Widest bucket of three digits, of its value.
constexpr double kClockAccuracy = 1e-4;        // Of two calibrations against each other.

bool is_percentile(const std::string& name) {
  const std::size_t dot = name.rfind(".p");
  return dot != std::string::npos && dot + 2 < name.size() && name[dot + 2] >= '0' &&
         name[dot + 2] <= '9';
}

// What the clock and the histogram cannot tell apart, relative. A percentile is one call's duration, and moves by whole
// steps of the clock.
double resolution_of(const Samples& samples, double clock_step_ns) {
  if (samples.unit.ends_with("/s")) return kClockAccuracy;
  if (samples.unit != "ns") return 0;
  if (!is_percentile(samples.name)) return kClockAccuracy;
  const double value = median(samples.values);
  return std::max(kHistogramStep, value > 0 ? clock_step_ns / value : 0);
}

bool same_constant(const Samples& a, const Samples& b) {
  const auto equal = [&](double value) { return value == a.values.front(); };
  return std::all_of(a.values.begin(), a.values.end(), equal) &&
         std::all_of(b.values.begin(), b.values.end(), equal);
}

double distance(const Difference& d) {
  return d.ratio ? std::log(d.ratio->value) : d.contender.value - d.baseline.value;
}

// The deviation that belongs to distance().
std::optional<double> deviation(const Difference& d) {
  if (!d.how.noise) return std::nullopt;
  if (!d.ratio || !d.how.noise->of_logarithm) {
    return d.ratio ? std::nullopt : d.how.noise->of_value;
  }
  return std::max(*d.how.noise->of_logarithm,
                  resolution_of(d.baseline_tested, d.how.clock_step_ns) / 2);
}

// P(equal runs differ by as much).
double noise_p(const Difference& d) {
  const auto scatter = deviation(d);
  if (!scatter) return 1;
  const double away = std::abs(distance(d));
  if (away == 0) return 1;
  return *scatter == 0 ? 0 : student_p(away / (*scatter * std::sqrt(2.0)), d.how.noise->freedom);
}

// What two runs may differ by besides, as a factor; 1 within a run.
double noise_factor(const Difference& d, double confidence) {
  const auto scatter = deviation(d);
  if (!scatter || !d.ratio) return 1;
  return std::exp(student_t(1 - confidence, d.how.noise->freedom) * *scatter * std::sqrt(2.0));
}

std::optional<Interval> ratio_interval(const Difference& d, double confidence) {
  const auto estimate = ratio_estimate(d.baseline_tested.values, d.contender_tested.values,
                                       d.how.pairing, confidence);
  if (!estimate || !estimate->interval) return std::nullopt;
  const double factor = noise_factor(d, confidence);
  return Interval{std::min(estimate->interval->low, estimate->value / factor),
                  std::max(estimate->interval->high, estimate->value * factor)};
}

void test(Difference& d) {
  const auto& a = d.baseline_tested.values;
  const auto& b = d.contender_tested.values;
  const MannWhitney ranks = mann_whitney(b, a);
  d.a12 = ranks.a12;
  d.p = ranks.p;
  d.least_p = ranks.least_p;
  d.test = ranks.exact ? "Mann-Whitney, exact" : "Mann-Whitney, normal approximation";
  if (d.how.pairing == Pairing::kInterleaved) {
    const SignedRank pairs = signed_rank(a, b);
    d.p = std::min(1.0, 2 * std::min(pairs.p, ranks.p));
    d.least_p = std::min(1.0, 2 * std::min(pairs.least_p, ranks.least_p));
    d.test =
        pairs.exact && ranks.exact
            ? "Wilcoxon of pairs and Mann-Whitney, exact, the smaller p doubled"
            : "Wilcoxon of pairs and Mann-Whitney, normal approximation, the smaller p doubled";
  }
  if (d.how.arms == Arms::kTwoRuns) d.p = std::max(d.p, noise_p(d));
}

std::string why_not_measured(const Difference& d) {
  if (d.baseline.samples > 0 && d.contender.samples > 0) return "no repetition has both";
  const std::string& because =
      d.contender_tested.because.empty() ? d.baseline_tested.because : d.contender_tested.because;
  return because.empty() ? "not measured on both sides" : "no number: " + because;
}

bool is_measured(const Difference& d) {
  return !d.baseline_tested.values.empty() && !d.contender_tested.values.empty();
}

bool is_test(const Difference& d) { return is_measured(d) && d.least_p <= kSignificant; }

// Holm's step-down: the smallest p is held against all tests, the next against one fewer.
void correct(std::span<Difference* const> differences) {
  std::vector<Difference*> tests;
  for (Difference* d : differences) {
    d->adjusted_p = 1;
    if (is_test(*d)) tests.push_back(d);
  }
  std::stable_sort(tests.begin(), tests.end(),
                   [](const Difference* a, const Difference* b) { return a->p < b->p; });
  double so_far = 0;
  for (std::size_t i = 0; i < tests.size(); ++i) {
    so_far = std::max(so_far, static_cast<double>(tests.size() - i) * tests[i]->p);
    tests[i]->adjusted_p = std::min(1.0, so_far);
  }
  for (Difference* d : differences) d->tests = tests.size();
}

// What clock and histogram tell apart, as a factor.
double least_ratio(const Difference& d) {
  return 1 + std::max(resolution_of(d.baseline_tested, d.how.clock_step_ns),
                      resolution_of(d.contender_tested, d.how.clock_step_ns));
}

// How far the interval reaches at the level that one of all tests has. Of pairs two tests are made, and the smaller p is doubled.
std::optional<double> visible_of(const Difference& d) {
  const double together = static_cast<double>(std::max<std::size_t>(d.tests, 1)) *
                          (d.how.pairing == Pairing::kInterleaved ? 2 : 1);
  const auto interval = ratio_interval(d, 1 - kSignificant / together);
  if (!interval) return std::nullopt;
  return std::max(
             {interval->high / d.ratio->value, d.ratio->value / interval->low, least_ratio(d)}) -
         1;
}

// Whether the contender is better, should the difference be real.
std::optional<bool> improves(const Difference& d) {
  const Better better = d.baseline_tested.better;
  const double away = d.ratio ? distance(d) : d.a12 - 0.5;
  if (better == Better::kNeither || away == 0) return std::nullopt;
  return (away < 0) == (better == Better::kLower);
}

bool differs(const Difference& d) {
  if (d.adjusted_p > kSignificant) return false;
  if (!d.ratio) return true;
  if (!d.ratio->interval) return false;
  constexpr double kRounding = 1e-9;  // A step is none, however its ratio was rounded.
  const double least = least_ratio(d) * (1 + kRounding);
  return d.ratio->interval->low > least || d.ratio->interval->high < 1 / least;
}

bool is_equivalent(const Difference& d) {
  if (!d.ratio || !d.ratio->interval) return false;
  const double most = 1 + d.how.margin();
  return d.ratio->interval->high <= most && d.ratio->interval->low >= 1 / most;
}

std::string percent_text(double relative) { return three_digits(100 * relative) + " %"; }

std::string unseen_text(const Difference& d) {
  if (d.visible) {
    return fmt::format("smaller than {} cannot be seen here", percent_text(*d.visible));
  }
  const std::size_t mine = d.baseline_tested.values.size(),
                    theirs = d.contender_tested.values.size();
  const std::string counts = mine == theirs ? fmt::format("{} of each", counted(mine, "repetition"))
                                            : fmt::format("{} and {} repetitions", mine, theirs);
  if (!is_test(d)) return fmt::format("{} are too few: no size can be seen", counts);
  if (!d.ratio) return "0 in some repetitions: no ratio, and the test does not reject";
  if (d.tests <= 1) return fmt::format("{} are too few: no size can be seen", counts);
  return fmt::format("{} are too few for {} comparisons: no size can be seen; --metric makes fewer",
                     counts, d.tests);
}

std::string effect_text(const Difference& d) {
  std::string text = fmt::format("{} effect", effect_name(d.a12));
  if (is_equivalent(d)) text += fmt::format(", within {}", percent_text(d.how.margin()));
  return text;
}

void decide(Difference& d) {
  const auto say = [&d](Verdict verdict, std::string reason) {
    d.verdict = verdict;
    d.reason = std::move(reason);
  };
  d.regression = false;
  d.visible.reset();
  if (!is_measured(d)) return say(Verdict::kInconclusive, why_not_measured(d));
  if (same_constant(d.baseline_tested, d.contender_tested)) {
    const bool enough =
        shift_estimate(d.baseline_tested.values, d.contender_tested.values, d.how.pairing)
            .interval.has_value();
    return enough ? say(Verdict::kNoDifference, "every value is the same")
                  : say(Verdict::kInconclusive, "every value is the same, in too few repetitions");
  }
  if (d.how.arms == Arms::kTwoRuns && !deviation(d)) {
    return say(Verdict::kInconclusive, "what equal runs differ by is not known here");
  }
  if (d.ratio) d.visible = visible_of(d);
  if (differs(d)) {
    const auto better = improves(d);
    if (!better) return say(Verdict::kInconclusive, "differs; no direction is better");
    say(*better ? Verdict::kBetter : Verdict::kWorse, effect_text(d));
    const double change = d.ratio ? std::abs(d.ratio->value - 1) : INFINITY;
    d.regression = !*better && change * 100 > d.how.threshold_percent;
    return;
  }
  if (is_equivalent(d)) {
    return say(Verdict::kNoDifference, "within " + percent_text(d.how.margin()));
  }
  say(Verdict::kInconclusive, unseen_text(d));
}

}  // namespace

const char* to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kNoDifference:
      return "no difference";
    case Verdict::kInconclusive:
      break;
  }
  return "inconclusive";
}

std::optional<double> RunNoise::floor() const {
  if (!of_logarithm) return std::nullopt;
  return std::exp(student_t(1 - kConfidence, freedom) * *of_logarithm * std::sqrt(2.0)) - 1;
}

RunNoise stated_noise(double percent) {
  const double normal = student_t(1 - kConfidence, INFINITY);
  return {std::log1p(percent / 100) / normal / std::sqrt(2.0), std::nullopt,
          std::numeric_limits<double>::infinity(), "stated"};
}

namespace {

// Pairs where cells took turns and enough repetitions are of both.
Pairing pair_up(Samples& baseline, Samples& contender, Pairing pairing) {
  if (pairing == Pairing::kInterleaved) keep_shared(baseline, contender);
  return baseline.values.size() < kFewestPairs ? Pairing::kIndependent : pairing;
}

}  // namespace

std::optional<Estimate> ratio_of(Samples baseline, Samples contender, Pairing pairing) {
  const Pairing paired = pair_up(baseline, contender, pairing);
  return ratio_estimate(baseline.values, contender.values, paired);
}

Difference compare_samples(const Samples& baseline, const Samples& contender,
                           const Judgement& how) {
  Difference d;
  d.metric = baseline.name == contender.name ? baseline.name
                                             : std::string(current_metric_name(baseline.name));
  d.unit = baseline.unit;
  d.baseline_samples = d.baseline_tested = baseline;
  d.contender_samples = d.contender_tested = contender;
  d.how = how;
  d.how.pairing = pair_up(d.baseline_tested, d.contender_tested, how.pairing);
  d.baseline = median_estimate(baseline);
  d.contender = median_estimate(contender);
  d.baseline_mean = mean_estimate(baseline.values);
  d.contender_mean = mean_estimate(contender.values);
  if (is_measured(d)) {
    d.ratio = ratio_estimate(d.baseline_tested.values, d.contender_tested.values, d.how.pairing);
    if (d.ratio && d.ratio->interval) d.ratio->interval = ratio_interval(d, kConfidence);
    test(d);
  }
  if (d.how.noise) d.noise_floor = d.how.noise->floor();
  Difference* alone[] = {&d};
  judge(alone);
  return d;
}

namespace {

// Whoever was disturbed differs by that.
void withhold(Difference& d) {
  d.verdict = Verdict::kInconclusive;
  d.regression = false;
  d.visible.reset();
  d.reason = d.withheld;
}

}  // namespace

void judge(std::span<Difference* const> differences) {
  correct(differences);
  for (Difference* d : differences) {
    decide(*d);
    if (!d->withheld.empty()) withhold(*d);
  }
}

}  // namespace violet::results
