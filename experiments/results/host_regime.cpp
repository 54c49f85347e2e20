#include "experiments/results/host_regime.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/base/counted.hpp"
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

// One moment stands for both where the other is not known.
std::optional<Moments> moments_of(const RepetitionRecord& record, std::string_view stem) {
  std::optional<double> before, after;
  for (const Metric& metric : record.metrics) {
    if (!metric.name.starts_with(stem)) continue;
    const auto end = std::string_view(metric.name).substr(stem.size());
    const bool sound = metric.value && std::isfinite(*metric.value) && *metric.value > 0;
    if (end == "_before" && sound) before = metric.value;
    if (end == "_after" && sound) after = metric.value;
  }
  if (!before && !after) return std::nullopt;
  return Moments{before ? *before : *after, after ? *after : *before};
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

// Groups of values without a gap of `factor`, ascending; values of 0 are none.
class Clusters {
 public:
  Clusters(std::vector<double> values, double factor) {
    std::erase(values, 0.0);
    std::sort(values.begin(), values.end());
    for (std::size_t from = 0; from < values.size();) {
      std::size_t to = from + 1;
      while (to < values.size() && values[to] <= values[to - 1] * factor) ++to;
      least_.push_back(values[from]);
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
  // "112", or "100 to 440" where it spans more than the factor.
  std::string text(std::size_t cluster, double factor) const {
    if (most_[cluster] <= least_[cluster] * factor) return three_digits(middle_[cluster]);
    return fmt::format("{} to {}", three_digits(least_[cluster]), three_digits(most_[cluster]));
  }

 private:
  std::vector<double> least_, most_, middle_;
};

// Of distance and speed, by their clusters; that of a repetition during which they changed.
using RegimeKey = std::pair<std::size_t, std::size_t>;
constexpr RegimeKey kChanged{~std::size_t{0}, 0};

RegimeKey key_of(const State& state, const Clusters& distances, const Clusters& speeds) {
  if (state.changed) return kChanged;
  return {distances.of(state.ping_pong), state.spin > 0 ? speeds.of(state.spin) : 0};
}

std::string name_of(const RegimeKey& key, const Clusters& distances, const Clusters& speeds) {
  if (key == kChanged) return "cores that changed meanwhile";
  std::string name = fmt::format("cores {} ns apart", distances.text(key.first, kPingPongGap));
  if (key.second > 0) {
    name += fmt::format(", one at {:.0f} % of the fastest",
                        100 * speeds.middle(0) / speeds.middle(key.second));
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
  constexpr std::size_t kNamed = 4;
  std::string text;
  for (const auto& [count, regime] : std::span(order).first(std::min(order.size(), kNamed))) {
    const char* unit = !text.empty() ? "" : count == 1 ? " repetition" : " repetitions";
    text +=
        fmt::format("{}{} ({}{})", text.empty() ? "" : ", ", regimes.names[regime], count, unit);
  }
  if (order.size() > kNamed) text += fmt::format(" and {} more", order.size() - kNamed);
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

// As the first repetition that was asked says.
std::string why_unknown(const RunData& run) {
  for (const CellData& cell : run.cells) {
    for (const RepetitionRecord& record : cell.repetitions) {
      for (const Metric& metric : record.metrics) {
        if (metric.name == "ping_pong_before" && !metric.value) return metric.because;
      }
    }
  }
  return "no repetition says how far apart its cores are";
}

// Whether the cell's own repetitions lie further apart than those of one regime should.
bool spans_a_gap(const CellData& cell) {
  double least = 0, most = 0;
  for (const CountedRepetition& one : counted_repetitions(cell)) {
    const auto state = state_of(*one.record);
    if (!state) continue;
    least = least == 0 ? state->ping_pong : std::min(least, state->ping_pong);
    most = std::max(most, state->ping_pong);
  }
  return most > least * kPingPongGap;
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
  std::map<RegimeKey, std::size_t> known;
  for (const State& state : states) {
    const RegimeKey key = key_of(state, apart, speeds);
    const auto [at, first] = known.try_emplace(key, regimes.names.size());
    if (first) regimes.names.push_back(name_of(key, apart, speeds));
    regimes.of[state.record] = at->second;
  }
  return regimes;
}

std::string regimes_text(const RunData& run) {
  const HostRegimes regimes = regimes_of(run);
  if (regimes.names.empty()) return "not available, because " + why_unknown(run);
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
    const auto several =
        std::count_if(counts.begin(), counts.end(), [](std::size_t n) { return n > 0; }) > 1;
    if (!several && !spans_a_gap(cell)) continue;
    if (mixed++ == 0) example = cell.cell.label + ": " + counted_text(regimes, counts);
  }
  if (mixed == 0) return {};
  return fmt::format(
      "the host was not the same throughout: medians of {} of {} cells are over repetitions of "
      "different regimes, for example {}",
      mixed, run.cells.size(), example);
}

std::string regimes_difference(const HostRegimes& regimes, std::span<const CellPair> pairs) {
  std::size_t different = 0, unknown = 0;
  std::string example;
  for (const CellPair& pair : pairs) {
    const auto mine = most_frequent(counts_of_cell(regimes, *pair.baseline));
    const auto theirs = most_frequent(counts_of_cell(regimes, *pair.contender));
    unknown += !mine || !theirs ? 1 : 0;
    if (!mine || !theirs || *mine == *theirs) continue;
    if (different++ > 0) continue;
    example = fmt::format("{}: {} / {}", pair.contender->cell.label, regimes.names[*mine],
                          regimes.names[*theirs]);
  }
  std::string text;
  if (different > 0) {
    text = fmt::format("the host regime differs in {} of {}, for example {}", different,
                       counted(pairs.size(), "pair"), example);
  }
  // Of older runs nothing is: that needs no line.
  if (unknown > 0 && !regimes.names.empty()) {
    text += fmt::format("{}the host regime is not known in {} of {}", text.empty() ? "" : "; ",
                        unknown, counted(pairs.size(), "pair"));
  }
  return text;
}

}  // namespace violet::results
