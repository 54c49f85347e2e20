#include "experiments/results/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "experiments/results/compare.hpp"
#include "experiments/results/label_words.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/rank_tests.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/retries.hpp"
#include "experiments/results/samples.hpp"

namespace violet::results {
namespace {

constexpr std::size_t kKeyColumns = 32, kTitleColumns = 96, kBarColumns = 10;

// What people read instead of a metric's name: a line break begins the next line of a head.
std::string head_of(const std::string& name) {
  static const std::pair<const char*, const char*> kHeads[] = {
      {"operations_per_s", "operations"},
      {"requests_per_operation", "requests\nper op."},
      {"injected_share", "injected"},
      {"operations_per_s_per_cpu", "per CPU"},
      {"cpus_used", "CPUs"},
      {"kicks_per_operation", "kicks\nper op."},
      {"bytes_copied_per_operation", "copied\nper op."},
      {"mean_stale_pages", "stale\npages"},
      {"exposure_window.p50", "window\np50"},
      {"exposure_window.p99", "window\np99"},
      {"iotlb_hit_rate", "IOTLB\nhits"},
  };
  for (const auto& [metric, head] : kHeads) {
    if (name == metric) return head;
  }
  std::string head = name;
  const std::size_t dot = head.rfind('.');
  if (dot != std::string::npos && head.find(".p") == std::string::npos) head[dot] = '\n';
  if (const std::size_t p = head.find(".p"); p != std::string::npos) head[p] = '\n';
  return head;
}

using Cells = std::vector<const CellData*>;

// Whether the metric says anything about one of the cells: a column of zeros only takes room.
bool says_something(const Cells& cells, const std::string& name) {
  return std::any_of(cells.begin(), cells.end(), [&](const CellData* cell) {
    const Samples samples = samples_of(*cell, name);
    return !samples.values.empty() && median(samples.values) != 0;
  });
}

bool has(const Cells& cells, const std::string& name) {
  return std::any_of(cells.begin(), cells.end(),
                     [&](const CellData* cell) { return !samples_of(*cell, name).values.empty(); });
}

Cells all_cells(const RunData& run) {
  Cells cells;
  for (const CellData& cell : run.cells) cells.push_back(&cell);
  return cells;
}

// How fast; what a map and an unmap cost, their means too because a deferred unmap is paid by a later map;
// what that needs; what it exposes.
std::vector<std::string> answers(const Cells& cells) {
  const bool copies = says_something(cells, "bytes_copied_per_operation");
  const bool kicks = says_something(cells, "kicks_per_operation");
  std::vector<std::string> names = {"operations_per_s", "map.p50", "map.mean"};
  if (!copies) names.emplace_back("map.p99");
  names.insert(names.end(), {"unmap.p50", "unmap.mean"});
  if (!copies && !kicks) names.emplace_back("unmap.p99");
  names.emplace_back("requests_per_operation");
  if (kicks) names.emplace_back("kicks_per_operation");
  if (copies) names.emplace_back("bytes_copied_per_operation");
  names.emplace_back("mean_stale_pages");
  std::erase_if(names, [&](const std::string& name) { return !has(cells, name); });
  // What is exposed is half of the answer: the tails and the kicks give way to it.
  for (const char* less : {"unmap.p99", "map.p99", "kicks_per_operation"}) {
    if (names.size() > SummaryOptions::kMostMetrics) std::erase(names, less);
  }
  if (names.size() > SummaryOptions::kMostMetrics) names.resize(SummaryOptions::kMostMetrics);
  return names;
}

std::string cpus_of(const CellData& cell) {
  const Samples samples = samples_of(cell, "cpus_used");
  if (samples.values.empty()) return {};
  const double most = *std::max_element(samples.values.begin(), samples.values.end());
  return fmt::format("{} CPU{}", most, most == 1 ? "" : "s");
}

bool cpus_differ(const Cells& cells) {
  std::set<std::string> counts;
  for (const CellData* cell : cells) counts.insert(cpus_of(*cell));
  counts.erase("");
  return counts.size() > 1;
}

// What stands in every table of a run that knows it, whatever was asked for: how much of the time was injected, and,
// where cells have unlike numbers of CPUs, the rate for each of them.
void add_labels(const RunData& run, bool chosen, std::vector<std::string>& metrics) {
  std::vector<std::string_view> labels;
  if (cpus_differ(all_cells(run))) labels.push_back(kRatePerCpu);
  if (says_injected(run)) labels.push_back(kInjectedShare);
  std::erase_if(labels, [&](std::string_view label) {
    return std::find(metrics.begin(), metrics.end(), label) != metrics.end();
  });
  for (const char* rare : {"unmap.p99", "map.p99"}) {
    if (chosen || metrics.size() + labels.size() <= SummaryOptions::kMostMetrics) break;
    std::erase(metrics, rare);
  }
  // Beside the first number, where a table that is too wide for the page still has them.
  metrics.insert(metrics.empty() ? metrics.end() : metrics.begin() + 1, labels.begin(),
                 labels.end());
}

Result<std::vector<std::string>> metrics_of(const Cells& cells, const SummaryOptions& options) {
  if (options.metrics.empty()) return answers(cells);
  std::vector<std::string> known, names;
  std::set<std::string> seen;
  for (const CellData* cell : cells) {
    for (const Samples& samples : samples_of(*cell)) {
      if (seen.insert(samples.name).second) known.push_back(samples.name);
    }
  }
  std::stable_sort(known.begin(), known.end(), [](const std::string& a, const std::string& b) {
    return metric_rank(a) < metric_rank(b);
  });
  for (const std::string& asked : options.metrics) {
    if (asked == "all") {
      names.insert(names.end(), known.begin(), known.end());
      continue;
    }
    const bool there = has(cells, asked) ||
                       std::any_of(known.begin(), known.end(),
                                   [&](const auto& name) { return same_metric(name, asked); });
    if (!there) {
      return fail(ErrorKind::kUsage,
                  "the run has no metric '{}'{}: ./violet list metrics says what there are", asked,
                  meant_metric(asked, known));
    }
    names.push_back(asked);
  }
  return names;
}

// --- Which cells stand in one table ---

}  // namespace

std::vector<TableGroup> groups_of(const RunData& run, const std::vector<std::string>& axes) {
  std::vector<TableGroup> groups;
  const bool placed = std::find(axes.begin(), axes.end(), "placement") != axes.end();
  for (const CellData& cell : run.cells) {
    std::string title;
    for (const char* axis : {"workload", "placement"}) {
      if (std::find(axes.begin(), axes.end(), axis) == axes.end()) continue;
      title += fmt::format("{}{} {}", title.empty() ? "" : ", ", axis, axis_text(cell.cell, axis));
    }
    auto at = std::find_if(groups.begin(), groups.end(),
                           [&](const TableGroup& group) { return group.title == title; });
    if (at == groups.end()) at = groups.insert(groups.end(), {title, {}});
    at->cells.push_back(&cell);
  }
  if (!placed) return groups;
  for (TableGroup& group : groups) {
    const auto known = std::find_if(group.cells.begin(), group.cells.end(),
                                    [](const CellData* cell) { return !cpus_of(*cell).empty(); });
    if (known != group.cells.end()) group.title += fmt::format(" ({})", cpus_of(**known));
  }
  return groups;
}

namespace {

// What others may relate to, of which the first in each table counts.
Cells baselines_of(const RunData& run, const std::string& words) {
  Cells cells;
  if (words.empty()) {
    for (const CellData& cell : run.cells) {
      if (axis_text(cell.cell, "strategy") == "strict") cells.push_back(&cell);
    }
    return cells;
  }
  const auto label = [&](std::size_t i) -> const std::string& { return run.cells[i].cell.label; };
  for (const std::size_t i : labels_with(run.cells.size(), label, words)) {
    cells.push_back(&run.cells[i]);
  }
  return cells;
}

const CellData* first_of(const Cells& cells, const Cells& wanted) {
  const auto at = std::find_if(cells.begin(), cells.end(), [&](const CellData* cell) {
    return std::find(wanted.begin(), wanted.end(), cell) != wanted.end();
  });
  return at == cells.end() ? nullptr : *at;
}

double sort_key(const CellData& cell, const std::string& metric) {
  const Samples samples = samples_of(cell, metric);
  if (samples.values.empty()) return std::numeric_limits<double>::infinity();
  return samples.better == Better::kHigher ? -median(samples.values) : median(samples.values);
}

// --- Cells of a table ---

Quantity value_of(const CellData& cell, const std::string& metric, bool spread) {
  const Samples samples = samples_of(cell, metric);
  if (samples.values.empty()) return {{}, {}, samples.because};
  Quantity value{median(samples.values)};
  if (spread) value = quantity(median_estimate(samples));
  value.whole = are_counts(samples);
  return value;
}

// "1.80×": green or red where the interval of the ratio leaves no doubt of the direction.
Text relative(const CellData& cell, const CellData& baseline, const std::string& metric,
              Pairing pairing) {
  if (&cell == &baseline) return {"1", Tone::kFaint};
  const Samples ours = samples_of(cell, metric), theirs = samples_of(baseline, metric);
  // As a verdict would be (compare.hpp): whoever was disturbed differs by that.
  if (mostly_disturbed(cell) != mostly_disturbed(baseline)) return {"n/a", Tone::kFaint};
  const auto ratio = ratio_of(theirs, ours, pairing);
  if (!ratio) return {"n/a", Tone::kFaint};
  const bool higher_is_better = ours.better != Better::kLower;
  Text text{three_digits(ratio->value) + "×"};
  if (ratio->interval && ratio->interval->low > 1) {
    text.tone = higher_is_better ? Tone::kGood : Tone::kBad;
  }
  if (ratio->interval && ratio->interval->high < 1) {
    text.tone = higher_is_better ? Tone::kBad : Tone::kGood;
  }
  return text;
}

std::string bar_of(double share) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<std::size_t>(std::lround(share * kBarColumns * 8));
  std::string bar;
  for (std::size_t i = 0; i < eighths / 8; ++i) bar += "█";
  return bar + kEighths[eighths % 8];
}

// Behind the metric that they are of, so that a narrow table keeps the two together.
void add_bars(Table& table, const Cells& cells, const std::string& metric, std::size_t column) {
  double most = 0;
  std::vector<double> values;
  for (const CellData* cell : cells) {
    const Samples samples = samples_of(*cell, metric);
    values.push_back(samples.values.empty() ? 0 : median(samples.values));
    most = std::max(most, values.back());
  }
  const auto at = static_cast<std::ptrdiff_t>(column);
  table.columns.insert(table.columns.begin() + at, Column{"", "", false, Audience::kPeople});
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    table.rows[i].insert(table.rows[i].begin() + at,
                         Text{most > 0 ? bar_of(values[i] / most) : std::string()});
  }
}

std::string unit_of(const Cells& cells, const std::string& metric) {
  for (const CellData* cell : cells) {
    const Samples samples = samples_of(*cell, metric);
    if (!samples.values.empty()) return samples.unit;
  }
  return {};
}

Table table_of(const RunData& run, const TableGroup& group, const std::vector<std::string>& keys,
               const std::vector<std::string>& metrics, const CellData* baseline,
               const SummaryOptions& options) {
  const bool relates = baseline != nullptr && group.cells.size() > 1 && !metrics.empty();
  Table table{shortened(group.title, kTitleColumns), {}, {}, {}};
  std::string relation = "to\n";
  if (relates) {
    const std::string strategy = axis_text(baseline->cell, "strategy");
    relation += options.baseline.empty() ? strategy : "baseline";
  }
  for (const std::string& key : keys) table.columns.push_back({key, "", true});
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    table.columns.push_back(
        {metrics[i], unit_of(group.cells, metrics[i]), false, Audience::kAll, head_of(metrics[i])});
    if (i == 0 && relates)
      table.columns.push_back({"relative", "", false, Audience::kAll, relation});
  }
  for (const CellData* cell : group.cells) {
    std::vector<Item> row;
    for (const std::string& key : keys) {
      const std::string text = key == "cell" ? cell->cell.label : axis_text(cell->cell, key);
      row.push_back(Text{shortened(text, kKeyColumns)});
    }
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      row.push_back(value_of(*cell, metrics[i], i == 0));
      if (i == 0 && relates) row.push_back(relative(*cell, *baseline, metrics[i], pairing_of(run)));
    }
    table.rows.push_back(std::move(row));
  }
  if (options.bars && !metrics.empty()) {
    add_bars(table, group.cells, metrics.front(), keys.size() + (relates ? 2 : 1));
  }
  return table;
}

// A row a metric and a column a cell; numbers carry their units.
Table transposed(const Table& from, std::size_t keys) {
  Table table{from.title, {{"metric", "", true}}, {}, from.notes};
  for (const auto& row : from.rows) {
    std::string name;
    for (std::size_t i = 0; i < keys; ++i) {
      name += (name.empty() ? "" : ", ") + std::get<Text>(row[i]).text;
    }
    table.columns.push_back({name, ""});
  }
  for (std::size_t i = keys; i < from.columns.size(); ++i) {
    if (from.columns[i].name.empty()) continue;  // Bars.
    std::vector<Item> row = {Text{from.columns[i].name}};
    for (const auto& cell : from.rows) {
      Item item = cell[i];
      if (auto* number = std::get_if<Quantity>(&item)) number->unit = from.columns[i].unit;
      row.push_back(std::move(item));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::vector<std::string> answering_metrics(const RunData& run) { return answers(all_cells(run)); }

std::string metric_head(const std::string& name) {
  std::string head = head_of(name);
  std::replace(head.begin(), head.end(), '\n', ' ');
  return head;
}

Result<std::vector<Table>> summary(const RunData& run, const SummaryOptions& options) {
  std::vector<std::string> keys = varying_axes(run);
  auto groups = groups_of(run, keys);
  std::erase_if(keys,
                [](const std::string& axis) { return axis == "workload" || axis == "placement"; });
  if (keys.empty()) keys = {"cell"};
  VIOLET_TRY(auto metrics, metrics_of(all_cells(run), options));
  add_labels(run, !options.metrics.empty(), metrics);
  if (!options.sort.empty()) VIOLET_TRY(metrics_of(all_cells(run), {.metrics = {options.sort}}));
  std::vector<Table> tables;
  const Cells baselines = baselines_of(run, options.baseline);
  if (baselines.empty() && !options.baseline.empty()) {
    std::vector<std::string> labels;
    for (const CellData& cell : run.cells) labels.push_back(cell.cell.label);
    return fail(ErrorKind::kUsage, "--baseline: no cell is called '{}'{}", options.baseline,
                labels_there(std::move(labels), options.baseline));
  }
  for (TableGroup& group : groups) {
    if (!options.sort.empty()) {
      std::stable_sort(group.cells.begin(), group.cells.end(), [&](const auto* a, const auto* b) {
        return sort_key(*a, options.sort) < sort_key(*b, options.sort);
      });
    }
    const CellData* const baseline = first_of(group.cells, baselines);
    const Table table = table_of(run, group, keys, metrics, baseline, options);
    tables.push_back(options.transpose ? transposed(table, keys.size()) : table);
  }
  return tables;
}

}  // namespace violet::results
