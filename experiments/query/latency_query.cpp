// The latency query tells how long operations took over time, and their distribution.
#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/query/lost_times.hpp"
#include "experiments/query/window_parts.hpp"
#include "experiments/trace/lifetime_tracker.hpp"
#include "experiments/trace/log_bins.hpp"

namespace violet::query {

static_assert(LatencyBins::kCount == LogBins::kCount);

std::size_t LatencyBins::of(double ns) { return LogBins::of(ns); }
double LatencyBins::low(std::size_t bin) { return LogBins::low(bin); }

namespace {

// A value of that percentile, with the operations of a bin taken as even inside it; `count` is not 0.
template <class Counts>
double value_of_percentile(const Counts& counts, std::uint64_t count, double percent) {
  const double rank = percent / 100 * static_cast<double>(count);
  double seen = 0, value = LatencyBins::low(0);
  for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
    const auto here = static_cast<double>(counts[bin]);
    if (here <= 0) continue;
    const double low = LatencyBins::low(bin), high = LatencyBins::low(bin + 1);
    value = low * std::pow(high / low, std::clamp((rank - seen) / here, 0.0, 1.0));
    seen += here;
    if (seen >= rank) break;
  }
  return value;
}

double middle_of(std::size_t bin) {
  return std::sqrt(LatencyBins::low(bin) * LatencyBins::low(bin + 1));
}

// Whether an event is a timed operation of that kind.
bool is_timed(const Event& event, Operation operation) {
  if (!event.timed()) return false;
  switch (operation) {
    case Operation::kMap:
      return event.kind == EventKind::kDmaMap;
    case Operation::kUnmap:
      return event.kind == EventKind::kDmaUnmap;
    default:
      return event.kind == EventKind::kTranslate
                 ? operation_of(TranslateEvent::of(event)) == operation
                 : event.kind == EventKind::kFault && operation == Operation::kFault;
  }
}

// Collects operations in bins of 2^shift ticks, fine enough for every line of percentiles, and makes lines of
// them whose steps are as many bins as it takes for enough operations.
class LineSums {
 public:
  static constexpr Ticks kMostBins = 256;

  // `least_shift`: bins are no finer than that.
  LineSums(const CellData& cell, TimeWindow window, unsigned least_shift) : cell_(cell) {
    const Ticks end = cell.pyramid.facts.end;
    const Ticks from = std::min(cell.base.ticks_since(window.from), end);
    const Ticks to = std::clamp(cell.base.ticks_since(window.to), from, end);
    shift_ = least_shift;
    while (shift_ < 63 && (to - from) >> shift_ >= kMostBins) ++shift_;
    first_ = from >> shift_;
    bins_ = (to >> shift_) - first_ + 1;
    counts_.resize(bins_ * LatencyBins::kCount);
  }
  void add(Ticks since_start, std::size_t bin, std::uint32_t count) {
    const Ticks at = since_start >> shift_;
    if (at < first_ || at - first_ >= bins_) return;
    counts_[static_cast<std::size_t>(at - first_) * LatencyBins::kCount + bin] += count;
  }
  void lose(Nanos from, Nanos to) { lost_.push_back({from, to}); }

  void into(PercentileLine& line, std::uint64_t all) const {
    const std::uint64_t wanted = operations_for(line.percent);
    // Twice as many as it takes, on average: most steps have enough then.
    unsigned wide = 0;
    while ((Ticks{1} << wide) < bins_ &&
           (all << wide) < 2 * wanted * static_cast<std::uint64_t>(bins_)) {
      ++wide;
    }
    const Ticks first = first_ >> wide, last = (first_ + bins_ - 1) >> wide;
    line.steps.assign(static_cast<std::size_t>(last - first + 1), {});
    line.window = {since(first << wide), since((last + 1) << wide)};
    for (Ticks step = first; step <= last; ++step) {
      std::array<std::uint64_t, LatencyBins::kCount> sum{};
      std::uint64_t count = 0;
      for (Ticks at = std::max(step << wide, first_);
           at < std::min((step + 1) << wide, first_ + bins_); ++at) {
        const auto* row =
            counts_.data() + static_cast<std::size_t>(at - first_) * LatencyBins::kCount;
        for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
          sum[bin] += row[bin];
          count += row[bin];
        }
      }
      Column& column = line.steps[static_cast<std::size_t>(step - first)];
      column.gap = lost(since(step << wide), since((step + 1) << wide));
      if (count < wanted || column.gap) continue;
      column.count = count;
      column.low = column.mean = column.high =
          static_cast<float>(value_of_percentile(sum, count, line.percent));
    }
  }

 private:
  Nanos since(Ticks bin) const {
    return bin > (~Ticks{0} >> shift_) ? TimeBase::kLatest : cell_.base.since(bin << shift_);
  }
  bool lost(Nanos from, Nanos to) const {
    return std::any_of(lost_.begin(), lost_.end(),
                       [&](const TimeWindow& gap) { return gap.from < to && from <= gap.to; });
  }
  const CellData& cell_;
  unsigned shift_ = 0;
  Ticks first_ = 0, bins_ = 1;
  std::vector<std::uint32_t> counts_;
  std::vector<TimeWindow> lost_;
};

class LatencySums {
 public:
  LatencySums(const CellData& cell, const LatencyQuery& query)
      : cell_(cell), columns_(query.window, query.columns) {
    grid_.query = query;
    grid_.query.columns = columns_.count();
    grid_.resolution.about = query.window;
    grid_.min_ns = std::numeric_limits<double>::infinity();
    grid_.tick_ns = cell.base.ns_per_tick();
    grid_.clock_step_ns = cell.info.clock_step_ns;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      wanted_[i] =
          query.filter.endpoints.empty() || (i < cell.pyramid.endpoints.size() &&
                                             has_endpoint(query.filter, cell.pyramid.endpoints[i]));
    }
  }

  void scan() {
    const LatencyQuery& query = grid_.query;
    grid_.counts.resize(std::size_t{columns_.count()} * LatencyBins::kCount);
    LineSums lines(cell_, query.window, 0);
    scan_part(query.window, lines, [this](Nanos at) { return columns_.of(at); });
    if (grid_.count > 0) grid_.mean_ns = sum_ / static_cast<double>(grid_.count);
    draw_lines(lines);
  }

  // The answer's columns are whole buckets: what a bucket holds is drawn as wide as it is known.
  void read_pyramid() {
    const unsigned shift = cell_.pyramid.facts.shift;
    const BinColumns bins(cell_, grid_.query.window, columns_.count(), shift);
    const TimeWindow asked = grid_.query.window;
    grid_.query.window = bins.window();
    grid_.query.columns = bins.count();
    columns_ = Columns(bins.window(), bins.count());
    grid_.counts.resize(std::size_t{bins.count()} * LatencyBins::kCount);
    LineSums lines(cell_, asked, shift);
    const auto operation = static_cast<std::size_t>(grid_.query.operation);
    const auto& cells = cell_.pyramid.latencies[operation];
    const WindowParts parts = split_window(cell_, asked, [&](TimeWindow part) {
      const TickWindow ticks(cell_.base, part);
      if (!cell_.kept(ticks) || cell_.events->count(ticks.from, ticks.to) > kMostOfAnEdge) {
        return false;
      }
      const Ticks bucket = cell_.base.ticks_since(part.from) >> shift;
      scan_part(part, lines, [&](Nanos) { return bins.of_bin(bucket).value_or(0); });
      return true;
    });
    grid_.resolution = parts.resolution;
    if (parts.nothing()) because(why_no_parts());
    double timed = static_cast<double>(grid_.count);
    auto next = cells.begin();
    for_buckets(
        cell_, parts.buckets, [&](std::size_t index, const PyramidBucket& bucket, Nanos, Nanos) {
          next = std::partition_point(next, cells.end(),
                                      [index](const BinCell& one) { return one.bucket < index; });
          for (; next != cells.end() && next->bucket == index; ++next) {
            if (!wanted_[next->endpoint]) continue;
            if (const auto column = bins.of_bin(index)) count_in(*column, next->bin, next->count);
            lines.add(static_cast<Ticks>(index) << shift, next->bin, next->count);
          }
          const TimedStats& stats = bucket.timed[operation];
          if (stats.count == 0) return;
          grid_.min_ns = std::min(grid_.min_ns, in_ns(stats.min));
          grid_.max_ns = std::max(grid_.max_ns, in_ns(stats.max));
          sum_ += stats.sum * cell_.base.ns_per_tick();
          timed += static_cast<double>(stats.count);
        });
    if (timed > 0) grid_.mean_ns = sum_ / timed;
    if (!grid_.query.filter.endpoints.empty()) numbers_from_bins();
    draw_lines(lines);
  }

  LatencyGrid finish() {
    if (grid_.count == 0) grid_.min_ns = grid_.max_ns = grid_.mean_ns = 0;
    grid_.resolution.missing = missing_of(cell_, grid_.resolution);
    grid_.counts.resize(std::size_t{columns_.count()} * LatencyBins::kCount);
    grid_.gap.resize(columns_.count());
    for_gaps(cell_, grid_.query.window, columns_, [&](std::uint32_t i) { grid_.gap[i] = true; });
    return std::move(grid_);
  }

  void because(std::string reason) { grid_.because = std::move(reason); }
  bool fine() const { return cell_.fine(columns_); }

 private:
  // Event by event, each into the column that column_of(when) says.
  template <class ColumnOf>
  void scan_part(TimeWindow part, LineSums& lines, ColumnOf&& column_of) {
    const LatencyQuery& query = grid_.query;
    const TickWindow ticks(cell_.base, part);
    cell_.events->for_pieces(
        ticks.from, ticks.to, [&](std::uint16_t, std::span<const Event> piece) {
          for (const Event& event : piece) {
            if (!is_timed(event, query.operation) || !has_endpoint(query.filter, event.id) ||
                !touches(event)) {
              continue;
            }
            const double ns = in_ns(event.duration());
            const std::size_t bin = LatencyBins::of(ns);
            count_in(column_of(cell_.base.nanos(event.at)), bin, 1);
            lines.add(event.at - std::min(event.at, cell_.base.start()), bin, 1);
            grid_.min_ns = std::min(grid_.min_ns, ns);
            grid_.max_ns = std::max(grid_.max_ns, ns);
            sum_ += ns;
          }
          return true;
        });
  }
  double in_ns(std::uint64_t ticks) const {
    return static_cast<double>(ticks) * cell_.base.ns_per_tick();
  }
  bool touches(const Event& event) const {
    const auto& range = grid_.query.filter.range;
    return !range || range->overlaps(addresses_of(event).value_or(*range));
  }
  void count_in(std::uint32_t column, std::size_t bin, std::uint32_t count) {
    grid_.counts[column * LatencyBins::kCount + bin] += count;
    grid_.histogram[bin] += count;
    grid_.count += count;
  }
  void draw_lines(LineSums& lines) {
    const auto lose = [&](const KeptEvents::Gap& gap) {
      lines.lose(cell_.base.nanos(gap.from), cell_.base.nanos(gap.to));
    };
    const auto at_end = gaps_at_end(cell_);
    std::for_each(at_end.begin(), at_end.end(), lose);
    if (cell_.kept(TickWindow(cell_.base, grid_.query.window))) {
      std::for_each(cell_.events->gaps().begin(), cell_.events->gaps().end(), lose);
    } else {
      for_buckets(cell_, grid_.query.window,
                  [&](std::size_t, const PyramidBucket& bucket, Nanos from, Nanos to) {
                    if (bucket.gap != 0) lines.lose(from, to - 1);
                  });
    }
    for (PercentileLine& line : grid_.lines) lines.into(line, grid_.count);
  }
  void numbers_from_bins() {
    double sum = 0;
    grid_.min_ns = std::numeric_limits<double>::infinity();
    grid_.max_ns = 0;
    for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
      if (grid_.histogram[bin] == 0) continue;
      sum += middle_of(bin) * static_cast<double>(grid_.histogram[bin]);
      grid_.min_ns = std::min(grid_.min_ns, LatencyBins::low(bin));
      grid_.max_ns = LatencyBins::low(bin + 1);
    }
    if (grid_.count > 0) grid_.mean_ns = sum / static_cast<double>(grid_.count);
  }

  const CellData& cell_;
  Columns columns_;
  LatencyGrid grid_;
  double sum_ = 0;  // Of all durations, in nanoseconds.
  std::array<bool, kOtherEndpoint + 1> wanted_{};
};

const char* name_of(Operation operation) {
  constexpr std::array<const char*, kOperations> kNames{"maps", "unmaps", "translations", "faults"};
  return kNames[static_cast<std::size_t>(operation)];
}

// Whether any was recorded, timed or not.
bool was_recorded(const CellData& cell, Operation operation) {
  constexpr std::array<EventKind, kOperations> kKinds{EventKind::kDmaMap, EventKind::kDmaUnmap,
                                                      EventKind::kTranslate, EventKind::kFault};
  const auto kind = static_cast<std::size_t>(kKinds[static_cast<std::size_t>(operation)]);
  return std::any_of(cell.pyramid.buckets.begin(), cell.pyramid.buckets.end(),
                     [kind](const PyramidBucket& bucket) { return bucket.kinds[kind] > 0; });
}

// What none of the events shows may be in those that were lost, or yet to come.
std::string why_never(const CellData& cell, Operation operation) {
  const char* const name = name_of(operation);
  const bool recorded = was_recorded(cell, operation);
  if (cell.pyramid.facts.lost > 0) {
    return fmt::format("no {} were {} in this cell, some of whose events were lost", name,
                       recorded ? "timed" : "seen");
  }
  if (cell.info.live) return fmt::format("no {} were {} so far", name, recorded ? "timed" : "seen");
  return recorded ? fmt::format("this run did not time {}", name)
                  : fmt::format("no {} were recorded in this cell", name);
}

std::string why_nothing(const CellData& cell, const LatencyGrid& grid) {
  const LatencyQuery& query = grid.query;
  if (!has_operation(query.filter, query.operation)) {
    return fmt::format("the filter leaves {} out", name_of(query.operation));
  }
  if (all_missing(cell, grid.resolution)) return kAllLost;
  const auto operation = static_cast<std::size_t>(query.operation);
  const bool ever = std::any_of(
      cell.pyramid.buckets.begin(), cell.pyramid.buckets.end(),
      [operation](const PyramidBucket& bucket) { return bucket.timed[operation].count > 0; });
  if (!ever) return why_never(cell, query.operation);
  const bool narrowed = query.filter.range || !query.filter.endpoints.empty();
  return fmt::format("no {} {}were timed in {}this window", name_of(query.operation),
                     narrowed ? "of the selected addresses and endpoints " : "",
                     grid.resolution.missing > 0 ? "what is not lost of " : "");
}

// Latencies of some addresses are read from the events.
std::string why_not_by_address(const CellData& cell, const TickWindow& ticks) {
  if (cell.kept(ticks)) {
    return fmt::format(
        "latencies of selected addresses are read event by event, for up to {} events: zoom in",
        kMostScanned);
  }
  return "the summary does not tell addresses apart, and single events are not kept here";
}

}  // namespace

const Column* PercentileLine::at(Nanos when) const {
  if (steps.empty() || !window.contains(when)) return nullptr;
  return &steps[Columns(window, static_cast<std::uint32_t>(steps.size())).of(when)];
}

std::optional<double> LatencyGrid::percentile(double percent) const {
  if (count < operations_for(percent)) return std::nullopt;
  const double value = value_of_percentile(histogram, count, percent);
  return max_ns > 0 ? std::clamp(value, min_ns, std::max(min_ns, max_ns)) : value;
}

LatencyGrid ask_latency(const CellData& cell, const LatencyQuery& query) {
  LatencySums sums(cell, query);
  const TickWindow ticks(cell.base, query.window);
  const bool by_address = query.filter.range.has_value();
  if (!has_operation(query.filter, query.operation)) {
    // Nothing is counted, and why_nothing() says so.
  } else if (cell.scans(ticks, sums.fine() && !by_address)) {
    sums.scan();
  } else if (by_address) {
    sums.because(why_not_by_address(cell, ticks));
  } else {
    sums.read_pyramid();
  }
  LatencyGrid grid = sums.finish();
  if (grid.count == 0 && grid.because.empty()) grid.because = why_nothing(cell, grid);
  return grid;
}

}  // namespace violet::query
