#include "experiments/results/expectation_inquiry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {
namespace {

void answer_endless(Question& question, const CellData& mine, const CellData& theirs,
                    const Samples& a, const Samples& b) {
  if (is_endless(a) && is_endless(b)) {
    question.known = Side::kAt;
  } else if (is_endless(a) ? b.values.empty() : a.values.empty()) {
    question.known = Side::kUnknown;
    question.because = is_endless(a) ? lack_of(theirs, b) : lack_of(mine, a);
  } else {
    question.known = is_endless(a) ? Side::kAbove : Side::kBelow;
  }
}

// One and the same value in every repetition of both.
bool is_exact(const Difference& d) {
  const auto& baseline = d.baseline_tested.values;
  const auto& contender = d.contender_tested.values;
  const auto same = [&](double value) { return value == baseline.front(); };
  return std::all_of(baseline.begin(), baseline.end(), same) &&
         std::all_of(contender.begin(), contender.end(), same);
}

bool all_zero(const Samples& samples) {
  return std::all_of(samples.values.begin(), samples.values.end(),
                     [](double value) { return value == 0; });
}

}  // namespace

std::string_view to_text(Side side) {
  switch (side) {
    case Side::kAbove:
      return "above";
    case Side::kBelow:
      return "below";
    case Side::kAt:
      return "at";
    case Side::kUnclear:
      return "unclear";
    case Side::kUnknown:
      break;
  }
  return "not known";
}

bool is_endless(const Samples& samples) {
  return samples.values.empty() && samples.because == kStaysReachable;
}

std::string lack_of(const CellData& cell, const Samples& samples) {
  if (cell.repetitions.empty()) return fmt::format("{} was not measured", cell.cell.label);
  return fmt::format("{} has no {}: {}", cell.cell.label, samples.name, samples.because);
}

std::size_t Inquiry::ask(std::size_t contender, std::size_t baseline, const std::string& metric,
                         double limit, std::string what, Nothing nothing) {
  Question& question = questions_.emplace_back();
  question.what = std::move(what);
  question.limit = limit;
  const CellData &mine = run_.cells[contender], &theirs = run_.cells[baseline];
  const Samples a = samples_of(mine, metric), b = samples_of(theirs, metric);
  if (is_endless(a) || is_endless(b)) {
    answer_endless(question, mine, theirs, a, b);
  } else if (a.values.empty() || b.values.empty()) {
    question.known = Side::kUnknown;
    question.because = a.values.empty() ? lack_of(mine, a) : lack_of(theirs, b);
  } else if (nothing == Nothing::kIsNoRatio && all_zero(a) && all_zero(b)) {
    question.known = Side::kUnknown;
    question.because = "0 over 0 is no ratio";
  } else {
    compare_with(question, mine, theirs, metric);
  }
  return questions_.size() - 1;
}

void Inquiry::compare_with(Question& question, const CellData& mine, const CellData& theirs,
                           const std::string& metric) {
  CompareOptions options;
  options.metrics = {metric};
  question.plain = differences_of({&run_, &theirs}, {&run_, &mine}, options).front();
  Samples baseline = question.plain.baseline_tested, contender = question.plain.contender_tested;
  for (double& value : baseline.values) value *= question.limit;
  baseline.better = contender.better = Better::kHigher;  // "Better" is above the limit.
  // The limit makes the clock's steps longer, as it does the values.
  Judgement how = question.plain.how;
  how.clock_step_ns *= std::max(1.0, question.limit);
  question.scaled = compare_samples(baseline, contender, how);
  // Between two cells that see the same weather a difference is one; a limit is of what there is without it.
  const bool weather =
      follows_weather(question.plain.unit) && (mostly_disturbed(mine) || mostly_disturbed(theirs));
  if (weather) question.because = "most repetitions were disturbed";
  question.scaled.withheld = weather ? question.because : question.plain.withheld;
}

void Inquiry::judge_all() {
  std::vector<Difference*> tests;
  for (Question& question : questions_) {
    if (!question.known) tests.push_back(&question.scaled);
  }
  judge(tests);
}

Side Inquiry::side(std::size_t number) const {
  const Question& question = questions_[number];
  if (question.known) return *question.known;
  switch (question.scaled.verdict) {
    case Verdict::kBetter:
      return Side::kAbove;
    case Verdict::kWorse:
      return Side::kBelow;
    case Verdict::kNoDifference:
      return is_exact(question.scaled) ? Side::kAt : Side::kUnclear;
    case Verdict::kInconclusive:
      break;
  }
  return Side::kUnclear;
}

std::string Inquiry::reason(std::size_t number) const {
  const Question& question = questions_[number];
  if (question.known || !question.because.empty()) return question.because;
  if (question.scaled.verdict == Verdict::kNoDifference) {
    return fmt::format("the interval holds the limit of {}", three_digits(question.limit));
  }
  return question.scaled.reason;
}

}  // namespace violet::results
