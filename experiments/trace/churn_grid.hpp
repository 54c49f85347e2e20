// A churn grid counts what happens to pages over time in a bounded number of cells: when there are
// too many, neighbours in time or neighbours in address are merged, whichever keeps the grid's
// shape.
//
// Threading: owner-only.
// Invariants: column width >= what set_least_shift() said; cells and spans together stay below the limit
// after tidy().
// Limits: `live` and `stale` of a band of several pages are sums; who wants a share of time clamps them.
#pragma once

#include <cstdint>

#include "experiments/trace/pyramid.hpp"
#include "experiments/trace/sorted_log.hpp"

namespace violet {

constexpr std::uint64_t churn_band(std::uint64_t page, std::uint8_t endpoint) {
  return page << 4 | endpoint;
}
constexpr std::uint64_t band_page(std::uint64_t band) { return band >> 4; }
constexpr std::uint8_t band_endpoint(std::uint64_t band) {
  return static_cast<std::uint8_t>(band & 15);
}

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

}  // namespace violet
