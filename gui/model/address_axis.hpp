// An address axis puts a 64-bit address space on one line: the parts that are used at full width,
// breaks for the deserts between them.
//
// Threading: a plain value.
// Invariants: Every address of a given range lies in a segment, at a place that grows with the
// address. Segments are ascending and disjoint. Every segment is at least kLeastShare wide.
// Limits: kMostSegments; ranges nearer to each other than that needs share a segment.
#pragma once

#include <vector>

#include "engine/base/types.hpp"

namespace violet::gui {

class AddressAxis {
 public:
  static constexpr std::size_t kMostSegments = 5;
  static constexpr double kBreakShare = 0.03;  // Of the line, between two segments.
  static constexpr double kLeastShare = 0.07;

  struct Segment {
    IovaRange range;
    double from = 0, to = 0;  // 0..1 of the line.
  };

  AddressAxis() = default;
  explicit AddressAxis(std::vector<IovaRange> used);

  const std::vector<Segment>& segments() const { return segments_; }
  bool empty() const { return segments_.empty(); }
  // Addresses in a break lie in its middle.
  double place(Iova at) const;
  // Of the byte behind a range's last, so that neighbours meet.
  double place_behind(Iova last) const;

 private:
  std::vector<Segment> segments_;
};

}  // namespace violet::gui
