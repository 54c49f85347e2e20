#include "experiments/results/time_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include "engine/telemetry/work_phase.hpp"
#include "experiments/results/metric_catalogue.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/samples.hpp"
#include "experiments/results/summary.hpp"

namespace violet::results {
namespace {

constexpr const char* kNotAttributed = "not attributed";
constexpr const char* kItself = "the breakdown itself";
constexpr const char* kWaited = "others had the CPU";
constexpr const char* kLongRounds = "rare long rounds";
constexpr const char* kNotRecorded =
    "where the time went was not recorded by this run: an older program made it, or a guest that "
    "has no phases";
constexpr std::size_t kMostPartNotes = 6;
// What the sampled rounds may come to, in per cent of what was measured, before one should doubt them.
constexpr double kLeastSum = 95, kMostSum = 105;

// One part of an lcore's time in one cell.
struct Part {
  std::string name;  // "iova allocate"
  std::string metric;
  Quantity ns;
};

// What one lcore did in one cell; the parts add up to the whole.
struct LcoreTime {
  std::vector<Part> parts;
  Quantity whole;
  std::string because;              // Why nothing is known; then there are no parts.
  double waited = 0, longs = 0;     // In ns, of the whole: others had the CPU, TimeSide::longs.
  std::optional<double> sum;        // Per cent: TimeSide::sum,
  std::optional<double> sum_error;  // what the mean of all repetitions errs by,
  std::optional<double> sum_share;  // and TimeSide::sum_share.
  double rounds = 0, sampled = 0;   // Of all repetitions.
};

std::vector<double> values_of(const CellSamples& cell, std::string_view metric) {
  const Samples* const samples = cell.find(metric);
  return samples == nullptr ? std::vector<double>() : samples->values;
}

double total(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// A mean of all repetitions, or nothing: of fewer the parts would not add up.
Quantity mean_of(const CellSamples& cell, std::string_view metric, std::size_t repetitions) {
  const Samples* const samples = cell.find(metric);
  if (samples == nullptr) return {{}, {}, kNoSuchSamples};
  if (samples->values.empty()) return {{}, {}, samples->because};
  if (samples->values.size() < repetitions) {
    return {{},
            {},
            fmt::format("met too rarely in {} of {} repetitions",
                        repetitions - samples->values.size(), repetitions)};
  }
  return quantity(mean_estimate(samples->values));
}

// Of values that err by these, each by itself.
std::optional<double> error_of_mean(const std::vector<double>& errors) {
  if (errors.empty()) return std::nullopt;
  double squares = 0;
  for (const double error : errors) squares += error * error;
  return std::sqrt(squares) / static_cast<double>(errors.size());
}

std::string words_of(std::string_view name) {
  std::string words(name);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

// Whether an lcore's parts of this cell hold the phase.
bool belongs(WorkPhase phase, bool engines_lcore, bool engine_has_its_own) {
  return is_engines(phase) ? engines_lcore == engine_has_its_own : !engines_lcore;
}

bool has_time(const CellData& cell, const TimeSide& side) {
  return !samples_of(cell, std::string(side.wall)).values.empty();
}

LcoreTime lcore_time(const CellData& cell, bool engines_lcore) {
  const TimeSide& side = engines_lcore ? kEngineTime : kGuestTime;
  const CellSamples samples(cell);
  LcoreTime time;
  const std::vector<double> wall = values_of(samples, side.wall);
  if (wall.empty()) {
    time.because = mean_of(samples, side.wall, 0).because;
    return time;
  }
  time.whole = quantity(mean_estimate(wall));
  const bool own_lcore = !values_of(samples, kEngineTime.wall).empty();
  double left = *time.whole.value;
  const auto add = [&](std::string name, std::string metric) {
    Quantity ns = mean_of(samples, metric, wall.size());
    left -= ns.value.value_or(0);
    time.parts.push_back({std::move(name), std::move(metric), std::move(ns)});
  };
  for (std::size_t i = 0; i < kWorkPhases; ++i) {
    if (!belongs(static_cast<WorkPhase>(i), engines_lcore, own_lcore)) continue;
    add(words_of(kWorkPhaseInfos[i].name), time_metric(kWorkPhaseInfos[i].name));
  }
  add(kLongRounds, std::string(side.longs));
  time.longs = time.parts.back().ns.value.value_or(0);
  add(kWaited, std::string(side.waited));
  time.waited = time.parts.back().ns.value.value_or(0);
  add(kItself, std::string(side.own));
  time.parts.push_back({kNotAttributed, std::string(side.rest), Quantity{std::max(left, 0.0)}});
  const std::vector<double> sums = values_of(samples, side.sum);
  if (!sums.empty()) time.sum = mean_estimate(sums).value;
  const std::vector<double> shares = values_of(samples, side.sum_share);
  if (!shares.empty()) time.sum_share = mean_estimate(shares).value;
  time.sum_error = error_of_mean(values_of(samples, side.sum_error));
  time.rounds = total(values_of(samples, side.rounds));
  time.sampled = total(values_of(samples, side.sampled_rounds));
  return time;
}

// Why the run has no times at all; empty: it has.
std::string why_none(const RunData& run) {
  std::string because = kNotRecorded;
  for (const CellData& cell : run.cells) {
    if (has_time(cell, kGuestTime)) return {};
    for (const RepetitionRecord& record : cell.repetitions) {
      for (const Metric& metric : record.metrics) {
        if (metric.name == kGuestTime.wall && !metric.value)
          because = "where the time went was not recorded by this run: " + metric.because;
      }
    }
  }
  return because;
}

// --- For people ---

std::string column_of(const CellData& cell, const std::vector<std::string>& keys) {
  std::string text;
  for (const std::string& key : keys) {
    const std::string value = axis_text(cell.cell, key);
    if (value.empty()) continue;
    text +=
        (text.empty() ? "" : "\n") +
        (key == "strategy" ? value : fmt::format("{} {}", key.substr(key.rfind('.') + 1), value));
  }
  return text.empty() ? cell.cell.label : text;
}

// "97.2 % to 101.3 %"
std::string range_text(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (values.size() == 1) return fmt::format("{:.1f} %", *low);
  return fmt::format("{:.1f} % to {:.1f} %", *low, *high);
}

// What the sampled rounds of one lcore in one cell come to.
struct Sum {
  double percent = 0;
  std::optional<double> error;  // Older runs know of none.
};

// Two standard errors: what chance alone hardly does.
double by_chance(const Sum& sum) { return 2 * sum.error.value_or(0); }

bool is_doubtful(const Sum& sum) {
  return (sum.percent < kLeastSum || sum.percent > kMostSum) &&
         std::abs(sum.percent - 100) > by_chance(sum);
}

// So few rounds that it would not be seen if the parts were wrong.
bool is_vague(const Sum& sum) { return !is_doubtful(sum) && by_chance(sum) > kMostSum - 100; }

void note_doubts(Table& table, const std::vector<Sum>& sums) {
  if (const auto count = std::count_if(sums.begin(), sums.end(), is_doubtful); count > 0) {
    table.notes.push_back(fmt::format(
        "warning: in {} of {} cells the sampled rounds come to less than {} % or more than {} % of "
        "the time that they stand for, and by more than chance explains: trust no part of theirs "
        "to more than that; a longer run.warmup_s tells better what marks cost",
        count, sums.size(), kLeastSum, kMostSum));
  }
  if (const auto count = std::count_if(sums.begin(), sums.end(), is_vague); count > 0) {
    table.notes.push_back(fmt::format(
        "in {} of {} cells too few rounds were sampled to tell whether their parts are right to {} "
        "%; a longer run.duration_s, or more repetitions, sample more",
        count, sums.size(), kMostSum - 100));
  }
}

// What the sampled rounds come to; older runs know of no error, and related them to all of the measured time.
std::string sums_text(const std::vector<LcoreTime>& times) {
  double rounds = 0, sampled = 0;
  std::vector<double> errors, shares, sums;
  for (const LcoreTime& time : times) {
    if (!time.whole.value) continue;
    if (time.sum) sums.push_back(*time.sum);
    rounds += time.rounds;
    sampled += time.sampled;
    if (time.sum_error) errors.push_back(*time.sum_error);
    if (time.sum_share) shares.push_back(*time.sum_share);
  }
  const std::string come = sums.empty() ? "n/a" : range_text(sums);
  if (errors.empty() && !shares.empty()) {
    return fmt::format(
        "{:.0f} of {:.0f} rounds were sampled, too few or too many to hold them against the others",
        sampled, rounds);
  }
  if (errors.empty() || shares.empty()) {
    return fmt::format(
        "the sampled rounds ({:.0f} of {:.0f}), scaled by their number alone, come to {} of the "
        "measured time",
        sampled, rounds, come);
  }
  return fmt::format(
      "the sampled rounds ({:.0f} of {:.0f}) that are shorter than 250 us come to {} of the time "
      "of "
      "those not sampled, for what was done in them (standard error: up to {:.1f} %); such rounds "
      "are {} of the time that it ran",
      sampled, rounds, come, *std::max_element(errors.begin(), errors.end()), range_text(shares));
}

// How good the numbers of a table are. Where others had the CPU there was nothing to attribute.
void note_support(Table& table, const std::vector<LcoreTime>& times) {
  std::vector<double> attributed, longs;
  std::vector<Sum> sums;
  for (const LcoreTime& time : times) {
    if (!time.whole.value) continue;
    if (time.sum) sums.push_back({*time.sum, time.sum_error});
    const double rest = time.parts.back().ns.value.value_or(0);
    if (const double ran = *time.whole.value - time.waited; ran > 0) {
      attributed.push_back(100 * (1 - (rest + time.longs) / ran));
      longs.push_back(100 * time.longs / ran);
    }
  }
  if (attributed.empty()) return;
  std::string text = fmt::format("attributed: {} of the time that it ran", range_text(attributed));
  if (*std::max_element(longs.begin(), longs.end()) > 0) {
    text += fmt::format(", and {} is in rare long rounds", range_text(longs));
  }
  table.notes.push_back(text + "; " + sums_text(times));
  note_doubts(table, sums);
}

bool anybody_has(const std::vector<LcoreTime>& times, std::size_t part) {
  return std::any_of(times.begin(), times.end(), [&](const LcoreTime& time) {
    return part < time.parts.size() && time.parts[part].ns.value;
  });
}

// Parts that were met, but too rarely.
void note_rare(Table& table, const std::vector<const CellData*>& cells,
               const std::vector<LcoreTime>& times) {
  std::size_t left_out = 0, said = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    for (const Part& part : times[i].parts) {
      if (part.ns.value || part.ns.because.find("rarely") == std::string::npos) continue;
      if (said++ < kMostPartNotes) {
        table.notes.push_back(
            fmt::format("{} in {}: {}", part.name, cells[i]->cell.label, part.ns.because));
      } else {
        ++left_out;
      }
    }
  }
  if (left_out > 0)
    table.notes.push_back(fmt::format("{} more parts were met too rarely", left_out));
}

// Nothing where no cell of the group has that lcore.
std::optional<Table> table_of_lcore(const TableGroup& group, const std::vector<std::string>& keys,
                                    bool engines_lcore) {
  std::vector<LcoreTime> times;
  for (const CellData* cell : group.cells) times.push_back(lcore_time(*cell, engines_lcore));
  const auto known = std::find_if(times.begin(), times.end(),
                                  [](const LcoreTime& time) { return time.because.empty(); });
  if (known == times.end()) return std::nullopt;
  Table table;
  table.title =
      fmt::format("{}{}the {} lcore, ns per operation", group.title,
                  group.title.empty() ? "" : ": ", engines_lcore ? "engine's" : "guest's");
  table.columns = {{"part", "", true}};
  for (const CellData* cell : group.cells) {
    table.columns.push_back(
        {cell->cell.label, "ns", false, Audience::kAll, column_of(*cell, keys)});
  }
  // The cells of a group have one placement, and so the same parts.
  for (std::size_t part = 0; part < known->parts.size(); ++part) {
    if (!anybody_has(times, part)) continue;
    std::vector<Item> row = {Text{known->parts[part].name}};
    for (const LcoreTime& time : times) {
      row.push_back(time.because.empty() ? time.parts[part].ns : Quantity{{}, {}, time.because});
      std::get<Quantity>(row.back()).interval.reset();
    }
    table.rows.push_back(std::move(row));
  }
  std::vector<Item> whole = {Text{"together"}};
  for (const LcoreTime& time : times) {
    Quantity sum = time.because.empty() ? time.whole : Quantity{{}, {}, time.because};
    sum.interval.reset();
    whole.push_back(std::move(sum));
  }
  table.rows.push_back(std::move(whole));
  note_support(table, times);
  note_rare(table, group.cells, times);
  return table;
}

}  // namespace

Result<std::vector<Table>> time_tables(const RunData& run) {
  if (const std::string because = why_none(run); !because.empty()) return fail("{}", because);
  std::vector<std::string> keys = varying_axes(run);
  const std::vector<TableGroup> groups = groups_of(run, keys);
  std::erase_if(keys,
                [](const std::string& axis) { return axis == "workload" || axis == "placement"; });
  std::vector<Table> tables;
  for (const TableGroup& group : groups) {
    for (const bool engines_lcore : {false, true}) {
      if (auto table = table_of_lcore(group, keys, engines_lcore)) {
        tables.push_back(std::move(*table));
      }
    }
  }
  return tables;
}

Result<Table> time_rows(const RunData& run) {
  if (const std::string because = why_none(run); !because.empty()) return fail("{}", because);
  Table table;
  table.title = "where the time went";
  table.columns = {{"cell", "", true},   {"lcore", "", true}, {"part", "", true},
                   {"metric", "", true}, {"time", "ns"},      {"share", "%"}};
  std::vector<Sum> sums;
  for (const CellData& cell : run.cells) {
    for (const bool engines_lcore : {false, true}) {
      const LcoreTime time = lcore_time(cell, engines_lcore);
      const char* const lcore = engines_lcore ? "engine" : "guest";
      const auto add = [&](const std::string& part, const std::string& metric, Quantity ns) {
        Quantity share{{}, {}, ns.because};
        if (ns.value && *time.whole.value > 0) share.value = 100 * *ns.value / *time.whole.value;
        table.rows.push_back({Text{cell.cell.label}, Text{lcore}, Text{part}, Text{metric},
                              std::move(ns), std::move(share)});
      };
      if (time.sum) sums.push_back({*time.sum, time.sum_error});
      for (const Part& part : time.parts) add(part.name, part.metric, part.ns);
      const TimeSide& side = engines_lcore ? kEngineTime : kGuestTime;
      add("together", std::string(side.wall),
          time.because.empty() ? time.whole : Quantity{{}, {}, time.because});
    }
  }
  table.notes.emplace_back(
      "Means over the repetitions, per operation; the parts of an lcore add up.");
  note_doubts(table, sums);
  return table;
}

}  // namespace violet::results
