#include "experiments/results/compare.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/noise_history.hpp"
#include "experiments/results/run_differences.hpp"
#include "experiments/results/table_formats.hpp"

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kSignificant = 0.05;
constexpr double kMediumEffect = 0.14;  // Of A12 from a half: Vargha and Delaney's "medium".

double own_noise(const Samples& a, const Samples& b, std::uint64_t seed) {
  double floor = 0;
  for (const Samples* samples : {&a, &b}) {
    const std::vector<double> group[] = {samples->values};
    floor = std::max(floor, noise_floor(group, seed).value_or(0));
  }
  return floor;
}

bool interval_excludes_one(const Difference& d) {
  return d.ratio && d.ratio->interval &&
         (d.ratio->interval->low > 1 || d.ratio->interval->high < 1);
}

// Whether the contender is better, should the difference be real.
std::optional<bool> improves(const Difference& d, Better better) {
  if (better == Better::kNeither || d.contender.value == d.baseline.value) return std::nullopt;
  return (d.contender.value < d.baseline.value) == (better == Better::kLower);
}

void decide(Difference& d, Better better, double threshold_percent) {
  const auto say = [&d](Verdict verdict, std::string reason) {
    d.verdict = verdict;
    d.reason = std::move(reason);
  };
  if (d.baseline.samples == 0 || d.contender.samples == 0) {
    return say(Verdict::kInconclusive, "not measured on both sides");
  }
  if (d.contender.value == d.baseline.value) return say(Verdict::kNoDifference, "equal medians");
  const double change = d.ratio ? std::abs(d.ratio->value - 1) : INFINITY;
  if (d.ratio && d.noise_floor >= kUnboundedNoise) {
    return say(Verdict::kInconclusive, "0 in some repetitions and not in others");
  }
  if (d.ratio && relative_difference(d.ratio->value, 1) <= d.noise_floor) {
    return say(Verdict::kNoDifference,
               fmt::format("below noise floor {} %", three_digits(100 * d.noise_floor)));
  }
  if (d.baseline.samples < 4 || d.contender.samples < 4) {
    return say(Verdict::kInconclusive, "fewer than 4 repetitions");
  }
  if (d.ratio && !interval_excludes_one(d)) return say(Verdict::kInconclusive, "interval holds 1");
  if (d.test.p >= kSignificant)
    return say(Verdict::kInconclusive, fmt::format("p = {:.2f}", d.test.p));
  if (std::abs(d.test.a12 - 0.5) < kMediumEffect)
    return say(Verdict::kInconclusive, "small effect");
  const auto better_now = improves(d, better);
  if (!better_now) return say(Verdict::kInconclusive, "differs; no direction is better");
  say(*better_now ? Verdict::kBetter : Verdict::kWorse,
      effect_name(d.test.a12) + std::string(" effect"));
  d.regression = !*better_now && change * 100 > threshold_percent;
}

std::string axes_key(const CellRecord& cell, const std::vector<std::string>& ignored) {
  std::map<std::string, std::string> axes;
  for (const auto& [name, value] : cell.axes) {
    if (std::find(ignored.begin(), ignored.end(), name) == ignored.end())
      axes[name] = to_text(value);
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

bool wanted_by_default(const Samples& samples) {
  if (samples.better == Better::kNeither) return false;
  const std::size_t dot = samples.name.rfind(".p");
  return dot == std::string::npos || samples.name.ends_with(".p50") ||
         samples.name.ends_with(".p99");
}

std::vector<std::string> metrics_of(const CellData& cell, const CompareOptions& options) {
  if (!options.metrics.empty()) return options.metrics;
  std::vector<std::string> names;
  for (const Samples& samples : samples_of(cell)) {
    if (wanted_by_default(samples)) names.push_back(samples.name);
  }
  return names;
}

void compare_cells(const RunData& baseline, const RunData& contender, const CellData& a,
                   const CellData& b, const CompareOptions& options, double threshold,
                   Contrast& contrast) {
  for (const std::string& metric : metrics_of(a, options)) {
    const double floor = std::max(known_noise_floor(baseline.manifest, metric),
                                  known_noise_floor(contender.manifest, metric));
    const Judgement how{Pairing::kIndependent, floor, threshold, options.seed};
    Difference difference = compare_samples(samples_of(a, metric), samples_of(b, metric), how);
    difference.cell = a.cell.label;
    if (!options.metrics.empty()) difference.metric = metric;  // As it was asked for.
    if (!lengths_match(baseline, contender)) {
      difference.verdict = Verdict::kInconclusive;
      difference.regression = false;
      difference.reason = "the runs' lengths do not match";
    }
    contrast.differences.push_back(std::move(difference));
  }
}

Status check_metrics(const RunData& run, const CompareOptions& options) {
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
    std::string list;
    for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
    return fail(ErrorKind::kUsage, "{}: metric '{}' was not measured; there are {}",
                run.manifest.run_id, metric, list);
  }
  return {};
}

Result<Contrast> contrast_of(const RunData& baseline, const RunData& contender,
                             const CompareOptions& options, double threshold) {
  Contrast contrast{.baseline = baseline.manifest.run_id,
                    .contender = contender.manifest.run_id,
                    .differences = {},
                    .only_in_baseline = {},
                    .only_in_contender = {},
                    .unmeasured = {},
                    .warnings = differences_between(baseline, contender)};
  VIOLET_TRY(const auto mine, cells_by_axes(baseline, options.ignored_axes));
  VIOLET_TRY(const auto theirs, cells_by_axes(contender, options.ignored_axes));
  for (const CellData& cell : baseline.cells) {
    const auto at = theirs.find(axes_key(cell.cell, options.ignored_axes));
    if (at == theirs.end()) {
      contrast.only_in_baseline.push_back(cell.cell.label);
    } else if (cell.repetitions.empty() || at->second->repetitions.empty()) {
      contrast.unmeasured.push_back(cell.cell.label);
    } else {
      compare_cells(baseline, contender, cell, *at->second, options, threshold, contrast);
    }
  }
  for (const CellData& cell : contender.cells) {
    if (mine.count(axes_key(cell.cell, options.ignored_axes)) == 0) {
      contrast.only_in_contender.push_back(cell.cell.label);
    }
  }
  return contrast;
}

Tone tone_of(Verdict verdict) {
  if (verdict == Verdict::kBetter) return Tone::kGood;
  return verdict == Verdict::kWorse ? Tone::kBad : Tone::kFaint;
}

std::string interval_text(const Difference& d) {
  if (!d.ratio || !d.ratio->interval) return "n/a";
  const Interval& interval = *d.ratio->interval;
  return fmt::format("{:.3f} – {:.3f}", interval.low, interval.high);
}

std::vector<Item> row_of(const Difference& d) {
  Quantity baseline = quantity(d.baseline), contender = quantity(d.contender);
  baseline.unit = contender.unit = d.unit;
  Quantity ratio{{}, {}, "a median is not positive"};
  if (d.ratio) ratio = quantity(*d.ratio);
  std::string verdict = to_text(d.verdict);
  if (d.regression) verdict += " (regression)";
  return {Text{d.cell},
          Text{d.metric},
          Text{d.unit},
          baseline,
          contender,
          ratio,
          Text{interval_text(d)},
          Quantity{d.test.p},
          Quantity{d.test.a12},
          Quantity{d.noise_floor},
          Text{verdict, tone_of(d.verdict)},
          Text{d.reason},
          Text{d.regression ? "yes" : "no"}};
}

Json contrast_json(const Contrast& contrast) {
  Json json = {{"baseline", contrast.baseline}, {"contender", contrast.contender}};
  json["table"] = table_json(to_table(contrast));
  json["only_in_baseline"] = contrast.only_in_baseline;
  json["only_in_contender"] = contrast.only_in_contender;
  json["unmeasured"] = contrast.unmeasured;
  json["warnings"] = contrast.warnings;
  return json;
}

std::string contrast_text(const Contrast& contrast, const TextStyle& style) {
  std::string out = render_text(to_table(contrast), style);
  for (const std::string& cell : contrast.only_in_baseline) {
    out += fmt::format("only in {}: {}\n", contrast.baseline, printable(cell));
  }
  for (const std::string& cell : contrast.only_in_contender) {
    out += fmt::format("only in {}: {}\n", contrast.contender, printable(cell));
  }
  for (const std::string& cell : contrast.unmeasured) {
    out += fmt::format("not measured on both sides: {}\n", printable(cell));
  }
  for (const std::string& warning : contrast.warnings) {
    out += painted("warning: " + printable(warning), Tone::kWarning, style.colour) + "\n";
  }
  return out;
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

Difference compare_samples(const Samples& baseline, const Samples& contender,
                           const Judgement& how) {
  Difference d;
  d.metric = baseline.name == contender.name ? baseline.name
                                             : std::string(current_metric_name(baseline.name));
  d.unit = baseline.unit;
  d.baseline = median_estimate(baseline.values, how.seed);
  d.contender = median_estimate(contender.values, how.seed + 1);
  const bool pairable = baseline.repetitions == contender.repetitions;
  d.ratio = median_ratio(baseline.values, contender.values,
                         pairable ? how.pairing : Pairing::kIndependent, how.seed);
  d.test = mann_whitney(contender.values, baseline.values);
  d.noise_floor = std::max(how.known_noise_floor, own_noise(baseline, contender, how.seed));
  decide(d, baseline.better, how.threshold_percent);
  return d;
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
      return fmt::format("{} cells of {} and {} were not measured on both sides, for example {}",
                         contrast.unmeasured.size(), contrast.baseline, contrast.contender,
                         contrast.unmeasured.front());
    }
    if (contrast.differences.empty()) {
      return fmt::format("{} and {} have no cell in common", contrast.baseline, contrast.contender);
    }
  }
  return {};
}

Result<Comparison> compare(std::span<const RunData> runs, const CompareOptions& options) {
  if (runs.size() < 2) return fail(ErrorKind::kUsage, "a comparison needs two runs or more");
  Comparison comparison;
  comparison.threshold_percent =
      options.threshold_percent.value_or(runs.front().manifest.threshold_percent);
  for (const RunData& run : runs) {
    VIOLET_TRY(check_metrics(run, options));
  }
  for (const RunData& contender : runs.subspan(1)) {
    VIOLET_TRY(auto contrast,
               contrast_of(runs.front(), contender, options, comparison.threshold_percent));
    comparison.contrasts.push_back(std::move(contrast));
  }
  return comparison;
}

Table to_table(const Contrast& contrast) {
  Table table;
  table.title = fmt::format("{}  →  {}", contrast.baseline, contrast.contender);
  table.columns = {{"cell", "", true},
                   {"metric", "", true},
                   {"unit", "", false, Audience::kPrograms},
                   {"baseline"},
                   {"contender"},
                   {"ratio"},
                   {"95 % interval", "", false, Audience::kPeople},
                   {"p"},
                   {"A12"},
                   {"noise floor", "", false, Audience::kPrograms},
                   {"verdict"},
                   {"why"},
                   {"regression", "", false, Audience::kPrograms}};
  for (const Difference& d : contrast.differences) table.rows.push_back(row_of(d));
  if (contrast.differences.empty()) {
    table.notes.push_back(
        "No cell has a partner with equal axes; axes that should not count can be ignored.");
  } else {
    table.notes.push_back(fmt::format(
        "{} comparisons at the 5 % level; A12 is the chance that the contender's value is larger.",
        contrast.differences.size()));
  }
  return table;
}

std::string render(const Comparison& comparison, Format format, const TextStyle& style) {
  if (format == Format::kText) {
    std::string out;
    for (const Contrast& contrast : comparison.contrasts) {
      if (!out.empty()) out += '\n';
      out += contrast_text(contrast, style);
    }
    return out;
  }
  if (format == Format::kJson) {
    Json json = {{"schema", "violet.comparison"}, {"version", 1}};
    json["threshold_percent"] = comparison.threshold_percent;
    json["regression"] = comparison.regression();
    json["contrasts"] = Json::array();
    for (const Contrast& contrast : comparison.contrasts) {
      json["contrasts"].push_back(contrast_json(contrast));
    }
    return dump(json, 2);
  }
  Table all;
  all.title = "comparison";
  for (const Contrast& contrast : comparison.contrasts) {
    Table table = to_table(contrast);
    all.columns = {{"contender run", "", true}};
    all.columns.insert(all.columns.end(), table.columns.begin(), table.columns.end());
    for (auto& row : table.rows) {
      row.insert(row.begin(), Text{contrast.contender});
      all.rows.push_back(std::move(row));
    }
  }
  return render(all, format, style);
}

}  // namespace violet::results
