// A level replay gives stale and live pages over time: from the events where the window is short, else from
// the pyramid.
//
// Threading: pure function.
#pragma once

#include "experiments/query/cell_data.hpp"
#include "experiments/trace/lifetime_tracker.hpp"

namespace violet::query {

// The pyramid has no levels of single addresses or endpoints.
inline bool narrows_pages(const Filter& filter) {
  return filter.range || !filter.endpoints.empty();
}
inline bool wants_page(const Filter& filter, const LifetimeRecord& lifetime,
                       std::uint64_t granule) {
  const std::uint64_t first = granule << kGranuleShift4K;
  return (!filter.range || filter.range->overlaps({{first}, {first | 4095}})) &&
         has_endpoint(filter, lifetime.endpoint);
}
// From where a question about pages is replayed; nothing: the pyramid has to answer it.
std::optional<CellData::ReplayFrom> replay_pages(const CellData& cell, TimeWindow window, bool fine,
                                                 const Filter& filter);
// Why a question about some pages has no answer in that window.
std::string why_no_replay(const CellData& cell, TimeWindow window);

struct PageLevels {
  Resolution resolution;
  std::optional<ExposurePages> pages;
  std::string because;              // Why there are no pages.
  std::vector<Column> stale, live;  // Empty where some pages cannot be replayed.
};
PageLevels levels_of(const CellData& cell, TimeWindow window, const Columns& columns,
                     const Filter& filter);

// --- Replaying from a checkpoint ---

// Brings the tracker to the state at the checkpoint.
template <class Sink>
void load_state(const CellData& cell, const CellData::ReplayFrom& from,
                LifetimeTracker<Sink>& tracker) {
  if (from.checkpoint != nullptr) tracker.table().load(cell.pyramid, *from.checkpoint);
  for (const KeptEvents::Gap& gap : all_gaps(cell)) tracker.lose(gap.from, gap.to);
  tracker.begin_at(from.checkpoint != nullptr ? cell.pyramid.facts.start + from.checkpoint->at : 0);
}

// visit(lifetime, granule, live, stale) for all pages of the state.
template <class Visit>
void for_state(const LifetimeTable& table, Visit&& visit) {
  for (std::uint32_t id = 0; id < table.lifetimes.size(); ++id) {
    const LifetimeTable::Lifetime& lifetime = table.lifetimes[id];
    if (lifetime.pages == 0) continue;
    const bool live = !lifetime.is(LifetimeRecord::kUnmapped);
    if (live) {
      for (std::uint32_t i = 0; i < lifetime.pages; ++i)
        visit(lifetime, lifetime.first + i, true, false);
      continue;
    }
    if (!lifetime.is(LifetimeRecord::kStale)) continue;
    for (std::uint32_t i = 0; i < lifetime.pages; ++i) {
      const auto* page =
          table.pages.find(LifetimeTable::key(lifetime.domain_index, lifetime.first + i));
      if (page == nullptr || page->lifetime != id ||
          page->is() == LifetimeTable::PageState::kComplete) {
        continue;
      }
      visit(lifetime, lifetime.first + i, false, true);
    }
  }
}

}  // namespace violet::query
