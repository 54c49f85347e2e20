// Latency of operations over time, and its distribution.
#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/query/column_sums.hpp"
#include "experiments/trace/lifetime_tracker.hpp"
#include "experiments/trace/log_bins.hpp"

namespace violet::query {

static_assert(LatencyBins::kCount == LogBins::kCount);

std::size_t LatencyBins::of(double ns) { return LogBins::of(ns); }
double LatencyBins::low(std::size_t bin) { return LogBins::low(bin); }

namespace {

// The bin in which the value of that rank lies; `count` is not 0.
template <class Counts>
std::size_t bin_of_rank(const Counts& counts, std::uint64_t count, double percent) {
  const double rank = std::max(1.0, std::ceil(percent / 100 * static_cast<double>(count)));
  double seen = 0;
  std::size_t last = 0;
  for (std::size_t bin = 0; bin < LatencyBins::kCount; ++bin) {
    if (counts[bin] == 0) continue;
    seen += static_cast<double>(counts[bin]);
    last = bin;
    if (seen >= rank) break;
  }
  return last;
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

class LatencySums {
 public:
  LatencySums(const CellData& cell, const LatencyQuery& query)
      : cell_(cell), columns_(query.window, query.columns) {
    grid_.query = query;
    grid_.query.columns = columns_.count();
    grid_.counts.resize(std::size_t{columns_.count()} * LatencyBins::kCount);
    grid_.min_ns = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      wanted_[i] =
          query.filter.endpoints.empty() || (i < cell.pyramid.endpoints.size() &&
                                             has_endpoint(query.filter, cell.pyramid.endpoints[i]));
    }
  }

  void scan(const TickWindow& ticks) {
    const LatencyQuery& query = grid_.query;
    double sum = 0;
    cell_.events->for_pieces(
        ticks.from, ticks.to, [&](std::uint16_t, std::span<const Event> piece) {
          for (const Event& event : piece) {
            if (!is_timed(event, query.operation) || !has_endpoint(query.filter, event.id) ||
                !touches(event)) {
              continue;
            }
            const double ns = static_cast<double>(event.duration()) * cell_.base.ns_per_tick();
            add(columns_.of(cell_.base.nanos(event.at)), LatencyBins::of(ns), 1);
            grid_.min_ns = std::min(grid_.min_ns, ns);
            grid_.max_ns = std::max(grid_.max_ns, ns);
            sum += ns;
          }
          return true;
        });
    if (grid_.count > 0) grid_.mean_ns = sum / static_cast<double>(grid_.count);
  }

  void read_pyramid() {
    const auto& query = grid_.query;
    const auto operation = static_cast<std::size_t>(query.operation);
    const auto& cells = cell_.pyramid.latencies[operation];
    auto next = cells.begin();
    double sum = 0, timed = 0;
    for_buckets(cell_, query.window,
                [&](std::size_t index, const PyramidBucket& bucket, Nanos from, Nanos to) {
                  next = std::partition_point(next, cells.end(), [index](const BinCell& one) {
                    return one.bucket < index;
                  });
                  // A bucket at the edge belongs to the side on which its middle lies.
                  const bool inside = query.window.contains(from + (to - from) / 2);
                  if (!inside) return;
                  const auto first = next;
                  while (next != cells.end() && next->bucket == index) ++next;
                  add_bucket(from, to, {first, next});
                  const TimedStats& stats = bucket.timed[operation];
                  if (stats.count == 0) return;
                  grid_.min_ns = std::min(grid_.min_ns, in_ns(stats.min));
                  grid_.max_ns = std::max(grid_.max_ns, in_ns(stats.max));
                  sum += stats.sum * cell_.base.ns_per_tick();
                  timed += static_cast<double>(stats.count);
                });
    if (timed > 0) grid_.mean_ns = sum / timed;
    if (!query.filter.endpoints.empty()) numbers_from_bins();
  }

  LatencyGrid finish() {
    if (grid_.count == 0) grid_.min_ns = grid_.max_ns = grid_.mean_ns = 0;
    for (auto [line, percent] :
         {std::pair(&grid_.p50, 50.0), std::pair(&grid_.p99, 99.0), std::pair(&grid_.p999, 99.9)}) {
      line->resize(columns_.count());
      for (std::uint32_t i = 0; i < columns_.count(); ++i) (*line)[i] = at_percent(i, percent);
    }
    grid_.gap.resize(columns_.count());
    for_gaps(cell_, grid_.query.window, columns_, [&](std::uint32_t i) {
      grid_.gap[i] = true;
      grid_.p50[i].gap = grid_.p99[i].gap = grid_.p999[i].gap = true;
    });
    return std::move(grid_);
  }

  void because(std::string reason) { grid_.because = std::move(reason); }
  std::uint64_t count() const { return grid_.count; }
  bool fine() const { return cell_.fine(columns_); }

 private:
  double in_ns(std::uint64_t ticks) const {
    return static_cast<double>(ticks) * cell_.base.ns_per_tick();
  }
  bool touches(const Event& event) const {
    const auto& range = grid_.query.filter.range;
    return !range || range->overlaps(addresses_of(event).value_or(*range));
  }
  void add(std::uint32_t column, std::size_t bin, std::uint32_t count) {
    grid_.counts[column * LatencyBins::kCount + bin] += count;
    grid_.histogram[bin] += count;
    grid_.count += count;
  }
  // A bucket that is wider than a column shows in all that it covers.
  void add_bucket(Nanos from, Nanos to, std::span<const BinCell> cells) {
    for (const BinCell& cell : cells) {
      if (!wanted_[cell.endpoint]) continue;
      grid_.histogram[cell.bin] += cell.count;
      grid_.count += cell.count;
    }
    const auto show = [&](std::uint32_t column, double share) {
      std::uint32_t* counts = grid_.counts.data() + std::size_t{column} * LatencyBins::kCount;
      for (const BinCell& cell : cells) {
        if (!wanted_[cell.endpoint]) continue;
        counts[cell.bin] +=
            share >= 1 ? cell.count
                       : static_cast<std::uint32_t>(std::max(1.0, std::round(share * cell.count)));
      }
    };
    if (fine()) return show(columns_.of(from + (to - from) / 2), 1);
    for_columns(columns_, from, to, show);
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
  Column at_percent(std::uint32_t column, double percent) const {
    const std::span counts(grid_.counts.data() + column * LatencyBins::kCount, LatencyBins::kCount);
    Column out;
    for (const std::uint32_t count : counts) out.count += count;
    if (out.count == 0) return out;
    const std::size_t bin = bin_of_rank(counts, out.count, percent);
    out.low = static_cast<float>(LatencyBins::low(bin));
    out.mean = static_cast<float>(middle_of(bin));
    out.high = static_cast<float>(LatencyBins::low(bin + 1));
    return out;
  }

  const CellData& cell_;
  Columns columns_;
  LatencyGrid grid_;
  std::array<bool, kOtherEndpoint + 1> wanted_{};
};

const char* name_of(Operation operation) {
  constexpr std::array<const char*, kOperations> kNames{"maps", "unmaps", "translations", "faults"};
  return kNames[static_cast<std::size_t>(operation)];
}

std::string why_nothing(const CellData& cell, const LatencyQuery& query) {
  if (!has_operation(query.filter, query.operation)) {
    return fmt::format("the filter leaves {} out", name_of(query.operation));
  }
  const auto operation = static_cast<std::size_t>(query.operation);
  const bool ever = std::any_of(
      cell.pyramid.buckets.begin(), cell.pyramid.buckets.end(),
      [operation](const PyramidBucket& bucket) { return bucket.timed[operation].count > 0; });
  if (!ever) return fmt::format("this run did not time {}", name_of(query.operation));
  return fmt::format("no {} were timed in this window", name_of(query.operation));
}

}  // namespace

double LatencyGrid::percentile(double percent) const {
  if (count == 0) return std::numeric_limits<double>::quiet_NaN();
  const double value = middle_of(bin_of_rank(histogram, count, percent));
  return max_ns > 0 ? std::clamp(value, min_ns, std::max(min_ns, max_ns)) : value;
}

LatencyGrid ask_latency(const CellData& cell, const LatencyQuery& query) {
  LatencySums sums(cell, query);
  if (!has_operation(query.filter, query.operation)) {
    sums.because(why_nothing(cell, query));
    return sums.finish();
  }
  const TickWindow ticks(cell.base, query.window);
  const bool by_address = query.filter.range.has_value();
  if (cell.scans(ticks, sums.fine() && !by_address)) {
    sums.scan(ticks);
  } else if (by_address) {
    sums.because(
        fmt::format("latencies of an address range are read from the events themselves, which "
                    "works for windows of "
                    "up to {} kept events: zoom in",
                    kMostScanned));
    return sums.finish();
  } else {
    sums.read_pyramid();
  }
  if (sums.count() == 0) sums.because(why_nothing(cell, query));
  return sums.finish();
}

}  // namespace violet::query
