// Overview, engine and faults: what happens over time, without looking at pages.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "experiments/query/level_replay.hpp"
#include "experiments/query/lost_times.hpp"
#include "experiments/query/window_parts.hpp"

namespace violet::query {
namespace {

std::uint64_t kinds_of(const PyramidBucket& bucket, EventKind kind) {
  return bucket.kinds[static_cast<std::size_t>(kind)];
}

bool is_one_of(EventKind kind, std::initializer_list<EventKind> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Whether the calls of a window are counted one by one.
bool scans_rate(const CellData& cell, TimeWindow window, const Columns& columns) {
  return cell.scans(TickWindow(cell.base, window), cell.fine(columns));
}

// A rate over time, and what time it is about.
struct RateAnswer {
  std::vector<Column> columns;
  Resolution resolution;
};

std::uint64_t count_of(const CellData& cell, TimeWindow window,
                       std::initializer_list<EventKind> kinds) {
  const TickWindow ticks(cell.base, window);
  std::uint64_t count = 0;
  cell.events->for_pieces(ticks.from, ticks.to, [&](std::uint16_t, std::span<const Event> piece) {
    for (const Event& event : piece) count += is_one_of(event.kind, kinds) ? 1 : 0;
    return true;
  });
  return count;
}

// An edge of a window that is read from the summary; false where its events are not there.
bool add_edge(const CellData& cell, TimeWindow part, std::initializer_list<EventKind> kinds,
              RateColumns& rate) {
  const TickWindow ticks(cell.base, part);
  if (!cell.kept(ticks) || cell.events->count(ticks.from, ticks.to) > kMostOfAnEdge) return false;
  LostTimes(cell, part).for_seen(part.from, part.to, [&](Nanos from, Nanos to) {
    rate.add(from, to, static_cast<double>(count_of(cell, {from, to}, kinds)));
  });
  return true;
}

// Event by event.
void scan_rate(const CellData& cell, TimeWindow window, std::initializer_list<EventKind> kinds,
               RateColumns& rate) {
  const LostTimes lost(cell, window);
  for (const TimeWindow& time : lost.times()) rate.lose(time.from, time.to);
  const TickWindow ticks(cell.base, window);
  cell.events->for_pieces(ticks.from, ticks.to, [&](std::uint16_t, std::span<const Event> piece) {
    for (const Event& event : piece) {
      if (!is_one_of(event.kind, kinds)) continue;
      const Nanos at = cell.base.nanos(event.at);
      if (!lost.hold(at)) rate.add_one(at);
    }
    return true;
  });
}

// Events of these kinds a second.
RateAnswer rate_of(const CellData& cell, TimeWindow window, const Columns& columns,
                   std::initializer_list<EventKind> kinds) {
  RateColumns rate(columns);
  RateAnswer out;
  const bool scans = scans_rate(cell, window, columns);
  if (scans) {
    scan_rate(cell, window, kinds, rate);
    out.resolution.about = window;
  } else {
    const WindowParts parts = split_window(
        cell, window, [&](TimeWindow part) { return add_edge(cell, part, kinds, rate); });
    for_buckets(cell, parts.buckets,
                [&](std::size_t, const PyramidBucket& bucket, Nanos from, Nanos to) {
                  if (bucket.gap != 0) return;
                  std::uint64_t count = 0;
                  for (const EventKind kind : kinds) count += kinds_of(bucket, kind);
                  rate.add(from, to, static_cast<double>(count));
                });
    out.resolution = parts.resolution;
  }
  out.resolution.missing = missing_of(cell, out.resolution);
  rate.into(out.columns, scans);
  mark_gaps(cell, window, columns, out.columns);
  return out;
}

// --- The engine's gauges ---

struct Sample {
  Ticks at;
  std::uint64_t value;
};
using Series = std::vector<Sample>;

class Gauges {
 public:
  Gauges(const CellData& cell, TimeWindow window) : cell_(cell), window_(window) {
    const Ticks end = cell.base.ticks_since(window.to);
    const auto& cells = cell.pyramid.gauges;
    const Ticks first = cell.base.ticks_since(window.from) >> cell.pyramid.facts.shift;
    begin_ = static_cast<std::size_t>(
        std::partition_point(cells.begin(), cells.end(),
                             [first](const GaugeCell& one) { return one.bucket < first; }) -
        cells.begin());
    const Ticks last = end >> cell.pyramid.facts.shift;
    end_ = static_cast<std::size_t>(
        std::partition_point(cells.begin(), cells.end(),
                             [last](const GaugeCell& one) { return one.bucket <= last; }) -
        cells.begin());
    // A rate needs the sample before and the one after: those of a screenful of rounds around.
    begin_ -= std::min(begin_, kAround);
    end_ = std::min(end_ + kAround, cells.size());
    for (std::size_t i = begin_; i < end_; ++i) {
      if (cells[i].gauge >= static_cast<std::uint16_t>(Gauge::kCount)) continue;
      series_[{cells[i].lcore, static_cast<Gauge>(cells[i].gauge)}].push_back(
          {cells[i].last_at, cells[i].last});
    }
  }

  std::vector<std::uint16_t> lcores() const {
    std::vector<std::uint16_t> numbers;
    for (const auto& [key, series] : series_) {
      if (numbers.empty() || numbers.back() != key.first) numbers.push_back(key.first);
    }
    return numbers;
  }
  bool has(std::uint16_t lcore, Gauge gauge) const { return series_.contains({lcore, gauge}); }

  // The longest time in the window between two samples of which columns are made.
  Nanos longest_step(std::uint16_t lcore, Gauge gauge, const Columns& columns) const {
    const auto found = series_.find({lcore, gauge});
    Nanos longest = 0;
    if (found == series_.end()) return longest;
    for_neighbours(found->second, columns, [&](std::size_t, TimeWindow between) {
      if (between.from < window_.to && window_.from < between.to)
        longest = std::max(longest, between.length());
    });
    return longest;
  }
  // Of all lcores together.
  std::vector<Column> rate(Gauge gauge, const Columns& columns) const {
    RateColumns rate(columns);
    for (const auto& [key, series] : series_) {
      if (key.second == gauge) add_rate(series, columns, rate);
    }
    std::vector<Column> out;
    rate.into(out, false);
    mark_gaps(cell_, window_, columns, out);
    return out;
  }
  std::vector<Column> ratio(std::uint16_t lcore, Gauge part, Gauge whole,
                            const Columns& columns) const {
    const auto parts = series_.find({lcore, part}), wholes = series_.find({lcore, whole});
    std::vector<Column> out;
    if (parts == series_.end() || wholes == series_.end()) return out;
    RatioColumns ratio(columns);
    const Series& whole_series = wholes->second;
    for_neighbours(whole_series, columns, [&](std::size_t i, TimeWindow between) {
      const Sample &before = whole_series[i - 1], &now = whole_series[i];
      if (i >= parts->second.size() || now.value <= before.value) return;
      const auto whole_count = static_cast<double>(now.value - before.value);
      const double part_count = std::clamp(static_cast<double>(parts->second[i].value) -
                                               static_cast<double>(parts->second[i - 1].value),
                                           0.0, whole_count);
      ratio.add(between.from, between.to, part_count, whole_count);
    });
    ratio.into(out);
    mark_gaps(cell_, window_, columns, out);
    return out;
  }
  std::vector<Column> level(Gauge gauge, const Columns& columns) const {
    LevelColumns level(columns);
    const auto& cells = cell_.pyramid.gauges;
    for (std::size_t i = begin_; i < end_; ++i) {
      if (cells[i].gauge != static_cast<std::uint16_t>(gauge)) continue;
      const Nanos at = cell_.base.since(cells[i].last_at);
      level.add_samples(at, static_cast<double>(cells[i].low), cells[i].sum,
                        static_cast<double>(cells[i].high), static_cast<double>(cells[i].samples));
    }
    std::vector<Column> out;
    level.into(out);
    for (const auto& [key, series] : series_) {
      if (key.second == gauge) hold(series, columns, out);
    }
    mark_gaps(cell_, window_, columns, out);
    return out;
  }

 private:
  static constexpr std::size_t kAround = 64;
  // Two samples that are further apart than that many of their usual distance say nothing of a column between them.
  static constexpr double kMostApart = 4;

  // The median of the distances.
  Nanos usual_distance(const Series& series) const {
    std::vector<Nanos> apart;
    for (std::size_t i = 1; i < series.size(); ++i) {
      if (series[i].at > series[i - 1].at)
        apart.push_back(cell_.base.since(series[i].at) - cell_.base.since(series[i - 1].at));
    }
    if (apart.empty()) return 0;
    const auto middle = apart.begin() + static_cast<std::ptrdiff_t>(apart.size() / 2);
    std::nth_element(apart.begin(), middle, apart.end());
    return *middle;
  }
  // visit(i, when) for the samples i - 1 and i between which something can be said: what happened there is spread
  // evenly, which is true of a column that holds both, and a guess where nobody looked for long.
  template <class Visit>
  void for_neighbours(const Series& series, const Columns& columns, Visit&& visit) const {
    const double most =
        std::max(kMostApart * static_cast<double>(usual_distance(series)), columns.width_ns());
    for (std::size_t i = 1; i < series.size(); ++i) {
      const TimeWindow between{cell_.base.since(series[i - 1].at), cell_.base.since(series[i].at)};
      if (between.length() > 0 && static_cast<double>(between.length()) <= most) visit(i, between);
    }
  }
  void add_rate(const Series& series, const Columns& columns, RateColumns& rate) const {
    for_neighbours(series, columns, [&](std::size_t i, TimeWindow between) {
      if (series[i].value < series[i - 1].value) return;
      rate.add(between.from, between.to,
               static_cast<double>(series[i].value - series[i - 1].value));
    });
  }
  // A level holds until the next sample.
  void hold(const Series& series, const Columns& columns, std::vector<Column>& out) const {
    for_neighbours(series, columns, [&](std::size_t i, TimeWindow between) {
      const auto value = static_cast<float>(series[i - 1].value);
      for_columns(columns, between.from, between.to, [&](std::uint32_t column, double) {
        if (!out[column].known()) out[column] = {0, value, value, value, false, true};
      });
    });
  }

  const CellData& cell_;
  TimeWindow window_;
  std::size_t begin_ = 0, end_ = 0;
  std::map<std::pair<std::uint16_t, Gauge>, Series> series_;
};

}  // namespace

Overview ask_overview(const CellData& cell, TimeWindow window, std::uint32_t count) {
  const Columns columns(window, count);
  Overview overview;
  overview.window = window;
  RateAnswer calls = rate_of(cell, window, columns, {EventKind::kDmaMap, EventKind::kDmaUnmap});
  overview.operations_per_s = std::move(calls.columns);
  PageLevels levels = levels_of(cell, window, columns, {});
  if (cell.info.stays != CellInfo::Stays::kBuffers) overview.stale_pages = std::move(levels.stale);
  overview.resolution = calls.resolution.exact() ? levels.resolution : calls.resolution;
  return overview;
}

EngineColumns ask_engine(const CellData& cell, TimeWindow window, std::uint32_t count) {
  const Columns columns(window, count);
  const Gauges gauges(cell, window);
  EngineColumns out;
  out.window = window;
  for (const std::uint16_t number : gauges.lcores()) {
    EngineColumns::Lcore lcore;
    lcore.number = number;
    const bool polls = gauges.has(number, Gauge::kPolls);
    lcore.role = polls ? "engine" : gauges.has(number, Gauge::kOperations) ? "guest" : "endpoints";
    if (polls) {
      lcore.utilisation = gauges.ratio(number, Gauge::kUsefulPolls, Gauge::kPolls, columns);
    }
    out.lcores.push_back(std::move(lcore));
    if (!gauges.has(number, Gauge::kOperations)) continue;
    out.workload_per_s = gauges.rate(Gauge::kOperations, columns);
    out.workload_step_ns = gauges.longest_step(number, Gauge::kOperations, columns);
  }
  out.queue_depth = gauges.level(Gauge::kQueueDepth, columns);
  constexpr std::array<Gauge, 5> kRequests{Gauge::kRequestsAttach, Gauge::kRequestsDetach,
                                           Gauge::kRequestsMap, Gauge::kRequestsUnmap,
                                           Gauge::kRequestsProbe};
  for (std::size_t i = 0; i < kRequests.size(); ++i) {
    out.requests_per_s[i] = gauges.rate(kRequests[i], columns);
  }
  out.hits_per_s = gauges.rate(Gauge::kIotlbHits, columns);
  out.misses_per_s = gauges.rate(Gauge::kIotlbMisses, columns);
  out.invalidations_per_s = gauges.rate(Gauge::kInvalidations, columns);
  out.grace_periods_per_s = gauges.rate(Gauge::kGracePeriods, columns);
  out.parked_per_s = gauges.rate(Gauge::kParked, columns);
  RateAnswer kicks = rate_of(cell, window, columns, {EventKind::kKick});
  out.kicks_per_s = std::move(kicks.columns);
  out.resolution = kicks.resolution;
  out.flushes_per_s = rate_of(cell, window, columns, {EventKind::kFlush}).columns;
  return out;
}

namespace {

bool has_gap(const CellData& cell, TimeWindow window) {
  bool gap = false;
  for_gaps(cell, window, Columns(window, 1), [&](std::uint32_t) { gap = true; });
  return gap;
}

void add_reason(std::string& because, std::string reason) {
  because += (because.empty() ? "" : "; ") + std::move(reason);
}

// Of very many faults the summary keeps one in so many; each of them is counted.
std::string why_not_all(const CellData& cell, TimeWindow window) {
  const std::uint64_t one_in = cell.pyramid.facts.faults_thinned;
  if (one_in == 1) return {};
  std::uint64_t counted = 0;
  for_buckets(cell, window, [&](std::size_t, const PyramidBucket& bucket, Nanos, Nanos) {
    counted += kinds_of(bucket, EventKind::kFault);
  });
  return counted == 0 ? std::string() : fmt::format("one in {} was kept", one_in);
}

}  // namespace

FaultLines ask_faults(const CellData& cell, TimeWindow window, std::size_t most) {
  FaultLines out;
  std::vector<FaultLine>& all = out.lines;
  const TickWindow ticks(cell.base, window);
  if (cell.scans(ticks, false)) {
    cell.events->for_pieces(ticks.from, ticks.to, [&](std::uint16_t, std::span<const Event> piece) {
      for (const Event& event : piece) {
        if (event.kind != EventKind::kFault) continue;
        const FaultEvent fault = FaultEvent::of(event);
        all.push_back(
            {cell.base.nanos(event.at), fault.endpoint.value, fault.reason, fault.iova.value});
      }
      return true;
    });
    std::stable_sort(all.begin(), all.end(),
                     [](const FaultLine& a, const FaultLine& b) { return a.at < b.at; });
  } else {
    for (const FaultRecord& fault : cell.pyramid.faults) {
      const Nanos at = cell.base.since(fault.at);
      if (!window.contains(at)) continue;
      all.push_back({at, fault.endpoint, static_cast<std::uint8_t>(fault.reason), fault.address});
    }
    out.because = why_not_all(cell, window);
  }
  if (has_gap(cell, window)) add_reason(out.because, "events were lost");
  if (all.size() <= most) return out;
  add_reason(out.because, fmt::format("{} of {}, evenly chosen", most, all.size()));
  std::vector<FaultLine> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(all[i * all.size() / most]);
  all = std::move(some);
  return out;
}

}  // namespace violet::query
