// The churn query tells what happened to which pages: from the events where the window is short, else from the
// grids.
#include <cmath>
#include <limits>
#include <utility>

#include "experiments/query/column_sums.hpp"
#include "experiments/query/level_replay.hpp"
#include "experiments/query/time_base.hpp"

namespace violet::query {
namespace {

class ChurnSums {
 public:
  ChurnSums(const CellData& cell, const ChurnQuery& query)
      : columns_(query.window, query.columns), rows_(query.range, query.rows) {
    grid_.query = query;
    grid_.query.columns = columns_.count();
    grid_.query.rows = rows_.count();
    const std::size_t size = std::size_t{columns_.count()} * rows_.count();
    grid_.operations.resize(size);
    grid_.reuses.resize(size);
    grid_.live.resize(size);
    grid_.stale.resize(size);
    grid_.gap.resize(columns_.count());
    for_gaps(cell, query.window, columns_, [&](std::uint32_t i) { grid_.gap[i] = true; });
  }

  const Columns& columns() const { return columns_; }
  const RowScale& rows() const { return rows_; }
  bool shows(std::uint64_t first, std::uint64_t last) const {
    const auto& range = grid_.query.filter.range;
    return rows_.overlaps(first, last) && (!range || range->overlaps(IovaRange{{first}, {last}}));
  }
  void operation(Nanos at, std::uint64_t first, std::uint64_t last, std::uint32_t operations,
                 std::uint32_t reuses) {
    const std::uint32_t column = columns_.of(at);
    rows_.for_rows(first, last, [&](std::uint32_t row) {
      grid_.operations[index(column, row)] += operations;
      grid_.reuses[index(column, row)] += reuses;
    });
  }
  void operation(std::uint32_t column, std::uint32_t row, std::uint32_t operations,
                 std::uint32_t reuses) {
    grid_.operations[index(column, row)] += operations;
    grid_.reuses[index(column, row)] += reuses;
  }
  // `share` of the time [from, to) in a row.
  void cover(std::vector<float>& into, Nanos from, Nanos to, std::uint32_t row, double share) {
    const double length = static_cast<double>(to) - static_cast<double>(from);
    for_columns(columns_, from, to, [&](std::uint32_t column, double part) {
      into[index(column, row)] += static_cast<float>(share * part * length / columns_.width_ns());
    });
  }
  ChurnGrid finish(const Resolution& resolution) {
    for (auto* shares : {&grid_.live, &grid_.stale}) {
      for (float& share : *shares) share = std::min(share, 1.0f);
    }
    grid_.resolution = resolution;
    return std::move(grid_);
  }
  ChurnGrid& grid() { return grid_; }
  std::size_t index(std::uint32_t column, std::uint32_t row) const {
    return std::size_t{row} * columns_.count() + column;
  }

 private:
  Columns columns_;
  RowScale rows_;
  ChurnGrid grid_;
};

// --- From the events ---

class RowState {
 public:
  RowState(ChurnSums& sums, std::vector<float>& shares, TimeWindow window)
      : sums_(sums), shares_(shares), window_(window), rows_(sums.rows().count()) {}

  void change(std::uint64_t page, int by, Nanos at) {
    sums_.rows().for_rows(page, page | 4095, [&](std::uint32_t row) {
      Row& state = rows_[row];
      const bool before = state.pages > 0;
      state.pages += by;
      if (before == (state.pages > 0)) return;
      if (before) close(row, at);
      state.since = at;
    });
  }
  void finish(Nanos end) {
    for (std::uint32_t row = 0; row < rows_.size(); ++row) {
      if (rows_[row].pages > 0) close(row, end);
    }
  }

 private:
  struct Row {
    std::int64_t pages = 0;
    Nanos since = 0;
  };
  void close(std::uint32_t row, Nanos at) {
    const Nanos from = std::max(rows_[row].since, window_.from), to = std::min(at, window_.to);
    if (from < to) sums_.cover(shares_, from, to, row, 1);
  }
  ChurnSums& sums_;
  std::vector<float>& shares_;
  TimeWindow window_;
  std::vector<Row> rows_;
};

struct ChurnSink : LifetimeSink {
  ChurnSink(const CellData& of, ChurnSums& into, const ChurnQuery& query)
      : cell(of),
        sums(into),
        filter(query.filter),
        live(into, into.grid().live, query.window),
        stale(into, into.grid().stale, query.window) {}
  void page(const LifetimeTable::Lifetime& lifetime, std::uint64_t granule, int by_live,
            int by_stale, Ticks at) {
    if (!wants(lifetime, granule)) return;
    const Nanos when = cell.base.nanos(at);
    if (by_live != 0) live.change(granule << kGranuleShift4K, by_live, when);
    if (by_stale != 0) stale.change(granule << kGranuleShift4K, by_stale, when);
  }
  bool wants(const LifetimeTable::Lifetime& lifetime, std::uint64_t granule) const {
    const std::uint64_t first = granule << kGranuleShift4K;
    return sums.shows(first, first | 4095) && has_endpoint(filter, lifetime.endpoint);
  }
  const CellData& cell;
  ChurnSums& sums;
  const Filter& filter;
  RowState live, stale;
};

// Whether the page had been mapped before.
bool is_reuse(const CellData& cell, std::uint32_t domain, std::uint64_t granule, Ticks at) {
  const auto& maps = cell.pyramid.first_maps;
  const Ticks now = at > cell.base.start() ? at - cell.base.start() : 0;
  auto found = std::partition_point(maps.begin(), maps.end(), [&](const FirstMap& one) {
    return one.granule != granule ? one.granule < granule : one.domain < domain;
  });
  return found != maps.end() && found->granule == granule && found->domain == domain &&
         found->at < now;
}

ChurnGrid replayed_churn(const CellData& cell, const CellData::ReplayFrom& from,
                         const ChurnQuery& query) {
  ChurnSums sums(cell, query);
  ChurnSink sink(cell, sums, query);
  LifetimeTracker<ChurnSink> tracker(sink);
  load_state(cell, from, tracker);
  for_state(tracker.table(), [&](const LifetimeTable::Lifetime& lifetime, std::uint64_t granule,
                                 bool live, bool stale) {
    sink.page(lifetime, granule, live ? 1 : 0, stale ? 1 : 0, cell.base.start());
  });
  const TickWindow ticks(cell.base, query.window);
  const auto call = [&](const Event& event, bool unmap) {
    const std::uint32_t endpoint = DmaEvent::of(event).endpoint.value;
    const GranuleExtent extent(DmaEvent::of(event));
    if (!extent.tracked() || event.at < ticks.from || !has_endpoint(query.filter, endpoint) ||
        !has_operation(query.filter, unmap ? Operation::kUnmap : Operation::kMap)) {
      return;
    }
    const std::uint64_t first = extent.first << kGranuleShift4K;
    const std::uint64_t last = (extent.first + extent.pages - 1) << kGranuleShift4K | 4095;
    if (!sums.shows(first, last)) return;
    const LifetimeTable& table = tracker.table();
    const bool reuse = !unmap && is_reuse(cell, table.domain_id(table.attached_to(endpoint)),
                                          extent.first, event.at);
    const Nanos at = cell.base.nanos(event.at);
    sums.operation(at, first, last, 1, 0);
    if (reuse) sums.operation(at, first, first | 4095, 0, 1);
  };
  cell.events->merge(from.from, ticks.to, [&](std::uint16_t, const Event& event) {
    if (event.kind == EventKind::kDmaMap) call(event, false);
    if (event.kind == EventKind::kDmaUnmap) call(event, true);
    tracker.apply(event);
    return true;
  });
  const Nanos end = std::min(query.window.to, cell.info.whole.to);
  sink.live.finish(end);
  sink.stale.finish(end);
  return sums.finish({query.window, {}});
}

// --- From the grids ---

// How much too coarse a grid's steps are, in octaves.
double misfit(double have, double want) {
  return std::max(0.0, std::log2(have / std::max(want, 1.0)));
}

// The one that fits time and pages best among those that have a few columns in the window: of a wider column most lies
// beside it, however well its rows fit. Where none has, the finest in time.
std::size_t best_grid(const CellData& cell, const ChurnQuery& query) {
  constexpr double kFewestColumns = 4;
  const double ticks = Columns(query.window, query.columns).width_ns() / cell.base.ns_per_tick();
  const double pages = RowScale(query.range, query.rows).bytes_a_row() / 4096;
  const auto step_of = [&](const ChurnGridShape& shape) {
    return std::ldexp(1, static_cast<int>(shape.time_shift));
  };
  double finest = std::numeric_limits<double>::infinity();
  for (const ChurnGridShape& shape : cell.pyramid.facts.grids) {
    if (shape.time_shift != 0) finest = std::min(finest, step_of(shape));
  }
  const double window = static_cast<double>(query.window.length()) / cell.base.ns_per_tick();
  const double widest = std::max(finest, window / kFewestColumns);
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    const ChurnGridShape& shape = cell.pyramid.facts.grids[i];
    if (shape.time_shift == 0 || step_of(shape) > widest) continue;
    const double cost = misfit(step_of(shape), ticks) +
                        misfit(std::ldexp(1, static_cast<int>(shape.page_shift)), pages);
    if (cost < least) {
      least = cost;
      best = i;
    }
  }
  return best;
}

// Cells come column by column, so what a column of the grid means for the picture is worked out once.
class GridReader {
 public:
  GridReader(const CellData& cell, const ChurnQuery& asked, std::size_t index)
      : cell_(cell),
        shape_(cell.pyramid.facts.grids[index]),
        bins_(cell, asked.window, asked.columns, shape_.time_shift),
        query_(in_bins(asked, bins_)),
        sums_(cell, query_) {
    cells_ = cell.pyramid.churn[index];
    spans_ = cell.pyramid.spans[index];
    maps_ = has_operation(query_.filter, Operation::kMap);
    unmaps_ = has_operation(query_.filter, Operation::kUnmap);
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
      wanted_[i] = query_.filter.endpoints.empty() ||
                   (i < cell.pyramid.endpoints.size() &&
                    has_endpoint(query_.filter, cell.pyramid.endpoints[i]));
    }
  }

  ChurnGrid read() {
    const Ticks from = cell_.base.ticks_since(query_.window.from) >> shape_.time_shift;
    const Ticks to = cell_.base.ticks_since(query_.window.to);
    auto next = std::partition_point(cells_.begin(), cells_.end(),
                                     [from](const ChurnCell& one) { return one.column < from; });
    std::uint64_t column = ~std::uint64_t{0};
    for (; next != cells_.end() && Ticks{next->column} << shape_.time_shift < to; ++next) {
      if (next->column != column) enter_column(column = next->column);
      add(*next);
    }
    for (const ChurnSpan& span : spans_) {
      if (span.from < to) add(span);
    }
    sums_.grid().band_bytes = shape_.page_shift + kGranuleShift4K < 64
                                  ? std::uint64_t{1} << (shape_.page_shift + kGranuleShift4K)
                                  : ~std::uint64_t{0};
    const Nanos bin = cell_.base.since(Ticks{1} << std::min(shape_.time_shift, 63u));
    return sums_.finish({query_.window, std::max<Nanos>(1, bin)});
  }

 private:
  struct Part {
    std::uint32_t column;
    float share;  // Of the picture's column.
  };

  static ChurnQuery in_bins(ChurnQuery query, const BinColumns& bins) {
    query.window = bins.window();
    query.columns = bins.count();
    query.rows = std::min(query.rows, std::max(1u, kMostGridCells / query.columns));
    return query;
  }
  std::uint64_t first_byte(std::uint64_t band) const {
    const unsigned shift = shape_.page_shift + kGranuleShift4K;
    return shift >= 64 ? 0 : band_page(band) << shift;
  }
  std::uint64_t last_byte(std::uint64_t first) const {
    const unsigned shift = shape_.page_shift + kGranuleShift4K;
    return shift >= 64 ? ~std::uint64_t{0} : first | ((std::uint64_t{1} << shift) - 1);
  }

  void enter_column(std::uint64_t column) {
    const Ticks end_of_run = cell_.pyramid.facts.end;
    const Ticks begin = Ticks{column} << shape_.time_shift;
    const Ticks width = Ticks{1} << shape_.time_shift;
    const Ticks end = begin + std::min(width, ~Ticks{0} - begin);
    const Nanos from = cell_.base.since(begin);
    const Nanos to = std::max(from, cell_.base.since(std::min(end, end_of_run)));
    // The last column is as long as the run.
    const Ticks run = end_of_run - std::min(begin, end_of_run);
    per_tick_ = 1 / static_cast<float>(std::clamp<Ticks>(run, 1, width));
    const auto here = bins_.of_bin(column);
    column_ = here.value_or(0);
    shown_ = here.has_value();
    parts_in(from, to, parts_);
  }
  void parts_in(Nanos from, Nanos to, std::vector<Part>& parts) const {
    parts.clear();
    const Nanos begin = std::max(from, query_.window.from), end = std::min(to, query_.window.to);
    if (begin >= end) return;
    const double length = static_cast<double>(end) - static_cast<double>(begin);
    for_columns(sums_.columns(), begin, end, [&](std::uint32_t column, double part) {
      parts.push_back({column, static_cast<float>(part * length / sums_.columns().width_ns())});
    });
  }

  void add(const ChurnCell& cell) {
    if (!wanted_[band_endpoint(cell.band)]) return;
    const std::uint64_t first = first_byte(cell.band), last = last_byte(first);
    if (!sums_.shows(first, last)) return;
    const std::uint32_t begins = (maps_ ? cell.maps : 0) + (unmaps_ ? cell.unmaps : 0);
    const float live = std::min(1.0f, cell.live * per_tick_);
    const float stale = std::min(1.0f, cell.stale * per_tick_);
    bool lowest = true;
    sums_.rows().for_rows(first, last, [&](std::uint32_t row) {
      // A call that reaches into a row counts there as well.
      const bool counts = cell.continued > 0 && maps_ && unmaps_;
      const std::uint32_t continued =
          counts && sums_.rows().starts(row, first, last) ? cell.continued : 0;
      if (shown_) {
        sums_.operation(column_, row, begins + continued,
                        std::exchange(lowest, false) && maps_ ? cell.reuses : 0);
      }
      cover(parts_, row, live, stale);
    });
  }
  void cover(const std::vector<Part>& parts, std::uint32_t row, float live, float stale) {
    for (const Part& part : parts) {
      const std::size_t at = sums_.index(part.column, row);
      sums_.grid().live[at] += live * part.share;
      sums_.grid().stale[at] += stale * part.share;
    }
  }
  void add(const ChurnSpan& span) {
    if (!wanted_[band_endpoint(span.band)]) return;
    const std::uint64_t first = first_byte(span.band), last = last_byte(first);
    if (!sums_.shows(first, last)) return;
    parts_in(cell_.base.since(span.from), cell_.base.since(span.to), span_parts_);
    const bool stale = span.stale != 0;
    sums_.rows().for_rows(first, last, [&](std::uint32_t row) {
      cover(span_parts_, row, stale ? 0 : 1, stale ? 1 : 0);
    });
  }

  const CellData& cell_;
  ChurnGridShape shape_;
  BinColumns bins_;
  ChurnQuery query_;
  ChurnSums sums_;
  std::span<const ChurnCell> cells_;
  std::span<const ChurnSpan> spans_;
  std::array<bool, kOtherEndpoint + 1> wanted_{};
  bool maps_ = true, unmaps_ = true;
  // Of the column that is being read.
  std::vector<Part> parts_, span_parts_;
  std::uint32_t column_ = 0;
  bool shown_ = true;
  float per_tick_ = 0;
};

}  // namespace

ChurnGrid ask_churn(const CellData& cell, const ChurnQuery& asked) {
  ChurnQuery query = asked;
  query.columns = std::clamp<std::uint32_t>(query.columns, 1, kMostColumns);
  query.rows = std::clamp<std::uint32_t>(query.rows, 1, kMostGridCells / query.columns);
  if (query.range.last < query.range.first) query.range.last = query.range.first;
  const TickWindow ticks(cell.base, query.window);
  const auto from = cell.replay(ticks, kMostReplayed);
  return from ? replayed_churn(cell, *from, query)
              : GridReader(cell, query, best_grid(cell, query)).read();
}

UsedRanges ask_used_ranges(const CellData& cell) {
  UsedRanges out;
  for (const UsedRange& range : cell.pyramid.used) {
    out.ranges.push_back(
        {{range.first << kGranuleShift4K}, {range.last << kGranuleShift4K | 4095}});
  }
  return out;
}

}  // namespace violet::query
