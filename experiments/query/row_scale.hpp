// From addresses to the rows of a churn map.
//
// Threading: plain value.
// Invariants: row 0 begins with the range's first byte; every row has a byte where the range has as many
// bytes as rows. The whole 64-bit space is a range.
#pragma once

#include <algorithm>
#include <cstdint>

#include "engine/base/types.hpp"

namespace violet::gui {

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

}  // namespace violet::gui
