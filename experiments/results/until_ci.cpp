#include "experiments/results/until_ci.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/counted.hpp"
#include "experiments/results/looks.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/statistics.hpp"

namespace violet::results {
namespace {

bool is_looked_at(const Metric& metric) {
  return same_metric(metric.name, kUntilCiMetric) || metric.name == kCpuWaitShare ||
         metric.name == "steal_share";
}

std::string width_text(const CellPrecision& one) {
  return one.width_percent ? three_digits(*one.width_percent) + " %" : "n/a";
}

std::string ending_text(const CellPrecision& one, const UntilCi& rule) {
  if (one.narrow) return "narrow enough";
  if (!one.width_percent) return "not known, because " + one.because;
  if (one.repetitions >= rule.most_repetitions) {
    return fmt::format("still wide after {}, the most", one.repetitions);
  }
  return "still wide, and not repeated to the end";
}

struct StandingCell {
  const CellData* cell = nullptr;
  CellPrecision precision;
};

std::vector<StandingCell> standing_cells(const RunData& run) {
  std::vector<StandingCell> all;
  for (const CellData& cell : run.cells) {
    all.push_back({&cell, precision_of(cell, *run.manifest.until_ci)});
  }
  return all;
}

std::vector<std::string> footnotes(const UntilCi& rule, std::size_t cells, std::size_t left_out) {
  std::vector<std::string> notes;
  if (left_out > 0) {
    notes.push_back(fmt::format("{} of {} narrow enough after the plan's {}",
                                counted(left_out, "cell"), cells,
                                counted(rule.repetitions, "repetition")));
  }
  notes.push_back(fmt::format(
      "Interval: its length over the median. Who stops at a narrow interval stops at lucky ones: "
      "those of medians of this run have {} % each, so that where a cell stopped its interval "
      "holds "
      "the median with 95 % all the same.",
      three_digits(100 * rule.confidence)));
  return notes;
}

}  // namespace

UntilCi until_ci_rule(double percent, std::uint32_t repetitions, std::uint32_t most_repetitions) {
  const std::uint32_t last = std::min(most_repetitions, kMostLooks);
  return {percent, repetitions, most_repetitions, confidence_of({repetitions, last}), {}};
}

CellPrecision precision_of(const CellData& cell, const UntilCi& rule) {
  CellPrecision found;
  found.repetitions = static_cast<std::uint32_t>(counted_repetitions(cell).size());
  const Samples samples = samples_of(cell, kUntilCiMetric);
  const Estimate median = median_estimate(samples.values, rule.confidence);
  if (samples.values.empty()) {
    found.because = samples.because;
  } else if (!median.interval) {
    found.because = fmt::format(
        "{} {} too few for an interval: it takes {}", counted(samples.values.size(), "repetition"),
        samples.values.size() == 1 ? "is" : "are", fewest_for_interval(rule.confidence));
  } else if (median.value <= 0) {
    found.because = "its median is 0";
  } else {
    found.width_percent = 100 * (median.interval->high - median.interval->low) / median.value;
    found.narrow = *found.width_percent <= rule.percent;
  }
  return found;
}

double median_confidence(const Manifest& manifest) {
  return manifest.until_ci ? manifest.until_ci->confidence : kConfidence;
}

void RepeatUntilNarrow::add(const RepetitionRecord& record) {
  CellData& cell = cells_[record.cell];
  RepetitionRecord& kept = cell.repetitions.emplace_back();
  kept.cell = record.cell;
  kept.repetition = record.repetition;
  kept.retry_of = record.retry_of;
  std::copy_if(record.metrics.begin(), record.metrics.end(), std::back_inserter(kept.metrics),
               is_looked_at);
}

bool RepeatUntilNarrow::wants(const std::string& cell, std::uint32_t repetition) const {
  const auto at = cells_.find(cell);
  if (at == cells_.end() || repetition >= rule_.most_repetitions) return false;
  const CellPrecision now = precision_of(at->second, rule_);
  const Samples rates = samples_of(at->second, kUntilCiMetric);
  // No width can be told of a median of 0, however often it is measured: precision_of() says why.
  const bool stands_still =
      rates.values.size() >= fewest_for_interval(rule_.confidence) && median(rates.values) <= 0;
  return now.repetitions == repetition && !rates.values.empty() && !now.narrow && !stands_still;
}

bool RepeatUntilNarrow::wants_another(const std::string& cell) const {
  const auto at = cells_.find(cell);
  if (at == cells_.end()) return false;
  const auto counted = static_cast<std::uint32_t>(counted_repetitions(at->second).size());
  return counted >= rule_.repetitions && wants(cell, counted);
}

UntilCi RepeatUntilNarrow::outcome() const {
  UntilCi ended = rule_;
  for (const auto& [id, cell] : cells_) ended.cells[id] = precision_of(cell, rule_);
  return ended;
}

std::optional<Table> until_ci_table(const RunData& run) {
  if (!run.manifest.until_ci) return std::nullopt;
  const UntilCi& rule = *run.manifest.until_ci;
  Table table;
  table.title = fmt::format(
      "Repeated until the interval of the median of {} is at most {} % of it wide, {} to {} times",
      kUntilCiMetric, rule.percent, rule.repetitions, rule.most_repetitions);
  table.columns = {{.name = "cell", .is_key = true},
                   {.name = "repetitions"},
                   {.name = "interval"},
                   {.name = "ended"}};
  std::size_t left_out = 0;
  for (const auto& [cell, precision] : standing_cells(run)) {
    if (precision.narrow && precision.repetitions <= rule.repetitions) {
      ++left_out;
      continue;
    }
    table.rows.push_back({Text{cell->cell.label}, Text{fmt::format("{}", precision.repetitions)},
                          Text{width_text(precision)}, Text{ending_text(precision, rule)}});
  }
  table.notes = footnotes(rule, run.cells.size(), left_out);
  return table;
}

std::string still_wide_text(const RunData& run) {
  if (!run.manifest.until_ci) return {};
  const UntilCi& rule = *run.manifest.until_ci;
  std::size_t wide = 0;
  const StandingCell* widest = nullptr;
  std::vector<std::string> cut_off;
  const auto all = standing_cells(run);
  // Of a run that ended by itself: whoever was not repeated to the end had a repetition that failed.
  const bool ended = run.manifest.outcome == "finished" || run.manifest.outcome == "failed";
  for (const StandingCell& one : all) {
    const bool known = one.precision.width_percent.has_value();
    if (!known || one.precision.narrow) continue;
    if (one.precision.repetitions < rule.most_repetitions) {
      if (ended) cut_off.push_back(one.cell->cell.label);
      continue;
    }
    ++wide;
    if (widest == nullptr || *widest->precision.width_percent < *one.precision.width_percent) {
      widest = &one;
    }
  }
  if (wide == 0 && cut_off.empty()) return {};
  std::string text =
      fmt::format("the interval of {} is wider than {} %", kUntilCiMetric, rule.percent);
  if (wide > 0) {
    text += fmt::format(" after {}, the most: {} of {}, up to {} of {}",
                        counted(rule.most_repetitions, "repetition"), wide,
                        counted(run.cells.size(), "cell"), width_text(widest->precision),
                        widest->cell->cell.label);
  }
  if (!cut_off.empty()) {
    text += fmt::format("{} in {} of which a repetition failed, and that was not repeated then: {}",
                        wide > 0 ? ", and" : "", counted(cut_off.size(), "cell"), cut_off.front());
  }
  return text;
}

}  // namespace violet::results
