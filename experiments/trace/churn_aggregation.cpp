#include "experiments/trace/churn_aggregation.hpp"

#include <algorithm>

namespace violet {
namespace {

constexpr unsigned kMostPageShift = 52;
constexpr unsigned kMostTimeShift = 63;

std::uint64_t coarser(std::uint64_t band, unsigned by) {
  return churn_band(band_page(band) >> by, band_endpoint(band));
}

bool same_column(const ChurnCell& a, const ChurnCell& b) { return a.column == b.column; }

}  // namespace

// --- A grid ---

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

// --- What happens to pages ---

ChurnAggregation::ChurnAggregation(Pyramid& pyramid, std::size_t most_cells)
    : grids_{ChurnGrid(pyramid.churn[0], pyramid.spans[0], pyramid.facts.grids[0],
                       kBandsPerColumn[0], most_cells / 2),
             ChurnGrid(pyramid.churn[1], pyramid.spans[1], pyramid.facts.grids[1],
                       kBandsPerColumn[1], most_cells),
             ChurnGrid(pyramid.churn[2], pyramid.spans[2], pyramid.facts.grids[2],
                       kBandsPerColumn[2], most_cells / 2)},
      pyramid_(pyramid) {}

void ChurnAggregation::call(std::uint64_t band, const Call& call, Ticks at) {
  ChurnCell& cell = open_[touch(band, at).slot];
  if (call.continued) {
    ++cell.continued;
  } else if (call.unmap) {
    ++cell.unmaps;
  } else {
    ++cell.maps;
    cell.reuses += call.reuse ? 1 : 0;
  }
}

void ChurnAggregation::change(std::uint64_t band, int live, int stale, Ticks at) {
  Page& page = touch(band, at);
  page.live += live;
  page.stale += stale;
}

bool ChurnAggregation::live(std::uint64_t band) const {
  const Page* page = pages_.find(band);
  return page != nullptr && page->live > 0;
}

ChurnAggregation::Page& ChurnAggregation::touch(std::uint64_t band, Ticks at) {
  if (shown_) hide();
  Page fresh;
  fresh.since = at;
  Page& page = *pages_.insert(band, fresh).first;
  if (page.slot == kNoSlot) {
    // Whole columns without a change.
    if (page.since < open_from_) {
      span(band, page, open_from_);
      page.since = open_from_;
    }
    page.slot = static_cast<std::uint32_t>(open_.size());
    open_.emplace_back().band = band;
  }
  account(page, at);
  return page;
}

void ChurnAggregation::account(Page& page, Ticks at) {
  if (at <= page.since) return;
  ChurnCell& cell = open_[page.slot];
  const auto time = static_cast<float>(at - page.since);
  if (page.live > 0) cell.live += time;
  if (page.stale > 0) cell.stale += time;
  page.since = at;
}

void ChurnAggregation::span(std::uint64_t band, const Page& page, Ticks to) {
  for (ChurnGrid& grid : grids()) {
    if (page.live > 0) grid.add_span({band, page.since, to, 0, 0});
    if (page.stale > 0) grid.add_span({band, page.since, to, 1, 0});
  }
}

void ChurnAggregation::close_column(Ticks end, Ticks next) {
  if (shown_) hide();
  for (const ChurnCell& cell : open_) {
    Page& page = *pages_.find(cell.band);
    account(page, end);
    page.slot = kNoSlot;
    if (page.live <= 0 && page.stale <= 0) pages_.erase(cell.band);
  }
  std::sort(open_.begin(), open_.end(),
            [](const ChurnCell& a, const ChurnCell& b) { return a.band < b.band; });
  for (ChurnGrid& grid : grids()) {
    for (const ChurnCell& cell : open_) grid.add(cell, open_from_);
  }
  open_.clear();
  open_from_ = next;
  keep_within_bounds();
}

void ChurnAggregation::keep_within_bounds() {
  if (!split_) {
    ChurnGrid& balanced = grids_[kBalanced];
    if (!balanced.crowded()) return;
    balanced.settle();
    if (!balanced.crowded()) return;
    for (std::size_t i = 0; i < kChurnGrids; ++i) {
      if (i != kBalanced) grids_[i].adopt(balanced);
    }
    split_ = true;
  }
  for (ChurnGrid& grid : grids_) {
    if (grid.crowded()) grid.tidy();
  }
}

void ChurnAggregation::move_to(Ticks now, unsigned bucket_shift) {
  if (shown_) hide();
  const unsigned shift = std::min(63u, bucket_shift + kColumnShift);
  const Ticks column = open_from_ >> shift;
  if (now >> shift != column) close_column((column + 1) << shift, now >> shift << shift);
  for (ChurnGrid& grid : grids()) grid.set_least_shift(shift);
}

void ChurnAggregation::show(Ticks now) {
  if (shown_) hide();
  close_column(now, now);
  for (ChurnGrid& grid : grids()) grid.settle();
  keep_within_bounds();
  for (std::size_t i = 0; i < kChurnGrids; ++i) spans_before_[i] = pyramid_.spans[i].size();
  pages_.for_each([&](std::uint64_t band, const Page& page) {
    if (page.since >= now) return;
    for (std::size_t i = 0; i < kChurnGrids; ++i) {
      if (!split_ && i != kBalanced) continue;
      const std::uint64_t here =
          churn_band(band_page(band) >> pyramid_.facts.grids[i].page_shift, band_endpoint(band));
      if (page.live > 0) pyramid_.spans[i].push_back({here, page.since, now, 0, 0});
      if (page.stale > 0) pyramid_.spans[i].push_back({here, page.since, now, 1, 0});
    }
  });
  shown_ = true;
}

void ChurnAggregation::shrink(std::size_t most, Ticks now) {
  if (!shown_) show(now);
  shown_ = false;  // What show() added stays.
  pages_ = FlatTable<Page>();
  set_most(most);
  keep_within_bounds();
}

void ChurnAggregation::hide() {
  shown_ = false;
  for (std::size_t i = 0; i < kChurnGrids; ++i) pyramid_.spans[i].resize(spans_before_[i]);
}

}  // namespace violet
