#include "experiments/results/break_even.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "engine/base/counted.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/table.hpp"
#include "experiments/results/units.hpp"

namespace violet::results {
namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr const char* kExit = "costs.exit_ns";
constexpr const char* kEntry = "costs.entry_ns";
constexpr const char* kPollution = "costs.exit_pollution_kib";

std::optional<double> exit_of(const CellRecord& cell) {
  const std::string text = axis_text(cell, kExit);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct SweptCells {
  std::string name;
  std::string sidecore_key;
  std::map<double, const CellData*> samecore;  // By exit.
  std::vector<const CellData*> sidecore;       // An exit costs it nothing: all are one.
};

enum class Of { kSamecore, kSidecore };

// All axes but those that a sweep of the exit varies, and of a sidecore all but those of exits, which it has not; for
// people those that vary in the run.
std::string swept_key(const CellRecord& cell, Of of, const std::vector<std::string>* shown) {
  std::string text;
  for (const auto& [name, value] : cell.axes) {
    if (name == "placement" || name == kExit) continue;
    if (of == Of::kSidecore && (name == kEntry || name == kPollution)) continue;
    if (shown != nullptr && std::find(shown->begin(), shown->end(), name) == shown->end()) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, to_text(value));
  }
  return text;
}

std::vector<SweptCells> swept_cells(const RunData& run) {
  const auto varying = varying_axes(run);
  std::vector<std::string> order;
  std::map<std::string, SweptCells> groups;
  std::map<std::string, std::vector<const CellData*>> sidecores;
  for (const CellData& cell : run.cells) {
    const std::string placement = axis_text(cell.cell, "placement");
    const std::string sidecore_key = swept_key(cell.cell, Of::kSidecore, nullptr);
    if (placement == "sidecore") sidecores[sidecore_key].push_back(&cell);
    const auto exit = exit_of(cell.cell);
    if (placement != "samecore" || !exit) continue;
    const std::string key = swept_key(cell.cell, Of::kSamecore, nullptr);
    const auto [at, fresh] = groups.try_emplace(key);
    if (fresh) {
      order.push_back(key);
      at->second.name = swept_key(cell.cell, Of::kSamecore, &varying);
      at->second.sidecore_key = sidecore_key;
    }
    at->second.samecore[*exit] = &cell;
  }
  std::vector<SweptCells> swept;
  for (const std::string& key : order) {
    SweptCells& group = groups[key];
    group.sidecore = sidecores[group.sidecore_key];
    if (group.samecore.size() > 1 && !group.sidecore.empty()) swept.push_back(std::move(group));
  }
  return swept;
}

// Seconds an operation in one repetition; nothing where there was none.
std::optional<double> seconds_in(const CellData& cell, const char* metric,
                                 std::uint32_t repetition) {
  const Samples samples = samples_of(cell, metric);
  for (std::size_t i = 0; i < samples.values.size(); ++i) {
    if (samples.repetitions[i] == repetition && samples.values[i] > 0) return 1 / samples.values[i];
  }
  return std::nullopt;
}

using Repetitions = std::set<std::uint32_t>;

// Those in which all cells have the metric: what a cell alone went through moves no break-even.
Repetitions shared_repetitions(const SweptCells& group, const char* metric) {
  const auto first = samples_of(*group.sidecore.front(), metric).repetitions;
  Repetitions shared(first.begin(), first.end());
  for (const auto& [exit, cell] : group.samecore) {
    const auto its = samples_of(*cell, metric).repetitions;
    std::erase_if(shared, [&](std::uint32_t one) {
      return std::find(its.begin(), its.end(), one) == its.end();
    });
  }
  return shared;
}

std::vector<double> rates_of(const std::vector<const CellData*>& cells, const char* metric,
                             const Repetitions& wanted) {
  std::vector<double> rates;
  for (const CellData* cell : cells) {
    const Samples samples = samples_of(*cell, metric);
    for (std::size_t i = 0; i < samples.values.size(); ++i) {
      if (wanted.contains(samples.repetitions[i])) rates.push_back(samples.values[i]);
    }
  }
  return rates;
}

// The break-evens of single repetitions: what a repetition of an interleaved run shares does not matter then.
std::vector<double> found_in_repetitions(const SweptCells& group, const char* metric,
                                         const Repetitions& repetitions, BreakEven& result) {
  std::vector<double> found;
  for (const std::uint32_t repetition : repetitions) {
    Points points;
    for (const auto& [exit, cell] : group.samecore) {
      if (const auto seconds = seconds_in(*cell, metric, repetition)) {
        points.emplace_back(exit, *seconds);
      }
    }
    const auto sidecore = seconds_in(*group.sidecore.front(), metric, repetition);
    if (!sidecore || points.size() != group.samecore.size()) continue;
    ++result.repetitions;
    const Crossings crossed = crossings(points, *sidecore);
    if (crossed.count == 1) found.push_back(crossed.at);
  }
  result.found_in = found.size();
  return found;
}

// Whether an exit costs samecore anything.
bool exits(const SweptCells& group) {
  return std::any_of(group.samecore.begin(), group.samecore.end(), [](const auto& one) {
    const Samples kicks = samples_of(*one.second, "kicks_per_operation");
    return kicks.values.empty() || median(kicks.values) > 0;
  });
}

BreakEven break_even_of(const SweptCells& group, const char* metric) {
  BreakEven result;
  result.cells = group.name;
  result.metric = metric;
  result.least_ns = group.samecore.begin()->first;
  result.most_ns = group.samecore.rbegin()->first;
  const Repetitions shared = shared_repetitions(group, metric);
  const std::vector<double> sidecore = rates_of(group.sidecore, metric, shared);
  Points points;
  for (const auto& [exit, cell] : group.samecore) {
    const std::vector<double> rates = rates_of({cell}, metric, shared);
    if (!rates.empty() && median(rates) > 0) points.emplace_back(exit, 1 / median(rates));
  }
  if (sidecore.empty() || median(sidecore) <= 0 || points.size() != group.samecore.size()) {
    return result;
  }
  if (!exits(group)) {
    result.outcome = BreakEven::Outcome::kNoExits;
    return result;
  }
  const double seconds = 1 / median(sidecore);
  const Crossings crossed = crossings(points, seconds);
  if (crossed.count == 0) {
    const bool sidecore_wins = seconds < points.front().second;
    result.outcome = sidecore_wins ? BreakEven::Outcome::kBelow : BreakEven::Outcome::kAbove;
    return result;
  }
  result.between_ns = crossed.between;
  if (crossed.count > 1) {
    result.outcome = BreakEven::Outcome::kSeveral;
    return result;
  }
  result.outcome = BreakEven::Outcome::kFound;
  const auto found = found_in_repetitions(group, metric, shared, result);
  Estimate at;
  if (!found.empty() && found.size() == result.repetitions) {
    at = median_estimate(found, group.sidecore.front()->confidence);
  }
  at.value = crossed.at;
  result.at_ns = at;
  return result;
}

std::string ns_text(double ns) { return with_unit(ns, "ns"); }

}  // namespace

Crossings crossings(const std::vector<std::pair<double, double>>& points, double seconds) {
  Crossings found;
  const auto add = [&](double at, double from, double to) {
    if (found.count++ > 0) return;
    found.at = at;
    found.between = {from, to};
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& [x, y] = points[i];
    if (y == seconds) {
      add(x, x, x);
      continue;
    }
    if (i == 0) continue;
    const auto& [before_x, before_y] = points[i - 1];
    if (before_y == seconds || (before_y < seconds) == (y < seconds)) continue;
    add(before_x + (x - before_x) * (seconds - before_y) / (y - before_y), before_x, x);
  }
  return found;
}

std::vector<BreakEven> break_evens(const RunData& run) {
  std::vector<BreakEven> all;
  for (const SweptCells& group : swept_cells(run)) {
    for (const std::string_view metric : {std::string_view("operations_per_s"), kRatePerCpu}) {
      all.push_back(break_even_of(group, metric.data()));
    }
  }
  return all;
}

std::string to_text(const BreakEven& one) {
  std::string text = one.cells.empty() ? "" : one.cells + ", ";
  text += one.metric == kRatePerCpu ? "for each CPU used: " : "by throughput: ";
  const std::string sweep =
      fmt::format("the sweep of exits, {} to {}", ns_text(one.least_ns), ns_text(one.most_ns));
  switch (one.outcome) {
    case BreakEven::Outcome::kBelow:
      return text + "not within " + sweep + ": sidecore has the higher rate at every exit";
    case BreakEven::Outcome::kAbove:
      return text + "not within " + sweep + ": samecore has the higher rate at every exit";
    case BreakEven::Outcome::kSeveral:
      return text + "not known: the rates cross more than once within " + sweep +
             ", so that their noise decides";
    case BreakEven::Outcome::kNoExits:
      return text + "none: samecore has no kicks, so that an exit costs it nothing";
    case BreakEven::Outcome::kNotMeasured:
      return text + "not available, because a cell of the sweep has no such rate";
    case BreakEven::Outcome::kFound:
      break;
  }
  text += fmt::format("sidecore and samecore are equal where an exit costs {}",
                      ns_text(one.at_ns->value));
  if (one.at_ns->interval) {
    text += fmt::format(" ({} .. {})", ns_text(one.at_ns->interval->low),
                        ns_text(one.at_ns->interval->high));
  }
  if (one.between_ns.first == one.between_ns.second) {
    text += ", a measured exit";
  } else {
    text += fmt::format(", between the measured {} and {}", ns_text(one.between_ns.first),
                        ns_text(one.between_ns.second));
  }
  if (one.found_in < one.repetitions) {
    text += fmt::format(
        "; in {} of {}, taken alone, the rates do not cross just once, so that no "
        "interval can be given",
        one.repetitions - one.found_in, counted(one.repetitions, "repetition"));
  } else if (!one.at_ns->interval) {
    text += "; no interval can be given";
  }
  return text;
}

}  // namespace violet::results
