#include "experiments/results/host_regime.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "experiments/results/retries.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table.hpp"

namespace violet::results {
namespace {

// Before and after a repetition.
struct Moments {
  double before = 0, after = 0;
  double middle() const { return std::sqrt(before * after); }
  bool apart(double factor) const { return before > after * factor || after > before * factor; }
};

std::optional<Moments> moments_of(const RepetitionRecord& record, std::string_view stem) {
  std::optional<double> before, after;
  for (const Metric& metric : record.metrics) {
    if (!metric.name.starts_with(stem)) continue;
    const auto end = std::string_view(metric.name).substr(stem.size());
    if (end == "_before") before = metric.value;
    if (end == "_after") after = metric.value;
  }
  if (!before || !after || !(*before > 0) || !(*after > 0)) return std::nullopt;
  return Moments{*before, *after};
}

struct State {
  const RepetitionRecord* record = nullptr;
  double ping_pong = 0, spin = 0;  // Of the CPU that computes slowest.
  bool changed = false;
};

std::optional<State> state_of(const RepetitionRecord& record) {
  const auto ping_pong = moments_of(record, "ping_pong");
  if (!ping_pong) return std::nullopt;
  State state{&record, ping_pong->middle(), 0, ping_pong->apart(kPingPongGap)};
  for (const char* stem : {"spin_guest", "spin_engine", "spin_endpoint"}) {
    const auto spin = moments_of(record, stem);
    if (!spin) continue;
    state.spin = std::max(state.spin, spin->middle());
    state.changed = state.changed || spin->apart(kSpinGap);
  }
  return state;
}

// Groups of values without a gap of `factor`; the middle of each, ascending.
class Clusters {
 public:
  Clusters(std::vector<double> values, double factor) {
    std::sort(values.begin(), values.end());
    for (std::size_t from = 0; from < values.size();) {
      std::size_t to = from + 1;
      while (to < values.size() && values[to] <= values[to - 1] * factor) ++to;
      most_.push_back(values[to - 1]);
      middle_.push_back(median(std::span(values).subspan(from, to - from)));
      from = to;
    }
  }
  std::size_t size() const { return middle_.size(); }
  std::size_t of(double value) const {
    const auto at = std::lower_bound(most_.begin(), most_.end(), value);
    return static_cast<std::size_t>(at - most_.begin());
  }
  double middle(std::size_t cluster) const { return middle_[cluster]; }

 private:
  std::vector<double> most_, middle_;
};

std::string name_of(const State& state, const Clusters& distances, const Clusters& speeds) {
  if (state.changed) return "cores that changed meanwhile";
  std::string name = fmt::format("cores {} ns apart",
                                 three_digits(distances.middle(distances.of(state.ping_pong))));
  const std::size_t speed = speeds.of(state.spin);
  if (speed > 0) {
    name += fmt::format(", one at {:.0f} % of full speed",
                        100 * speeds.middle(0) / speeds.middle(speed));
  }
  return name;
}

// "a (40 repetitions), b (8)", the most frequent first.
std::string counted_text(const HostRegimes& regimes, const std::vector<std::size_t>& counts) {
  std::vector<std::pair<std::size_t, std::size_t>> order;  // Count and regime.
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) order.emplace_back(counts[i], i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [count, regime] : order) {
    const char* unit = !text.empty() ? "" : count == 1 ? " repetition" : " repetitions";
    text +=
        fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", regimes.names[regime], count, unit);
  }
  return text;
}

std::vector<std::size_t> counts_of_cell(const HostRegimes& regimes, const CellData& cell) {
  std::vector<std::size_t> counts(regimes.names.size());
  for (const CountedRepetition& one : counted_repetitions(cell)) {
    const auto at = regimes.of.find(one.record);
    if (at != regimes.of.end()) ++counts[at->second];
  }
  return counts;
}

HostRegimes regimes_of(const RunData& run) {
  const RunData* const one[] = {&run};
  return host_regimes(one);
}

std::optional<std::size_t> most_frequent(const std::vector<std::size_t>& counts) {
  const auto most = std::max_element(counts.begin(), counts.end());
  if (most == counts.end() || *most == 0) return std::nullopt;
  return static_cast<std::size_t>(most - counts.begin());
}

}  // namespace

std::vector<std::size_t> HostRegimes::counts(const RunData& run) const {
  std::vector<std::size_t> sum(names.size());
  for (const CellData& cell : run.cells) {
    const auto counts = counts_of_cell(*this, cell);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += counts[i];
  }
  return sum;
}

HostRegimes host_regimes(std::span<const RunData* const> runs) {
  std::vector<State> states;
  std::vector<double> distances, spins;
  for (const RunData* run : runs) {
    for (const CellData& cell : run->cells) {
      for (const CountedRepetition& one : counted_repetitions(cell)) {
        const auto state = state_of(*one.record);
        if (!state) continue;
        states.push_back(*state);
        distances.push_back(state->ping_pong);
        spins.push_back(state->spin);
      }
    }
  }
  const Clusters apart(std::move(distances), kPingPongGap), speeds(std::move(spins), kSpinGap);
  HostRegimes regimes;
  for (const State& state : states) {
    const std::string name = name_of(state, apart, speeds);
    auto at = std::find(regimes.names.begin(), regimes.names.end(), name);
    if (at == regimes.names.end()) at = regimes.names.insert(at, name);
    regimes.of[state.record] = static_cast<std::size_t>(at - regimes.names.begin());
  }
  return regimes;
}

std::string regimes_text(const RunData& run) {
  const HostRegimes regimes = regimes_of(run);
  if (regimes.names.empty()) {
    return "not available, because no repetition says how far apart its cores are";
  }
  std::size_t unknown = 0;
  for (const CellData& cell : run.cells) {
    for (const CountedRepetition& one : counted_repetitions(cell)) {
      unknown += regimes.of.count(one.record) == 0 ? 1 : 0;
    }
  }
  return counted_text(regimes, regimes.counts(run)) +
         (unknown == 0 ? "" : fmt::format(", not known of {}", unknown));
}

std::string mixed_regimes_text(const RunData& run) {
  const HostRegimes regimes = regimes_of(run);
  std::size_t mixed = 0;
  std::string example;
  for (const CellData& cell : run.cells) {
    const auto counts = counts_of_cell(regimes, cell);
    if (std::count_if(counts.begin(), counts.end(), [](std::size_t n) { return n > 0; }) < 2)
      continue;
    if (mixed++ == 0) example = cell.cell.label + ": " + counted_text(regimes, counts);
  }
  if (mixed == 0) return {};
  return fmt::format(
      "the host was not the same throughout: medians of {} of {} cells are over repetitions of "
      "different regimes, for example {}",
      mixed, run.cells.size(), example);
}

std::string regimes_difference(const RunData& baseline, const RunData& contender) {
  const RunData* const both[] = {&baseline, &contender};
  const HostRegimes regimes = host_regimes(both);
  const auto mine = regimes.counts(baseline), theirs = regimes.counts(contender);
  const auto first = most_frequent(mine), second = most_frequent(theirs);
  if (!first || !second || *first == *second) return {};
  return fmt::format("host regime differs: {} / {}", counted_text(regimes, mine),
                     counted_text(regimes, theirs));
}

}  // namespace violet::results
