// Column sums add up what happens over time in the columns of a plot: levels, rates and gaps.
//
// Threading: owner-only.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
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

  // `samples` of the level at one moment, or near it: where nothing has a length, they are averaged.
  void add_samples(Nanos at, double low, double sum, double high, double samples) {
    for_columns(columns_, at, at, [&](std::uint32_t i, double) {
      Sum& into = sums_[i];
      into.low = into.count == 0 ? low : std::min(into.low, low);
      into.high = into.count == 0 ? high : std::max(into.high, high);
      into.samples += samples;
      into.sampled += sum;
      ++into.count;
    });
  }
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
      double mean = sum.time > 0      ? sum.integral / sum.time
                    : sum.samples > 0 ? sum.sampled / sum.samples
                                      : sum.high;
      // Numbers that came from a file may not add up.
      if (!(mean >= sum.low)) mean = sum.low;
      if (!(mean <= sum.high)) mean = sum.high;
      out[i].mean = static_cast<float>(mean);
    }
  }

 private:
  struct Sum {
    std::uint64_t count = 0;
    double low = 0, high = 0, time = 0, integral = 0, samples = 0, sampled = 0;
  };
  Columns columns_;
  std::vector<Sum> sums_;
};

// A part of a whole, both counted: the ratio of the sums, which is no mean of ratios.
class RatioColumns {
 public:
  explicit RatioColumns(const Columns& columns) : columns_(columns), sums_(columns.count()) {}

  // `part` of `whole` (> 0) things, evenly over a time.
  void add(Nanos from, Nanos to, double part, double whole) {
    const double ratio = part / whole;
    for_columns(columns_, from, to, [&](std::uint32_t i, double share) {
      Sum& sum = sums_[i];
      sum.low = sum.count == 0 ? ratio : std::min(sum.low, ratio);
      sum.high = sum.count == 0 ? ratio : std::max(sum.high, ratio);
      sum.part += part * share;
      sum.whole += whole * share;
      ++sum.count;
    });
  }
  void into(std::vector<Column>& out) const {
    out.assign(columns_.count(), {});
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Sum& sum = sums_[i];
      if (sum.whole <= 0) continue;
      out[i].count = sum.count;
      out[i].low = static_cast<float>(sum.low);
      out[i].high = static_cast<float>(sum.high);
      out[i].mean = static_cast<float>(sum.part / sum.whole);
    }
  }

 private:
  struct Sum {
    std::uint64_t count = 0;
    double low = 0, high = 0, part = 0, whole = 0;
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
      sum.low = sum.parts > 0 ? std::min(sum.low, rate) : rate;
      sum.high = std::max(sum.high, rate);
      ++sum.parts;
      sum.n += n * share;
      sum.seconds += seconds * share;
    });
  }
  // One thing at a moment; the column's whole length counts.
  void add_one(Nanos at) { sums_[columns_.of(at)].n += 1; }
  // Of that time nothing is known: what add_one() counts is of the rest of the column.
  void lose(Nanos from, Nanos to) {
    const double ns = static_cast<double>(to) - static_cast<double>(from);
    for_columns(columns_, from, to,
                [&](std::uint32_t i, double share) { sums_[i].lost += ns / 1e9 * share; });
  }
  // `whole`: everything in the columns but what was lost was seen, so that nothing means zero.
  void into(std::vector<Column>& out, bool whole) const {
    out.assign(columns_.count(), {});
    const double column_s = columns_.width_ns() / 1e9;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Sum& sum = sums_[i];
      // Rounding leaves nothing to know.
      if (!whole ? sum.parts == 0 : sum.lost > column_s * (1 - 1e-9)) continue;
      const double seconds = whole || sum.seconds <= 0 ? column_s - sum.lost : sum.seconds;
      const double mean = sum.n / seconds;
      out[i].count = static_cast<std::uint64_t>(sum.n + 0.5);
      out[i].seen = true;
      out[i].mean = static_cast<float>(mean);
      out[i].low = static_cast<float>(sum.parts > 0 ? std::min(sum.low, mean) : mean);
      out[i].high = static_cast<float>(sum.parts > 0 ? std::max(sum.high, mean) : mean);
    }
  }

 private:
  struct Sum {
    std::uint64_t parts = 0;
    double n = 0, seconds = 0, lost = 0, low = 0, high = 0;
  };
  Columns columns_;
  std::vector<Sum> sums_;
};

// Numbers of the buckets that overlap a window: [first, end).
struct BucketRange {
  std::size_t first = 0, end = 0;
};
inline BucketRange buckets_in(const CellData& cell, TimeWindow window) {
  const unsigned shift = cell.pyramid.facts.shift;
  const Ticks from = cell.base.ticks_since(window.from), to = cell.base.ticks_since(window.to);
  const Ticks all = cell.pyramid.buckets.size();
  if (to <= from) return {};
  return {static_cast<std::size_t>(std::min(from >> shift, all)),
          static_cast<std::size_t>(std::min(((to - 1) >> shift) + 1, all))};
}
// When a bucket begins and ends; the last one is as long as the run.
inline TimeWindow time_of_bucket(const CellData& cell, std::size_t index) {
  const Ticks from = static_cast<Ticks>(index) << cell.pyramid.facts.shift,
              end = cell.pyramid.facts.end;
  if (index + 1 < cell.pyramid.buckets.size()) {
    return {cell.base.since(from), cell.base.since(from + cell.pyramid.width())};
  }
  const Ticks to = std::min(end, from + (cell.pyramid.width() - 1)) + (end < ~Ticks{0} ? 1 : 0);
  return {cell.base.since(from), cell.base.since(std::max(from, to))};
}

inline Nanos bucket_ns(const CellData& cell) {
  return std::max<Nanos>(1, cell.base.since(cell.pyramid.width()));
}

// What an answer of the pyramid is about: all buckets that overlap the window.
inline Resolution resolution_of_buckets(const CellData& cell, TimeWindow window) {
  const BucketRange range = buckets_in(cell, window);
  if (range.first >= range.end) return {window, bucket_ns(cell)};
  return {{time_of_bucket(cell, range.first).from, time_of_bucket(cell, range.end - 1).to},
          bucket_ns(cell)};
}

// visit(index, bucket, from, to) for those buckets.
template <class Visit>
void for_buckets(const CellData& cell, BucketRange range, Visit&& visit) {
  for (std::size_t i = range.first; i < range.end; ++i) {
    const TimeWindow time = time_of_bucket(cell, i);
    visit(i, cell.pyramid.buckets[i], time.from, time.to);
  }
}
// For the buckets that overlap a window.
template <class Visit>
void for_buckets(const CellData& cell, TimeWindow window, Visit&& visit) {
  for_buckets(cell, buckets_in(cell, window), std::forward<Visit>(visit));
}

// Columns of whole bins of 2^shift ticks: no narrower than a bin and, unless bins are wider, than what was
// asked for. They begin at multiples of their width, so that they stay where they are while a view pans.
class BinColumns {
 public:
  BinColumns(const CellData& cell, TimeWindow asked, std::uint32_t count, unsigned shift)
      : shift_(shift) {
    const Ticks end_of_run = cell.pyramid.facts.end;
    const Ticks from = std::min(cell.base.ticks_since(asked.from), end_of_run);
    const Ticks to = std::max(from, std::min(cell.base.ticks_since(asked.to), end_of_run));
    const double bin_ns =
        std::max(1e-9, std::ldexp(cell.base.ns_per_tick(), static_cast<int>(shift)));
    const double wanted = Columns(asked, count).width_ns() / bin_ns;
    bins_ =
        wanted < 1e15 ? std::max<Ticks>(1, static_cast<Ticks>(std::ceil(wanted))) : Ticks{1} << 50;
    first_ = (from >> shift) / bins_;
    const Ticks last = (to >> shift) / bins_;
    // No more than was asked for and one at either side.
    count_ = static_cast<std::uint32_t>(std::min<Ticks>(last - first_ + 1, kMostColumns + 2));
    window_ = {since(cell, first_), since(cell, first_ + count_)};
  }
  std::uint32_t count() const { return count_; }
  TimeWindow window() const { return window_; }
  // Of a bin's number; nothing outside.
  std::optional<std::uint32_t> of_bin(Ticks bin) const {
    const Ticks column = bin / bins_;
    if (column < first_ || column - first_ >= count_) return std::nullopt;
    return static_cast<std::uint32_t>(column - first_);
  }

 private:
  Nanos since(const CellData& cell, Ticks column) const {
    const double ticks = std::ldexp(static_cast<double>(column) * static_cast<double>(bins_),
                                    static_cast<int>(shift_));
    return ticks < 1.8e19 ? cell.base.since(static_cast<Ticks>(ticks)) : TimeBase::kLatest;
  }
  unsigned shift_;
  Ticks bins_ = 1, first_ = 0;
  std::uint32_t count_ = 1;
  TimeWindow window_;
};

// Marks the columns in which events are missing: mark(column).
template <class Mark>
void for_gaps(const CellData& cell, TimeWindow window, const Columns& columns, Mark&& mark) {
  if (window.to <= window.from) return;
  const auto mark_all = [&](Nanos from, Nanos to) {
    for_columns(columns, from, std::max(to, from), [&](std::uint32_t i, double) { mark(i); });
  };
  const auto mark_gap = [&](const KeptEvents::Gap& gap) {
    const Nanos from = cell.base.nanos(gap.from), to = cell.base.nanos(gap.to);
    if (to >= window.from && from < window.to) mark_all(from, to);
  };
  // A pyramid of what is still recorded does not have them yet.
  for (const KeptEvents::Gap& gap : gaps_at_end(cell)) mark_gap(gap);
  if (cell.kept(TickWindow(cell.base, window))) {
    for (const KeptEvents::Gap& gap : cell.events->gaps()) mark_gap(gap);
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
