#include "experiments/results/compare.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/base/counted.hpp"
#include "experiments/results/expectation_cells.hpp"
#include "experiments/results/host_regime.hpp"
#include "experiments/results/label_words.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/overload.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/run_differences.hpp"

namespace violet::results {
namespace {

std::string axes_key(const CellRecord& cell, const std::vector<std::string>& ignored) {
  std::map<std::string, std::string> axes;
  for (const auto& [name, value] : cell.axes) {
    if (std::find(ignored.begin(), ignored.end(), name) != ignored.end()) continue;
    const std::string text = to_text(value);
    // A cost of nothing is none: older runs have no such setting.
    if (name.starts_with("costs.") && text == "0") continue;
    if (name == "timers" && text == "real") continue;  // Nor this one, of which they had no other.
    if (name == "workload.nvme-4k.service_ns" && text == "0") continue;  // Nor a slow device.
    // A sidecore has hardly any exits, whatever they would cost.
    if (axis_text(cell, "placement") == "sidecore" && is_cost_of_exits(name)) continue;
    axes[name] = text;
  }
  std::string key;
  for (const auto& [name, value] : axes) key += fmt::format("{}={}\n", name, value);
  return key;
}

using CellMap = std::map<std::string, const CellData*>;

Result<CellMap> cells_by_axes(const RunData& run, const std::vector<std::string>& ignored) {
  CellMap map;
  for (const CellData& data : run.cells) {
    const auto [at, fresh] = map.emplace(axes_key(data.cell, ignored), &data);
    if (fresh) continue;
    return fail(ErrorKind::kUsage,
                "{}: the cells '{}' and '{}' cannot be told apart without the ignored axes",
                run.manifest.run_id, at->second->cell.label, data.cell.label);
  }
  return map;
}

Status check_metrics(const RunData& run, const CompareOptions& options) {
  if (options.metrics.empty()) return {};
  std::set<std::string> known;
  for (const CellData& cell : run.cells) {
    for (const Samples& samples : samples_of(cell)) known.insert(samples.name);
  }
  if (known.empty()) return {};  // Nothing was measured at all: compare() says so.
  for (const std::string& metric : options.metrics) {
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const std::string& name) {
      return same_metric(name, metric);
    });
    if (is_known) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    return fail(ErrorKind::kUsage, "{}: metric '{}' was not measured{}; there are {}",
                run.manifest.run_id, metric, meant_metric(metric, names), fmt::join(names, ", "));
  }
  return {};
}

bool is_same(const RunData& a, const RunData& b) {
  // Not by its id: two hosts may start one plan in one second.
  return &a == &b || (!a.directory.empty() && a.directory == b.directory);
}
bool is_one_run(const Arm& a, const Arm& b) { return is_same(*a.run, *b.run); }

// A run held against itself differs in nothing, and says nothing.
Status check_different(std::span<const RunData> runs) {
  for (std::size_t i = 1; i < runs.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!is_same(runs[i], runs[j])) continue;
      return fail(ErrorKind::kUsage,
                  "{} is given twice: name two runs, or compare the cells of one with --baseline, "
                  "for example strategy=strict",
                  runs[i].manifest.run_id);
    }
  }
  return {};
}

// Times and rates as if both runs had calibrated their clocks together.
void calibrate(Samples& samples, double factor) {
  if (samples.unit == "ns") {
    for (double& value : samples.values) value *= factor;
  } else if (samples.unit.ends_with("/s")) {
    for (double& value : samples.values) value /= factor;
  }
}

std::vector<Samples> wanted_samples(const CellData& cell, const CompareOptions& options) {
  if (options.metrics.empty()) return compared_samples(cell);
  const CellSamples all(cell);
  std::vector<Samples> wanted;
  for (const std::string& metric : options.metrics) {
    const Samples* known = all.find(metric);
    wanted.push_back(known != nullptr ? *known : samples_of(cell, metric));
  }
  return wanted;
}

Judgement judgement_of(const Arm& baseline, const Arm& contender, const CompareOptions& options) {
  Judgement how;
  if (!is_one_run(baseline, contender)) {
    how.arms = Arms::kTwoRuns;
    if (options.noise_percent) how.noise = stated_noise(*options.noise_percent);
  } else {
    how.pairing = pairing_of(*baseline.run);
  }
  how.threshold_percent =
      options.threshold_percent.value_or(baseline.run->manifest.threshold_percent);
  how.margin_percent = options.margin_percent;
  for (const Arm* arm : {&baseline, &contender}) {
    how.clock_step_ns =
        std::max(how.clock_step_ns, arm->run->manifest.clock_step_ns.value_or(how.clock_step_ns));
  }
  return how;
}

std::optional<double> injected_share(const CellData& cell) {
  const Samples samples = samples_of(cell, std::string(kInjectedShare));
  if (samples.values.empty()) return std::nullopt;
  return median(samples.values);
}

std::optional<RunNoise> noise_between(const Arm& baseline, const Arm& contender,
                                      std::string_view metric, const NoiseHistory& history) {
  auto noise = history.of(*baseline.run, baseline.cell->cell, metric);
  auto theirs = history.of(*contender.run, contender.cell->cell, metric);
  if (!noise || !theirs) return noise ? noise : theirs;
  const bool louder = theirs->of_logarithm && noise->of_logarithm
                          ? *theirs->of_logarithm > *noise->of_logarithm
                          : *theirs->of_value > *noise->of_value;
  return louder ? theirs : noise;
}

void warn_about_disturbed(Contrast& contrast) {
  if (contrast.disturbed.empty()) return;
  contrast.warnings.push_back(fmt::format(
      "other programs, or a hypervisor, had the CPUs of {} for over {} % of the time, for example "
      "of {}: see "
      "cpu_wait_share",
      counted(contrast.disturbed.size(), "cell"), kDisturbedPercent, contrast.disturbed.front()));
}

void warn_about_overload(Contrast& contrast) {
  if (contrast.overloaded.empty()) return;
  const std::size_t more = contrast.overloaded.size() - 1;
  contrast.warnings.push_back(fmt::format(
      "{}{}: it fell behind more and more, and its lag and response times have no percentiles",
      contrast.overloaded.front(), more == 0 ? "" : fmt::format(", and {} more", more)));
}

void judge_all(Comparison& comparison) {
  std::vector<Difference*> all;
  for (Contrast& contrast : comparison.contrasts) {
    for (Difference& d : contrast.differences) all.push_back(&d);
  }
  judge(all);
  comparison.tests = all.empty() ? 0 : all.front()->tests;
  for (Contrast& contrast : comparison.contrasts) {
    warn_about_disturbed(contrast);
    warn_about_overload(contrast);
  }
}

// The runs' lengths do not match: nothing that was measured can be held against each other.
void withhold_verdicts(Contrast& contrast) {
  for (Difference& d : contrast.differences) {
    d.verdict = Verdict::kInconclusive;
    d.regression = false;
    d.reason = "the runs' lengths do not match";
  }
}

// Cells that other programs disturbed: what equal runs differ by is known of quiet ones.
void distrust_disturbed(const Arm& baseline, const Arm& contender, Contrast& contrast) {
  for (const Arm* arm : {&baseline, &contender}) {
    if (!disturbed(*arm->cell)) continue;
    contrast.disturbed.push_back(arm->run->manifest.run_id + ": " + arm->cell->cell.label);
  }
}

void note_overload(const Arm& baseline, const Arm& contender, Contrast& contrast) {
  for (const Arm* arm : {&baseline, &contender}) {
    const std::string text = overloaded_text(*arm->cell);
    if (text.empty()) continue;
    std::string line =
        fmt::format("{}: {}: {}", arm->run->manifest.run_id, arm->cell->cell.label, text);
    // A baseline within a run is held against many.
    auto& all = contrast.overloaded;
    if (std::find(all.begin(), all.end(), line) == all.end()) all.push_back(std::move(line));
  }
}

void warn_about_noise(const CompareOptions& options, Contrast& contrast) {
  const bool unknown =
      std::any_of(contrast.differences.begin(), contrast.differences.end(),
                  [](const Difference& d) { return d.how.arms == Arms::kTwoRuns && !d.how.noise; });
  if (!unknown) return;
  contrast.warnings.push_back(
      fmt::format("what equal runs differ by on this host is not known, so there is no verdict{}: "
                  "run the baseline's plan again with the same program (each such run makes it "
                  "better known), or state it with --noise",
                  left_out_text(options.noise)));
}

Comparison comparison_with(const RunData& baseline, const CompareOptions& options) {
  Comparison comparison;
  comparison.threshold_percent =
      options.threshold_percent.value_or(baseline.manifest.threshold_percent);
  comparison.margin_percent = options.margin_percent.value_or(comparison.threshold_percent);
  return comparison;
}

Contrast contrast_between(std::string baseline, std::string contender) {
  Contrast contrast;
  contrast.baseline = std::move(baseline);
  contrast.contender = std::move(contender);
  return contrast;
}

void add_differences(const Arm& baseline, const Arm& contender, const CompareOptions& options,
                     Contrast& contrast, std::vector<CellPair>& pairs) {
  auto more = differences_of(baseline, contender, options);
  distrust_disturbed(baseline, contender, contrast);
  note_overload(baseline, contender, contrast);
  std::move(more.begin(), more.end(), std::back_inserter(contrast.differences));
  pairs.push_back({baseline.cell, contender.cell});
}

void warn_about_regimes(const RunData& a, const RunData& b, std::span<const CellPair> pairs,
                        Contrast& contrast) {
  const RunData* const both[] = {&a, &b};
  const auto regimes = host_regimes(std::span(both).first(&a == &b ? 1 : 2));
  std::string text = regimes_difference(regimes, pairs);
  if (!text.empty()) contrast.warnings.push_back(std::move(text));
}

// Tests take the number of repetitions for one that was fixed before; intervals of ratios do, too.
void warn_about_looks(const RunData& a, const RunData& b, Contrast& contrast) {
  for (const RunData* run : {&a, &b}) {
    if (run->manifest.until_ci) {
      contrast.warnings.push_back(fmt::format(
          "{} repeated its cells until their intervals were narrow (--until-ci): ratios and tests "
          "are "
          "of the repetitions that both cells have, and do not allow for how these stopped",
          run->manifest.run_id));
    }
    if (is_same(a, b)) return;
  }
}

Result<Contrast> contrast_of(const RunData& baseline, const RunData& contender,
                             const CompareOptions& options) {
  Contrast contrast = contrast_between(baseline.manifest.run_id, contender.manifest.run_id);
  contrast.warnings = differences_between(baseline, contender);
  std::vector<CellPair> pairs;
  VIOLET_TRY(const auto mine, cells_by_axes(baseline, options.ignored_axes));
  VIOLET_TRY(const auto theirs, cells_by_axes(contender, options.ignored_axes));
  for (const CellData& cell : baseline.cells) {
    const auto at = theirs.find(axes_key(cell.cell, options.ignored_axes));
    if (at == theirs.end()) {
      contrast.only_in_baseline.push_back(cell.cell.label);
    } else if (cell.repetitions.empty() || at->second->repetitions.empty()) {
      contrast.unmeasured.push_back(cell.cell.label);
    } else {
      add_differences({&baseline, &cell}, {&contender, at->second}, options, contrast, pairs);
    }
  }
  for (const CellData& cell : contender.cells) {
    if (mine.count(axes_key(cell.cell, options.ignored_axes)) == 0) {
      contrast.only_in_contender.push_back(cell.cell.label);
    }
  }
  warn_about_regimes(baseline, contender, pairs, contrast);
  warn_about_looks(baseline, contender, contrast);
  warn_about_noise(options, contrast);
  return contrast;
}

bool is_chosen(const CellRecord& cell, const BaselineChoice& choice) {
  return std::all_of(choice.begin(), choice.end(),
                     [&](const auto& one) { return axis_text(cell, one.first) == one.second; });
}

// Whether two cells agree in every axis that varies and that both have, but for those of the choice.
bool are_partners(const CellRecord& a, const CellRecord& b, const std::vector<std::string>& axes,
                  const BaselineChoice& choice) {
  return std::all_of(axes.begin(), axes.end(), [&](const std::string& axis) {
    const bool chosen = std::any_of(choice.begin(), choice.end(),
                                    [&](const auto& one) { return one.first == axis; });
    const std::string mine = axis_text(a, axis), theirs = axis_text(b, axis);
    return chosen || mine.empty() || theirs.empty() || mine == theirs;
  });
}

std::vector<std::string> labels_of(const RunData& run) {
  std::vector<std::string> labels;
  for (const CellData& cell : run.cells) labels.push_back(cell.cell.label);
  return labels;
}

// The one axis of which some cell has the value.
Result<std::string> axis_with(const RunData& run, const std::string& value) {
  std::set<std::string> axes;
  for (const CellData& cell : run.cells) {
    for (const auto& [name, its] : cell.cell.axes) {
      if (to_text(its) == value) axes.insert(name);
    }
  }
  if (axes.size() == 1) return *axes.begin();
  if (axes.empty()) {
    return fail(ErrorKind::kUsage, "{}: no cell has {}{}", run.manifest.run_id, value,
                labels_there(labels_of(run), value));
  }
  return fail(ErrorKind::kUsage, "'{}' is a value of {}: write which, for example {}={}", value,
              fmt::join(axes, " and "), *axes.begin(), value);
}

std::string choice_text(const BaselineChoice& choice) {
  std::string text;
  for (const auto& [axis, value] : choice) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", axis, value);
  }
  return text;
}

// Null: the cell has no partner among the chosen.
Result<const CellData*> baseline_for(const std::vector<const CellData*>& chosen,
                                     const CellData& cell, const BaselineChoice& choice,
                                     const std::vector<std::string>& axes) {
  const CellData* found = nullptr;
  for (const CellData* one : chosen) {
    if (!are_partners(one->cell, cell.cell, axes, choice)) continue;
    if (found != nullptr) {
      return fail(ErrorKind::kUsage,
                  "{} is the baseline of '{}' as '{}' and as '{}'; name more axes",
                  choice_text(choice), cell.cell.label, found->cell.label, one->cell.label);
    }
    found = one;
  }
  return found;
}

// Nothing says what the host did to the one and not to the other.
constexpr const char* kOneAfterAnother =
    "this run measured one cell after the other (run.order = \"sequential\"), so that what changed "
    "on "
    "the host meanwhile would pass for a difference";

// Cells of one run see the same weather, but for those that are over before it changes. Empty: they may be judged.
std::string why_distrusted(const Arm& baseline, const Arm& contender) {
  if (is_one_run(baseline, contender)) {
    const bool was = mostly_disturbed(*baseline.cell), is = mostly_disturbed(*contender.cell);
    if (was == is) return {};
    return fmt::format("other programs had CPUs of {} most of the time, and not of {}",
                       was ? "the baseline" : "this cell", was ? "this cell" : "the baseline");
  }
  const bool was = disturbed(*baseline.cell), is = disturbed(*contender.cell);
  if (!was && !is) return {};
  return fmt::format("other programs had CPUs of {}", was && is ? "both cells"
                                                      : was     ? "the baseline's cell"
                                                                : "the contender's cell");
}

}  // namespace

bool follows_weather(std::string_view unit) {
  return unit == "ns" || unit == "pages" || unit.ends_with("/s");
}

Pairing pairing_of(const RunData& run) {
  return run.manifest.interleaved ? Pairing::kInterleaved : Pairing::kIndependent;
}

std::vector<Difference> differences_of(const Arm& baseline, const Arm& contender,
                                       const CompareOptions& options) {
  const Judgement common = judgement_of(baseline, contender, options);
  const bool one_run = is_one_run(baseline, contender);
  const double factor =
      one_run ? 1 : common_calibration(baseline.run->manifest, contender.run->manifest);
  const CellSamples theirs(*contender.cell);
  const auto baseline_injected = injected_share(*baseline.cell);
  const auto contender_injected = injected_share(*contender.cell);
  const std::string distrusted = why_distrusted(baseline, contender);
  const bool apart = one_run && !contender.run->manifest.interleaved;
  std::vector<Difference> differences;
  for (const Samples& mine : wanted_samples(*baseline.cell, options)) {
    const Samples* found = theirs.find(mine.name);
    Samples other = found != nullptr ? *found : samples_of(*contender.cell, mine.name);
    calibrate(other, factor);
    Judgement how = common;
    if (!one_run && !how.noise) {
      how.noise = noise_between(baseline, contender, mine.name, options.noise);
    }
    differences.push_back(compare_samples(mine, other, how));
    Difference& d = differences.back();
    d.withheld = distrusted;
    if (distrusted.empty() && apart && follows_weather(mine.unit)) d.withheld = kOneAfterAnother;
    d.baseline_injected = baseline_injected;
    d.contender_injected = contender_injected;
    d.cell = one_run ? contender.cell->cell.label : baseline.cell->cell.label;
    if (one_run) d.against = baseline.cell->cell.label;
  }
  for (std::size_t i = 0; i < options.metrics.size(); ++i) {
    differences[i].metric = options.metrics[i];  // As it was asked for.
  }
  return differences;
}

bool Comparison::regression() const {
  return std::any_of(contrasts.begin(), contrasts.end(), [](const Contrast& contrast) {
    return std::any_of(contrast.differences.begin(), contrast.differences.end(),
                       [](const Difference& d) { return d.regression; });
  });
}

std::string Comparison::gap() const {
  for (const Contrast& contrast : contrasts) {
    if (!contrast.unmeasured.empty()) {
      return fmt::format("not measured on both sides: {} of {} and {}, for example {}",
                         counted(contrast.unmeasured.size(), "cell"), contrast.baseline,
                         contrast.contender, contrast.unmeasured.front());
    }
    if (contrast.differences.empty()) {
      return fmt::format("{} and {} have no cell in common", contrast.baseline, contrast.contender);
    }
  }
  return {};
}

Result<Comparison> compare(std::span<const RunData> runs, const CompareOptions& options) {
  if (runs.size() < 2) return fail(ErrorKind::kUsage, "a comparison needs two runs or more");
  VIOLET_TRY(check_different(runs));
  Comparison comparison = comparison_with(runs.front(), options);
  for (const RunData& run : runs) {
    VIOLET_TRY(check_metrics(run, options));
  }
  for (const RunData& contender : runs.subspan(1)) {
    VIOLET_TRY(auto contrast, contrast_of(runs.front(), contender, options));
    comparison.contrasts.push_back(std::move(contrast));
  }
  judge_all(comparison);
  for (std::size_t i = 1; i < runs.size(); ++i) {
    if (!lengths_match(runs.front(), runs[i])) withhold_verdicts(comparison.contrasts[i - 1]);
  }
  return comparison;
}

Result<BaselineChoice> baseline_choice(const RunData& run, const std::string& text) {
  BaselineChoice choice;
  for (const std::string& word : words_of(text)) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      VIOLET_TRY(auto axis, axis_with(run, word));
      choice.emplace_back(std::move(axis), word);
      continue;
    }
    choice.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    if (!choice.back().first.empty() && !choice.back().second.empty()) continue;
    choice.clear();
    break;
  }
  if (!choice.empty()) return choice;
  return fail(
      ErrorKind::kUsage,
      "--baseline '{}': expected settings of a cell, for example strategy=strict or 'strict "
      "costs.exit_ns=1500'",
      text);
}

Result<Comparison> compare_within(const RunData& run, const BaselineChoice& baseline,
                                  const CompareOptions& options) {
  VIOLET_TRY(check_metrics(run, options));
  const std::string words = choice_text(baseline);
  const std::string& id = run.manifest.run_id;
  std::vector<const CellData*> chosen;
  for (const CellData& cell : run.cells) {
    if (is_chosen(cell.cell, baseline)) chosen.push_back(&cell);
  }
  if (chosen.empty()) {
    return fail(ErrorKind::kUsage, "{}: no cell has {}{}", id, words,
                labels_there(labels_of(run), words));
  }
  const auto axes = varying_axes(run);
  Comparison comparison = comparison_with(run, options);
  Contrast contrast = contrast_between(id + ", " + words, id + ", the other cells");
  std::vector<CellPair> pairs;
  for (const CellData& cell : run.cells) {
    if (is_chosen(cell.cell, baseline)) continue;
    VIOLET_TRY(const CellData* const partner, baseline_for(chosen, cell, baseline, axes));
    if (partner == nullptr) {
      contrast.only_in_contender.push_back(cell.cell.label);
    } else if (cell.repetitions.empty() || partner->repetitions.empty()) {
      contrast.unmeasured.push_back(cell.cell.label);
    } else {
      add_differences({&run, partner}, {&run, &cell}, options, contrast, pairs);
    }
  }
  warn_about_regimes(run, run, pairs, contrast);
  warn_about_looks(run, run, contrast);
  comparison.contrasts.push_back(std::move(contrast));
  judge_all(comparison);
  return comparison;
}

Result<Comparison> compare_cells(const Arm& baseline, const Arm& contender,
                                 const CompareOptions& options) {
  const bool one_cell =
      is_one_run(baseline, contender) && baseline.cell->cell.id == contender.cell->cell.id;
  if (one_cell) {
    return fail(ErrorKind::kUsage,
                "{}:{} is both the baseline and what is held against it: name two cells",
                baseline.run->manifest.run_id, baseline.cell->cell.label);
  }
  VIOLET_TRY(check_metrics(*baseline.run, options));
  VIOLET_TRY(check_metrics(*contender.run, options));
  const auto name = [](const Arm& arm) {
    return arm.run->manifest.run_id + ":" + arm.cell->cell.label;
  };
  Comparison comparison = comparison_with(*baseline.run, options);
  Contrast contrast = contrast_between(name(baseline), name(contender));
  const bool one_run = is_one_run(baseline, contender);
  if (!one_run) contrast.warnings = differences_between(*baseline.run, *contender.run);
  std::vector<CellPair> pairs;
  if (baseline.cell->repetitions.empty() || contender.cell->repetitions.empty()) {
    contrast.unmeasured.push_back(contender.cell->cell.label);
  } else {
    add_differences(baseline, contender, options, contrast, pairs);
  }
  warn_about_regimes(*baseline.run, *contender.run, pairs, contrast);
  warn_about_looks(*baseline.run, *contender.run, contrast);
  warn_about_noise(options, contrast);
  comparison.contrasts.push_back(std::move(contrast));
  judge_all(comparison);
  if (!one_run && !lengths_match(*baseline.run, *contender.run)) {
    withhold_verdicts(comparison.contrasts.front());
  }
  return comparison;
}

Result<const CellData*> find_cell(const RunData& run, const std::string& wanted) {
  const bool by_number = !wanted.empty() && wanted.size() < 6 &&
                         wanted.find_first_not_of("0123456789") == std::string::npos;
  const std::size_t number = by_number ? std::stoul(wanted) : 0;
  if (number >= 1 && number <= run.cells.size()) return &run.cells[number - 1];
  std::vector<const CellData*> found;
  const auto label = [&](std::size_t i) -> const std::string& { return run.cells[i].cell.label; };
  for (const std::size_t i : labels_with(run.cells.size(), label, wanted)) {
    found.push_back(&run.cells[i]);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(ErrorKind::kUsage, "{}: no cell is called '{}'{}", run.manifest.run_id, wanted,
                labels_there(labels_of(run), wanted));
  }
  return fail(ErrorKind::kUsage,
              "{}: '{}' is part of the name of {} cells: '{}' and '{}'; write more of it",
              run.manifest.run_id, wanted, found.size(), found[0]->cell.label,
              found[1]->cell.label);
}

}  // namespace violet::results
