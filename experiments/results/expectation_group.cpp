#include "experiments/results/expectation_group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/counted.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {
namespace {

int weight_of(Fulfilment fulfilment) {
  switch (fulfilment) {
    case Fulfilment::kFails:
      return 3;
    case Fulfilment::kInconclusive:
      return 2;
    case Fulfilment::kNotJudged:
      return 1;
    case Fulfilment::kHolds:
      break;
  }
  return 0;
}

std::string estimate_words(const Estimate& estimate, const std::string& unit) {
  const auto words = [&](double value) {
    return unit.empty() ? three_digits(value) : with_unit(value, unit);
  };
  if (!estimate.interval || estimate.interval->low == estimate.interval->high) {
    return words(estimate.value);
  }
  return fmt::format("{} ({} .. {})", words(estimate.value), words(estimate.interval->low),
                     words(estimate.interval->high));
}

// Where the median lies; nothing: too few repetitions tell, and they do not all say the same.
std::optional<Interval> range_of(const Samples& samples) {
  const auto& values = samples.values;
  const auto interval = median_estimate(samples).interval;
  if (interval || values.size() < 2) return interval;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return *least == *most ? std::optional(Interval{*least, *most}) : std::nullopt;
}

std::string value_words(const Samples& samples) {
  if (is_endless(samples)) return "always";
  if (samples.values.empty()) return "n/a";
  const double middle = median(samples.values);
  const bool count = are_counts(samples) && samples.unit == "1";
  return count ? fmt::format("{}", middle) : with_unit(middle, samples.unit);
}

}  // namespace

Fulfilment worse_of(Fulfilment a, Fulfilment b) { return weight_of(a) >= weight_of(b) ? a : b; }

GroupJudge::GroupJudge(const RunData& run, const Expectation& expectation, CellGroup group,
                       Inquiry& inquiry)
    : run_(run), e_(expectation), group_(std::move(group)), inquiry_(inquiry) {
  ask();
}

// --- What is asked ---

void GroupJudge::want(std::size_t contender, std::size_t baseline, double limit, Wanted wanted,
                      std::string what) {
  // Nothing is as much as nothing, and may be in order or flat; how many times as much it is nobody can say.
  const bool of_parts = e_.kind == ExpectationKind::kRatio || e_.kind == ExpectationKind::kCollapse;
  const Nothing nothing = of_parts && limit != 0 ? Nothing::kIsNoRatio : Nothing::kIsEqual;
  conditions_.push_back(
      {inquiry_.ask(contender, baseline, e_.metric, limit, std::move(what), nothing), wanted});
}

std::string GroupJudge::over_words(std::size_t i, std::size_t k) const {
  return fmt::format("{} over {}", group_.values[i], group_.values[k]);
}

double GroupJudge::number_at(std::size_t i) const { return place_of(group_, i); }

void GroupJudge::ask() {
  const auto& cells = group_.cells;
  switch (e_.kind) {
    case ExpectationKind::kValue:
      return;
    case ExpectationKind::kRatio:
      if (e_.at_least) want(cells[0], group_.against[0], *e_.at_least, Wanted::kAtLeast, "ratio");
      if (e_.at_most) want(cells[0], group_.against[0], *e_.at_most, Wanted::kAtMost, "ratio");
      return;
    case ExpectationKind::kOrder:
      for (std::size_t i = 0; i + 1 < cells.size(); ++i) {
        want(cells[i], cells[i + 1], 1 / slack(), Wanted::kAtLeast, over_words(i, i + 1));
      }
      return;
    case ExpectationKind::kRising:
    case ExpectationKind::kFalling:
      return ask_monotone(e_.kind == ExpectationKind::kFalling);
    case ExpectationKind::kFlat:
    case ExpectationKind::kKnee:
      for (std::size_t i = 1; i < cells.size(); ++i) ask_same(i);
      return;
    case ExpectationKind::kCrossover:
      return ask_crossover();
    case ExpectationKind::kCollapse:
      for (std::size_t i = 0; i + 1 < cells.size(); ++i) {
        want(cells[i + 1], cells[i], *e_.at_most, Wanted::kAtMost, over_words(i + 1, i));
      }
      return;
  }
}

void GroupJudge::ask_monotone(bool falling) {
  const auto step = [&](std::size_t from, std::size_t to, double limit, Wanted wanted) {
    const std::size_t upper = falling ? from : to, lower = falling ? to : from;
    want(group_.cells[upper], group_.cells[lower], limit, wanted, over_words(upper, lower));
  };
  const std::size_t last = group_.cells.size() - 1;
  for (std::size_t i = 0; i < last; ++i) step(i, i + 1, 1 / slack(), Wanted::kAtLeast);
  step(0, last, 1, Wanted::kMore);  // What is flat is not monotone.
}

void GroupJudge::ask_same(std::size_t i) {
  want(group_.cells[i], group_.cells[0], 1 / slack(), Wanted::kAtLeast, over_words(i, 0));
  want(group_.cells[i], group_.cells[0], slack(), Wanted::kAtMost, over_words(i, 0));
}

void GroupJudge::ask_crossover() {
  const std::size_t count = group_.cells.size();
  for (std::size_t i = 0; i < count; ++i) {
    const bool early = e_.between ? number_at(i) <= e_.between->low : i == 0;
    const bool late = e_.between ? number_at(i) >= e_.between->high : i + 1 == count;
    if (early) {
      want(group_.cells[i], group_.against[i], 1, Wanted::kMore, "ratio at " + group_.values[i]);
    } else if (late) {
      want(group_.against[i], group_.cells[i], 1, Wanted::kMore, "inverse at " + group_.values[i]);
    }
  }
}

// --- What came of it ---

Fulfilment GroupJudge::met(Side side, Wanted wanted) {
  if (side == Side::kUnknown) return Fulfilment::kNotJudged;
  if (side == Side::kUnclear) return Fulfilment::kInconclusive;
  const bool at = side == Side::kAt && wanted != Wanted::kMore;
  const bool good = at || side == (wanted == Wanted::kAtMost ? Side::kBelow : Side::kAbove);
  return good ? Fulfilment::kHolds : Fulfilment::kFails;
}

Fulfilment GroupJudge::every_condition() const {
  if (conditions_.empty()) return Fulfilment::kNotJudged;
  Fulfilment all = Fulfilment::kHolds;
  for (const Condition& one : conditions_) all = worse_of(all, met(one));
  return all;
}

Fulfilment GroupJudge::any_condition() const {
  Fulfilment all = Fulfilment::kFails;
  for (const Condition& one : conditions_) {
    const Fulfilment its = met(one);
    if (its == Fulfilment::kHolds) return its;
    if (its == Fulfilment::kInconclusive || all == Fulfilment::kFails) all = its;
  }
  return all;
}

Fulfilment GroupJudge::same(std::size_t i) const {
  return worse_of(met(conditions_[2 * (i - 1)]), met(conditions_[2 * (i - 1) + 1]));
}

// The same up to the one value, and not the same from the other on.
Fulfilment GroupJudge::knee() const {
  Fulfilment all = Fulfilment::kHolds;
  for (std::size_t i = 1; i < group_.cells.size(); ++i) {
    const Fulfilment its = same(i);
    if (number_at(i) <= e_.between->low) {
      all = worse_of(all, its);
    } else if (number_at(i) >= e_.between->high) {
      const bool decided = its == Fulfilment::kHolds || its == Fulfilment::kFails;
      const Fulfilment inverse =
          its == Fulfilment::kHolds ? Fulfilment::kFails : Fulfilment::kHolds;
      all = worse_of(all, decided ? inverse : its);
    }
  }
  return all;
}

Fulfilment GroupJudge::fulfilment() const {
  switch (e_.kind) {
    case ExpectationKind::kValue:
      return value();
    case ExpectationKind::kCollapse:
      return any_condition();
    case ExpectationKind::kKnee:
      return knee();
    default:
      return every_condition();
  }
}

// --- A value alone ---

// Of what must never happen every repetition is a witness, whatever a retry of it found.
Samples GroupJudge::own_samples() const {
  const CellData& cell = run_.cells[group_.cells[0]];
  if (!must_never_happen()) return samples_of(cell, e_.metric);
  CellData all = cell;
  for (RepetitionRecord& one : all.repetitions) one.retry_of.reset();
  return samples_of(all, e_.metric);
}

bool GroupJudge::must_never_happen() const {
  return e_.kind == ExpectationKind::kValue && e_.at_most && *e_.at_most == 0;
}

bool GroupJudge::withheld(const Samples& samples) const {
  // Nothing that the host does makes a zero of a number, or leaves something of nothing.
  return follows_weather(samples.unit) && !must_never_happen() &&
         mostly_disturbed(run_.cells[group_.cells[0]]);
}

Fulfilment GroupJudge::value() const {
  const Samples samples = own_samples();
  if (is_endless(samples)) return e_.at_most ? Fulfilment::kFails : Fulfilment::kHolds;
  if (samples.values.empty()) return Fulfilment::kNotJudged;
  if (withheld(samples)) return Fulfilment::kInconclusive;
  if (must_never_happen()) {
    const double most = *std::max_element(samples.values.begin(), samples.values.end());
    return most > 0 ? Fulfilment::kFails : Fulfilment::kHolds;
  }
  const auto known = range_of(samples);
  if (!known) return Fulfilment::kInconclusive;
  const Interval& range = *known;
  Fulfilment both = Fulfilment::kHolds;
  const auto hold = [&](bool inside, bool outside) {
    const Fulfilment missed = outside ? Fulfilment::kFails : Fulfilment::kInconclusive;
    both = worse_of(both, inside ? Fulfilment::kHolds : missed);
  };
  if (e_.at_least) hold(range.low >= *e_.at_least, range.high < *e_.at_least);
  if (e_.at_most) hold(range.high <= *e_.at_most, range.low > *e_.at_most);
  return both;
}

std::string GroupJudge::value_reason(Fulfilment whole) const {
  const Samples samples = own_samples();
  if (whole == Fulfilment::kNotJudged) return lack_of(run_.cells[group_.cells[0]], samples);
  if (whole != Fulfilment::kInconclusive) return {};
  if (withheld(samples)) return "most repetitions were disturbed";
  if (range_of(samples)) return "the interval holds the limit";
  const std::size_t count = samples.values.size();
  return fmt::format("{} {} too few for an interval: it takes {}", counted(count, "repetition"),
                     count == 1 ? "is" : "are", fewest_for_interval(samples.confidence));
}

std::string GroupJudge::value_words_with_interval() const {
  const Samples samples = own_samples();
  if (must_never_happen() && !samples.values.empty()) {
    Samples worst = samples;
    worst.values = {*std::max_element(samples.values.begin(), samples.values.end())};
    return value_words(worst);
  }
  if (samples.values.empty() || are_counts(samples)) return value_words(samples);
  return estimate_words(median_estimate(samples), samples.unit);
}

// --- In words ---

std::string GroupJudge::ratio_words(std::size_t number) const {
  const Question& question = inquiry_.question(number);
  if (question.plain.ratio) return "×" + estimate_words(*question.plain.ratio, "");
  if (question.known) return *question.known == Side::kUnknown ? "n/a" : "always against a number";
  return fmt::format("{} against {}", value_words(question.plain.contender_samples),
                     value_words(question.plain.baseline_samples));
}

std::string GroupJudge::at(std::size_t cell) const {
  return value_words(samples_of(run_.cells[cell], e_.metric));
}

std::string GroupJudge::order_words() const {
  std::string words;
  for (std::size_t i = 0; i < group_.cells.size(); ++i) {
    words += fmt::format("{}{} {}", i == 0 ? "" : ", ", group_.values[i], at(group_.cells[i]));
  }
  return words;
}

// "1.2 M/s at 0, 0.9 M/s at 1500": all of a few, else the ends and the middle.
std::string GroupJudge::points() const {
  constexpr std::size_t kMostPoints = 5;
  const std::size_t count = group_.cells.size();
  std::string words;
  for (std::size_t i = 0; i < count; ++i) {
    const bool shown = count <= kMostPoints || i == 0 || i + 1 == count || i == count / 2;
    if (!shown) continue;
    words +=
        fmt::format("{}{} at {}", words.empty() ? "" : ", ", at(group_.cells[i]), group_.values[i]);
  }
  return words;
}

std::string GroupJudge::knee_words() const {
  std::string last = group_.values[0];
  for (std::size_t i = 1; i < group_.cells.size(); ++i) {
    const Fulfilment its = same(i);
    if (its == Fulfilment::kFails) {
      return fmt::format("between {} and {}", last, group_.values[i]);
    }
    if (its == Fulfilment::kHolds) last = group_.values[i];
  }
  return last == group_.values.back() ? "none" : fmt::format("none up to {}", last);
}

std::string GroupJudge::steepest_step() const {
  std::optional<double> least;
  std::string where = "no step";
  for (std::size_t i = 0; i < conditions_.size(); ++i) {
    const auto& ratio = inquiry_.question(conditions_[i].question).plain.ratio;
    if (!ratio || (least && ratio->value >= *least)) continue;
    least = ratio->value;
    where = fmt::format("{} to {}: {}", group_.values[i], group_.values[i + 1],
                        ratio_words(conditions_[i].question));
  }
  return where;
}

// The ratio of the medians at both ends, and between which points it passes 1.
std::string GroupJudge::crossover_words() const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < group_.cells.size(); ++i) {
    const Samples of = samples_of(run_.cells[group_.cells[i]], e_.metric);
    const Samples to = samples_of(run_.cells[group_.against[i]], e_.metric);
    if (of.values.empty() || to.values.empty() || median(to.values) <= 0) return "n/a";
    ratios.push_back(median(of.values) / median(to.values));
  }
  const std::string ends =
      fmt::format("×{} at {}, ×{} at {}", three_digits(ratios.front()), group_.values.front(),
                  three_digits(ratios.back()), group_.values.back());
  for (std::size_t i = 0; i + 1 < ratios.size(); ++i) {
    if (ratios[i] < 1 || ratios[i + 1] >= 1) continue;
    return fmt::format("between {} and {}; {}", group_.values[i], group_.values[i + 1], ends);
  }
  return "nowhere; " + ends;
}

std::string GroupJudge::measured() const {
  switch (e_.kind) {
    case ExpectationKind::kValue:
      return value_words_with_interval();
    case ExpectationKind::kRatio:
      return ratio_words(conditions_.front().question);
    case ExpectationKind::kOrder:
      return order_words();
    case ExpectationKind::kCrossover:
      return crossover_words();
    case ExpectationKind::kKnee:
      return knee_words() + ": " + points();
    case ExpectationKind::kCollapse:
      return steepest_step() + "; " + points();
    default:
      return points();
  }
}

std::string GroupJudge::reason() const {
  const Fulfilment whole = fulfilment();
  if (whole == Fulfilment::kHolds) return {};
  if (e_.kind == ExpectationKind::kValue) return value_reason(whole);
  if (conditions_.empty()) return "no value lies on either side of between";
  for (const Condition& one : conditions_) {
    if (met(one) != whole) continue;
    const std::string& what = inquiry_.question(one.question).what;
    if (whole != Fulfilment::kFails) return what + ": " + inquiry_.reason(one.question);
    // Of a ratio that is all that was measured; a knee may fail by what did not change.
    const bool said = e_.kind == ExpectationKind::kRatio || e_.kind == ExpectationKind::kKnee;
    return said ? std::string() : what + " is " + ratio_words(one.question);
  }
  return {};
}

void GroupJudge::add_evidence(std::vector<Evidence>& evidence) const {
  if (e_.kind == ExpectationKind::kValue) {
    const Samples samples = own_samples();
    Evidence said;
    said.group = group_.label;
    said.what = e_.metric;
    if (!samples.values.empty()) said.measured = median_estimate(samples);
    said.samples = samples.values.size();
    said.reason = value_reason(value());
    evidence.push_back(std::move(said));
    return;
  }
  for (const Condition& one : conditions_) {
    const Question& question = inquiry_.question(one.question);
    Evidence said;
    said.group = group_.label;
    said.what = question.what;
    said.measured = question.plain.ratio;
    said.limit = question.limit;
    said.side = to_text(inquiry_.side(one.question));
    said.reason = inquiry_.reason(one.question);
    said.samples = std::min(question.plain.baseline_tested.values.size(),
                            question.plain.contender_tested.values.size());
    if (!question.known) {
      said.test = question.scaled.test;
      said.adjusted_p = question.scaled.adjusted_p;
      said.a12 = question.scaled.a12;
    }
    evidence.push_back(std::move(said));
  }
}

}  // namespace violet::results
