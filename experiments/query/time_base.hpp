// A time base converts between ticks of the trace and nanoseconds since a repetition began, and times to columns.
//
// Threading: plain values.
// Invariants: nanos() is monotone, and ticks(n) is the first tick whose nanos() is n or more, so that
// a window of nanoseconds and its window of ticks hold the same events.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "engine/base/types.hpp"
#include "experiments/query/queries.hpp"

namespace violet::query {

class TimeBase {
 public:
  TimeBase() = default;
  TimeBase(Ticks start, double ns_per_tick) : start_(start), ns_per_tick_(ns_per_tick) {}

  Ticks start() const { return start_; }
  double ns_per_tick() const { return ns_per_tick_; }
  // Of a time since the start, 36 years after it at most: only a damaged file has later ones, and sums of a few times,
  // also of rounded ones, are Nanos.
  static constexpr Nanos kLatest = Nanos{1} << 60;
  Nanos since(Ticks ticks) const {
    const double ns = static_cast<double>(ticks) * ns_per_tick_;
    return ns < static_cast<double>(kLatest) ? static_cast<Nanos>(ns) : kLatest;
  }
  // Of an absolute time; what came before the start came at it.
  Nanos nanos(Ticks at) const { return at > start_ ? since(at - start_) : 0; }
  // Since the start; ~0 where no tick is that late. By halving: where a tick is much shorter than a
  // nanosecond (a foreign file), any number of them have the same one.
  Ticks ticks_since(Nanos at) const {
    if (at <= 0) return 0;
    Ticks first = 0;
    for (Ticks last = ~Ticks{0}; first < last;) {
      const Ticks middle = first + (last - first) / 2;
      if (since(middle) >= at) {
        last = middle;
      } else {
        first = middle + 1;
      }
    }
    return first;
  }
  // Absolute. Of a time at or before the start: 0, so that nothing is left out.
  Ticks ticks(Nanos at) const {
    if (at <= 0) return 0;
    const Ticks ticks = ticks_since(at);
    return ticks > ~Ticks{0} - start_ ? ~Ticks{0} : start_ + ticks;
  }
  std::uint64_t length_ns(Ticks ticks) const { return static_cast<std::uint64_t>(since(ticks)); }

 private:
  Ticks start_ = 0;
  double ns_per_tick_ = 1;
};

// [first, last) ticks, absolute.
struct TickWindow {
  TickWindow(const TimeBase& base, TimeWindow window)
      : from(base.ticks(window.from)), to(window.to <= window.from ? 0 : base.ticks(window.to)) {
    if (window.to <= 0 || to < from) to = from;
    // Nothing comes after the last moment there is.
    if (window.to == std::numeric_limits<Nanos>::max()) to = ~Ticks{0};
  }
  Ticks from, to;
};

// A window in `count` columns.
class Columns {
 public:
  static constexpr std::uint32_t kMost = 1 << 14;  // More than a screen has.

  Columns(TimeWindow window, std::uint32_t count)
      : from_(window.from),
        length_(window.to > window.from
                    ? static_cast<double>(window.to) - static_cast<double>(window.from)
                    : 1.0),
        count_(count == 0      ? 1
               : count < kMost ? count
                               : kMost) {}
  std::uint32_t count() const { return count_; }
  // Where it lies, in columns; may be outside of [0, count).
  double position(Nanos at) const {
    return (static_cast<double>(at) - static_cast<double>(from_)) * count_ / length_;
  }
  // Of a time inside the window.
  std::uint32_t of(Nanos at) const {
    const double where = position(at);
    if (!(where > 0)) return 0;
    return where >= count_ ? count_ - 1 : static_cast<std::uint32_t>(where);
  }
  double width_ns() const { return length_ / count_; }

 private:
  Nanos from_;
  double length_;
  std::uint32_t count_;
};

// --- From addresses to the rows of a churn map: row 0 begins with the range's first byte ---

class RowScale {
 public:
  RowScale(const IovaRange& range, std::uint32_t rows)
      : range_(range),
        count_(std::max(1u, rows)),
        narrow_(range.size_minus_one() < (std::uint64_t{1} << 38)) {}

  std::uint32_t count() const { return count_; }
  double bytes_a_row() const { return (static_cast<double>(range_.size_minus_one()) + 1) / count_; }
  bool overlaps(std::uint64_t first, std::uint64_t last) const {
    return first <= range_.last.value && range_.first.value <= last;
  }
  // Of an address in the range: floor((at - first) * rows / size).
  std::uint32_t of(std::uint64_t at) const {
    if (narrow_) {
      return static_cast<std::uint32_t>((at - range_.first.value) * count_ /
                                        (range_.size_minus_one() + 1));
    }
    const Wide size = Wide{range_.size_minus_one()} + 1;
    return static_cast<std::uint32_t>(Wide{at - range_.first.value} * count_ / size);
  }
  // visit(row) for the rows that [first, last] touches.
  template <class Visit>
  void for_rows(std::uint64_t first, std::uint64_t last, Visit&& visit) const {
    if (!overlaps(first, last)) return;
    const std::uint32_t begin = of(std::max(first, range_.first.value));
    const std::uint32_t end = of(std::min(last, range_.last.value));
    for (std::uint32_t row = begin; row <= end; ++row) visit(row);
  }
  // Whether the lowest byte of the row lies in [first, last].
  bool starts(std::uint32_t row, std::uint64_t first, std::uint64_t last) const {
    const Wide size = Wide{range_.size_minus_one()} + 1;
    const auto at =
        static_cast<std::uint64_t>((Wide{row} * size + count_ - 1) / count_) + range_.first.value;
    return first <= at && at <= last;
  }

 private:
  __extension__ using Wide = unsigned __int128;
  IovaRange range_;
  std::uint32_t count_;
  bool narrow_;  // 64 bits are enough: at most 2^24 rows.
};

}  // namespace violet::query
