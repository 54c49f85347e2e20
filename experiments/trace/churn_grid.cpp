#include "experiments/trace/churn_grid.hpp"

#include "engine/base/flat_table.hpp"

namespace violet {
namespace {

constexpr unsigned kMostPageShift = 52;
constexpr unsigned kMostTimeShift = 63;

std::uint64_t coarser(std::uint64_t band, unsigned by) {
  return churn_band(band_page(band) >> by, band_endpoint(band));
}

bool same_column(const ChurnCell& a, const ChurnCell& b) { return a.column == b.column; }

}  // namespace

ChurnGrid::ChurnGrid(std::vector<ChurnCell>& cells, std::vector<ChurnSpan>& spans,
                     ChurnGridShape& shape, double bands_per_column, std::size_t most)
    : cells_(cells),
      spans_(spans),
      shape_(shape),
      bands_per_column_(bands_per_column),
      most_(most),
      log_(cells) {}

void ChurnGrid::Combine::operator()(ChurnCell& into, const ChurnCell& from) const {
  into.maps += from.maps;
  into.unmaps += from.unmaps;
  into.continued += from.continued;
  into.reuses += from.reuses;
  into.live += from.live;
  into.stale += from.stale;
}

void ChurnGrid::set_least_shift(unsigned shift) {
  if (shape_.time_shift >= shift) return;
  if (cells_.empty() && spans_.empty()) {
    shape_.time_shift = shift;
    return;
  }
  log_.tidy();
  while (shape_.time_shift < shift) halve_time();
}

void ChurnGrid::add(const ChurnCell& cell, Ticks at) {
  ChurnCell here = cell;
  here.column = static_cast<std::uint32_t>(at >> shape_.time_shift);
  here.band = coarser(cell.band, shape_.page_shift);
  // What continues in the upper part of a band begins or continues in its lower part as well.
  if ((band_page(cell.band) & ((std::uint64_t{1} << shape_.page_shift) - 1)) != 0) {
    here.continued = 0;
  }
  if (log_.add(here)) log_.tidy();
}

void ChurnGrid::add_span(const ChurnSpan& span) {
  ChurnSpan here = span;
  here.band = coarser(span.band, shape_.page_shift);
  if (here.to - here.from <= kShortSpan << shape_.time_shift) {
    add_short(here);
  } else {
    spans_.push_back(here);
  }
}

void ChurnGrid::add_short(const ChurnSpan& span) {
  for (Ticks from = span.from; from < span.to;) {
    const Ticks column = from >> shape_.time_shift;
    const Ticks next = (column + 1) << shape_.time_shift;
    // The last column of all ends where numbers do.
    const Ticks to = next > from ? std::min(span.to, next) : span.to;
    ChurnCell cell;
    cell.band = span.band;
    cell.column = static_cast<std::uint32_t>(column);
    (span.stale != 0 ? cell.stale : cell.live) = static_cast<float>(to - from);
    log_.add(cell);
    from = to;
  }
}

void ChurnGrid::settle() {
  log_.tidy();
  if (spans_.size() > most_ && spans_.size() > 2 * spans_tidied_) merge_spans();
}

void ChurnGrid::tidy() {
  settle();
  while (crowded()) coarsen();
}

void ChurnGrid::adopt(const ChurnGrid& other) {
  cells_ = other.cells_;
  spans_ = other.spans_;
  shape_ = other.shape_;
  spans_tidied_ = other.spans_tidied_;
  log_.adopt(other.log_);
}

double ChurnGrid::bands_to_a_column() const {
  FlatTable<char> bands, columns;
  for (const ChurnCell& cell : cells_) {
    bands.insert(cell.band, 0);
    columns.insert(cell.column, 0);
  }
  for (const ChurnSpan& span : spans_) bands.insert(span.band, 0);
  return static_cast<double>(bands.size()) /
         static_cast<double>(std::max<std::size_t>(1, columns.size()));
}

void ChurnGrid::coarsen() {
  const bool pages = bands_to_a_column() > bands_per_column_;
  if ((pages && shape_.page_shift < kMostPageShift) || shape_.time_shift >= kMostTimeShift) {
    halve_pages();
  } else {
    halve_time();
  }
}

void ChurnGrid::halve_time() {
  log_.tidy();
  ++shape_.time_shift;
  for (ChurnCell& cell : cells_) cell.column >>= 1;
  log_.resort(same_column);
  std::vector<ChurnSpan> longer;
  for (const ChurnSpan& span : spans_) {
    if (span.to - span.from <= kShortSpan << shape_.time_shift) {
      add_short(span);
    } else {
      longer.push_back(span);
    }
  }
  spans_ = std::move(longer);
  log_.tidy();
}

void ChurnGrid::halve_pages() {
  log_.tidy();
  ++shape_.page_shift;
  for (ChurnCell& cell : cells_) {
    if ((band_page(cell.band) & 1) != 0) cell.continued = 0;
    cell.band = coarser(cell.band, 1);
  }
  log_.resort(same_column);
  for (ChurnSpan& span : spans_) span.band = coarser(span.band, 1);
  merge_spans();
}

// Spans of the same band that meet or overlap become one.
void ChurnGrid::merge_spans() {
  std::sort(spans_.begin(), spans_.end(), [](const ChurnSpan& a, const ChurnSpan& b) {
    if (a.band != b.band) return a.band < b.band;
    return a.stale != b.stale ? a.stale < b.stale : a.from < b.from;
  });
  std::size_t kept = 0;
  for (const ChurnSpan& span : spans_) {
    ChurnSpan* last = kept == 0 ? nullptr : &spans_[kept - 1];
    if (last != nullptr && last->band == span.band && last->stale == span.stale &&
        span.from <= last->to) {
      last->to = std::max(last->to, span.to);
    } else {
      spans_[kept++] = span;
    }
  }
  spans_.resize(kept);
  spans_tidied_ = kept;
}

}  // namespace violet
