#include "experiments/trace/churn_aggregation.hpp"

#include <algorithm>

namespace violet {

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
