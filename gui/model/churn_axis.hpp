// A churn axis maps addresses to the height of the churn view. Nearly all of a 64-bit space is
// empty, so that by default the used ranges lie behind each other with breaks between them; the
// linear axis shows the whole space as it is. Both zoom down to one page.
//
// Threading: a plain value.
// Invariants: The window lies inside the axis and is at least a page. Bands are ascending,
// disjoint and made of whole pages. Within a band places grow linearly with the address.
// Limits: places are long doubles, whose 64 bits of mantissa tell pages of the whole space apart.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/types.hpp"

namespace violet::gui {

class ChurnAxis {
 public:
  static constexpr std::uint64_t kPage = 4096;
  static constexpr long double kBreak = 0.015L;  // Of the axis, between two used ranges.

  struct Band {
    IovaRange range;
    double from = 0,
           to = 0;  // Of the shown height, 0 at the bottom; may stick out by part of a page.
  };

  // Keeps the window when the ranges have not changed.
  void setUsed(const std::vector<IovaRange>& used);
  bool linear() const { return linear_; }
  void setLinear(bool on);  // Shows what was shown, as far as the other axis has it.

  void fit();                                    // Everything that is used.
  void showAll();                                // The whole axis.
  void show(const IovaRange& range);             // With a margin.
  void zoom(long double factor, double anchor);  // < 1 zooms in; anchor 0..1 from the bottom.
  void pan(double share);                        // > 0 to higher addresses.

  bool empty() const { return segments_.empty(); }
  std::vector<Band> bands() const;
  // 0..1 of the shown height, or outside it; nothing in a break.
  std::optional<double> place(std::uint64_t address) const;
  std::optional<std::uint64_t> address(double place) const;
  bool operator==(const ChurnAxis&) const = default;

 private:
  struct Segment {
    IovaRange range;
    long double from = 0, to = 0;  // 0..1 of the axis.
    bool operator==(const Segment&) const = default;
  };
  void rebuild();
  void clamp();
  const Segment* at(long double where) const;
  long double whereOf(const Segment& segment, long double address) const;
  std::optional<long double> whereOf(std::uint64_t address) const;

  std::vector<IovaRange> used_;
  bool linear_ = false;
  std::vector<Segment> segments_;
  long double low_ = 0, high_ = 1;
};

}  // namespace violet::gui
