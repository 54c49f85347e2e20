// Adds up what happens over time in the columns of a plot: levels, rates and gaps.
//
// Threading: owner-only.
#pragma once

#include <algorithm>
#include <vector>

#include "experiments/query/cell_data.hpp"

namespace violet::query {

// A part of the time axis that overlaps some columns: visit(column, share of the part in it, 0..1).
template <class Visit>
void for_columns(const Columns& columns, Nanos from, Nanos to, Visit&& visit) {
  const double begin = columns.position(from), end = std::max(begin, columns.position(to));
  if (!(end >= 0) || !(begin < columns.count()) || (end == 0 && begin < 0)) return;
  const auto first = static_cast<std::uint32_t>(std::max(0.0, begin));
  const auto last =
      std::min(columns.count() - 1,
               static_cast<std::uint32_t>(std::min(end, static_cast<double>(columns.count()))));
  for (std::uint32_t i = first; i <= last; ++i) {
    const double inside = std::min(end, i + 1.0) - std::max(begin, static_cast<double>(i));
    // A part that ends where a column begins is not in it.
    if (inside <= 0 && end > begin) continue;
    visit(i, end > begin ? inside / (end - begin) : 1.0);
  }
}

class LevelColumns {
 public:
  explicit LevelColumns(const Columns& columns) : columns_(columns), sums_(columns.count()) {}

  // The level was between low and high, `mean` on average.
  void add(Nanos from, Nanos to, double low, double mean, double high) {
    const double time = static_cast<double>(to) - static_cast<double>(from);
    for_columns(columns_, from, to, [&](std::uint32_t i, double share) {
      Sum& sum = sums_[i];
      sum.low = sum.count == 0 ? low : std::min(sum.low, low);
      sum.high = sum.count == 0 ? high : std::max(sum.high, high);
      sum.time += time * share;
      sum.integral += mean * time * share;
      ++sum.count;
    });
  }
  void into(std::vector<Column>& out) const {
    out.resize(columns_.count());
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Sum& sum = sums_[i];
      out[i].count = sum.count;
      out[i].low = static_cast<float>(sum.low);
      out[i].high = static_cast<float>(sum.high);
      // Without a length, a moment's level is its mean.
      out[i].mean = static_cast<float>(
          sum.time > 0 ? std::clamp(sum.integral / sum.time, sum.low, sum.high) : sum.high);
    }
  }

 private:
  struct Sum {
    std::uint64_t count = 0;
    double low = 0, high = 0, time = 0, integral = 0;
  };
  Columns columns_;
  std::vector<Sum> sums_;
};

class RateColumns {
 public:
  explicit RateColumns(const Columns& columns) : columns_(columns), sums_(columns.count()) {}

  // `n` things, evenly over a time.
  void add(Nanos from, Nanos to, double n) {
    const double seconds = (static_cast<double>(to) - static_cast<double>(from)) / 1e9;
    const double rate = seconds > 0 ? n / seconds : 0;
    for_columns(columns_, from, to, [&](std::uint32_t i, double share) {
      Sum& sum = sums_[i];
      sum.low = sum.seen ? std::min(sum.low, rate) : rate;
      sum.high = std::max(sum.high, rate);
      sum.seen = true;
      sum.n += n * share;
      sum.seconds += seconds * share;
    });
  }
  // One thing at a moment; the column's whole length counts.
  void add_one(Nanos at) { sums_[columns_.of(at)].n += 1; }
  // `whole`: everything in the columns was seen, so that nothing means zero. `least`: the count of a
  // column that was seen, where counts are not added up but say that there is something to draw.
  void into(std::vector<Column>& out, bool whole, std::uint64_t least = 0) const {
    out.resize(columns_.count());
    const double column_s = columns_.width_ns() / 1e9;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Sum& sum = sums_[i];
      if (!whole && !sum.seen) continue;
      const double seconds = whole || sum.seconds <= 0 ? column_s : sum.seconds;
      const double mean = sum.n / seconds;
      out[i].count = std::max(least, static_cast<std::uint64_t>(sum.n + 0.5));
      out[i].mean = static_cast<float>(mean);
      out[i].low = static_cast<float>(sum.seen ? std::min(sum.low, mean) : mean);
      out[i].high = static_cast<float>(sum.seen ? std::max(sum.high, mean) : mean);
    }
  }

 private:
  struct Sum {
    bool seen = false;
    double n = 0, seconds = 0, low = 0, high = 0;
  };
  Columns columns_;
  std::vector<Sum> sums_;
};

// visit(index, bucket, from, to) for the buckets that overlap a window.
template <class Visit>
void for_buckets(const CellData& cell, TimeWindow window, Visit&& visit) {
  const auto& buckets = cell.pyramid.buckets;
  const unsigned shift = cell.pyramid.facts.shift;
  const Ticks first = cell.base.ticks_since(window.from) >> shift;
  const Ticks end = cell.base.ticks_since(window.to);
  for (std::size_t i = first; i < buckets.size(); ++i) {
    const Ticks from = static_cast<Ticks>(i) << shift;
    if (from >= end) return;
    // The last one is as long as the run.
    const Ticks to =
        i + 1 == buckets.size()
            ? std::max(from, std::min(cell.pyramid.facts.end, from + (cell.pyramid.width() - 1)) +
                                 (cell.pyramid.facts.end < ~Ticks{0} ? 1 : 0))
            : from + cell.pyramid.width();
    visit(i, buckets[i], cell.base.since(from), cell.base.since(to));
  }
}

// Marks the columns in which events are missing: mark(column).
template <class Mark>
void for_gaps(const CellData& cell, TimeWindow window, const Columns& columns, Mark&& mark) {
  if (window.to <= window.from) return;
  const auto mark_all = [&](Nanos from, Nanos to) {
    for_columns(columns, from, std::max(to, from), [&](std::uint32_t i, double) { mark(i); });
  };
  if (cell.kept(TickWindow(cell.base, window))) {
    for (const KeptEvents::Gap& gap : cell.events->gaps()) {
      const Nanos from = cell.base.nanos(gap.from), to = cell.base.nanos(gap.to);
      if (to >= window.from && from < window.to) mark_all(from, to);
    }
    return;
  }
  for_buckets(cell, window, [&](std::size_t, const PyramidBucket& bucket, Nanos from, Nanos to) {
    if (bucket.gap != 0) mark_all(from, to);
  });
}

inline void mark_gaps(const CellData& cell, TimeWindow window, const Columns& columns,
                      std::vector<Column>& out) {
  for_gaps(cell, window, columns, [&](std::uint32_t i) { out[i].gap = true; });
}

}  // namespace violet::query
