// Stale and live pages over time: from the events where the window is short, else from the pyramid.
//
// Threading: pure function.
#pragma once

#include "experiments/query/cell_data.hpp"
#include "experiments/trace/life_tracker.hpp"

namespace violet::gui {

struct LevelTotals {
  double mean_stale = 0, peak_stale = 0;  // Of the window.
};

LevelTotals levels_of(const CellData& cell, TimeWindow window, const Columns& columns,
                      std::vector<Column>& stale, std::vector<Column>& live);

// --- Replaying from a checkpoint ---

// Brings the tracker to the state at the checkpoint.
template <class Sink>
void load_state(const CellData& cell, const CellData::ReplayFrom& from,
                LifeTracker<Sink>& tracker) {
  if (from.checkpoint != nullptr) tracker.table().load(cell.pyramid, *from.checkpoint);
  for (const KeptEvents::Gap& gap : cell.events->gaps()) tracker.lose(gap.from, gap.to);
  tracker.begin_at(from.checkpoint != nullptr ? cell.pyramid.facts.start + from.checkpoint->at : 0);
}

// visit(life, granule, live, stale) for all pages of the state.
template <class Visit>
void for_state(const LifeTable& table, Visit&& visit) {
  for (std::uint32_t id = 0; id < table.lives.size(); ++id) {
    const LifeTable::Life& life = table.lives[id];
    if (life.pages == 0) continue;
    const bool live = !life.is(LifeRecord::kUnmapped);
    if (live) {
      for (std::uint32_t i = 0; i < life.pages; ++i) visit(life, life.first + i, true, false);
      continue;
    }
    if (!life.is(LifeRecord::kStale)) continue;
    for (std::uint32_t i = 0; i < life.pages; ++i) {
      const auto* page = table.pages.find(LifeTable::key(life.domain_index, life.first + i));
      if (page == nullptr || page->life != id || page->is() == LifeTable::PageState::kComplete) {
        continue;
      }
      visit(life, life.first + i, false, true);
    }
  }
}

}  // namespace violet::gui
