// A churn aggregation adds what happens to single pages to the churn grids: operations, and for how
// long a page was live or stale in each column of time.
//
// Threading: owner-only. Precondition: calls come in time order; times are ticks since the start.
// Limits: memory grows with the pages that are live or stale at once and with those touched in a column.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/flat_table.hpp"
#include "experiments/trace/pyramid.hpp"
#include "experiments/trace/sorted_log.hpp"

namespace violet {

// A churn grid counts what happens to pages over time in a bounded number of cells: when there are too many,
// neighbours in time or neighbours in address are merged, whichever keeps the grid's shape. Columns are at least as
// wide as set_least_shift() said; cells and spans together stay below the limit after tidy(). `live` and `stale` of a
// band of several pages are sums; who wants a share of time clamps them.
class ChurnGrid {
 public:
  // Up to so many columns a span becomes cells.
  static constexpr Ticks kShortSpan = 2;

  // The arrays outlive it.
  ChurnGrid(std::vector<ChurnCell>& cells, std::vector<ChurnSpan>& spans, ChurnGridShape& shape,
            double bands_per_column, std::size_t most);

  void set_least_shift(unsigned shift);
  // A cell of single pages whose time begins at `at`; its column is set here.
  void add(const ChurnCell& cell, Ticks at);
  // `band` of single pages.
  void add_span(const ChurnSpan& span);
  // Lowers the limit, never raises it.
  void set_most(std::size_t most) { most_ = std::min(most_, most); }
  // Whether there may be more than the limit.
  bool crowded() const { return cells_.size() + spans_.size() > most_; }
  // Sorts; crowded() is exact then.
  void settle();
  // Sorts, and merges what is too much.
  void tidy();
  // Begins with what another one has.
  void adopt(const ChurnGrid& other);

 private:
  struct Less {
    bool operator()(const ChurnCell& a, const ChurnCell& b) const {
      return a.column != b.column ? a.column < b.column : a.band < b.band;
    }
  };
  struct Combine {
    void operator()(ChurnCell& into, const ChurnCell& from) const;
  };

  void add_short(const ChurnSpan& span);
  void halve_time();
  void halve_pages();
  void merge_spans();
  void coarsen();
  double bands_to_a_column() const;

  std::vector<ChurnCell>& cells_;
  std::vector<ChurnSpan>& spans_;
  ChurnGridShape& shape_;
  double bands_per_column_;
  std::size_t most_;
  std::size_t spans_tidied_ = 0;
  SortedLog<ChurnCell, Less, Combine> log_;
};

// As long as everything fits there is one grid, the balanced one; the others begin with what it has when it
// has to be aggregated for the first time.
class ChurnAggregation {
 public:
  static constexpr unsigned kColumnShift = 4;

  // Fills the grids of `pyramid`, which outlives it.
  ChurnAggregation(Pyramid& pyramid, std::size_t most_cells);

  struct Call {
    bool unmap = false;
    bool reuse = false;
    bool continued = false;  // Into this page from the one below.
  };
  void call(std::uint64_t band, const Call& call, Ticks at);
  void change(std::uint64_t band, int live, int stale, Ticks at);
  // How many things live at this page of this endpoint.
  bool live(std::uint64_t band) const;
  // Time goes on; columns are 2^kColumnShift buckets of 2^bucket_shift ticks wide.
  void move_to(Ticks now, unsigned bucket_shift);
  void set_most(std::size_t most) {
    for (ChurnGrid& grid : grids_) grid.set_most(most);
  }
  // Brings the grids up to `now`; undone by the next call of anything else.
  void show(Ticks now);
  // Merges until there are at most so many cells and spans a grid, those of what lives at `now` included; nothing comes
  // after it but more of it.
  void shrink(std::size_t most, Ticks now);

 private:
  static constexpr std::uint32_t kNoSlot = ~0u;
  static constexpr std::size_t kBalanced = 1;
  struct Page {
    Ticks since = 0;  // Accounted for up to here.
    std::int32_t live = 0, stale = 0;
    std::uint32_t slot = kNoSlot;  // In open_.
    std::uint32_t unused = 0;
  };

  Page& touch(std::uint64_t band, Ticks at);
  void account(Page& page, Ticks at);
  void span(std::uint64_t band, const Page& page, Ticks to);
  // The column that is open ends at `end`, and one begins at `next`.
  void close_column(Ticks end, Ticks next);
  void hide();
  // The grids in use.
  std::span<ChurnGrid> grids() {
    return std::span(grids_).subspan(split_ ? 0 : kBalanced, split_ ? kChurnGrids : 1);
  }
  void keep_within_bounds();

  std::array<ChurnGrid, kChurnGrids> grids_;
  Pyramid& pyramid_;
  FlatTable<Page> pages_;
  std::vector<ChurnCell> open_;
  Ticks open_from_ = 0;
  bool shown_ = false;
  bool split_ = false;
  std::array<std::size_t, kChurnGrids> spans_before_{};
};

}  // namespace violet
