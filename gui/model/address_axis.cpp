#include "gui/model/address_axis.hpp"

#include <algorithm>
#include <cmath>

namespace violet::gui {
namespace {

// Ranges that touch or lie at most `gap` apart become one.
std::vector<IovaRange> merged(const std::vector<IovaRange>& sorted, std::uint64_t gap) {
  std::vector<IovaRange> out;
  for (const IovaRange& range : sorted) {
    if (!out.empty()) {
      IovaRange& last = out.back();
      const bool near = range.first <= last.last || range.first.value - last.last.value - 1 <= gap;
      if (near) {
        last.last = std::max(last.last, range.last);
        continue;
      }
    }
    out.push_back(range);
  }
  return out;
}

// A segment a thousand times as large is drawn a few times as wide.
double weight_of(const IovaRange& range) {
  return std::log2(static_cast<double>(range.size_minus_one()) + 2);
}

}  // namespace

AddressAxis::AddressAxis(std::vector<IovaRange> used) {
  if (used.empty()) return;
  std::sort(used.begin(), used.end(),
            [](const IovaRange& a, const IovaRange& b) { return a.first < b.first; });
  std::uint64_t gap = std::uint64_t{1} << 20;
  std::vector<IovaRange> parts = merged(used, gap);
  while (parts.size() > kMostSegments) {
    gap = gap > (std::uint64_t{1} << 62) ? ~std::uint64_t{0} : gap * 2;
    parts = merged(parts, gap);
  }
  double total = 0;
  for (const IovaRange& part : parts) total += weight_of(part);
  const auto count = static_cast<double>(parts.size());
  const double room = 1 - kBreakShare * (count - 1) - kLeastShare * count;
  double at = 0;
  for (const IovaRange& part : parts) {
    const double width = kLeastShare + room * weight_of(part) / total;
    segments_.push_back({part, at, at + width});
    at += width + kBreakShare;
  }
  segments_.back().to = 1;
}

double AddressAxis::place(Iova at) const {
  double before = 0;
  for (const Segment& segment : segments_) {
    if (at < segment.range.first) return (before + segment.from) / 2;
    if (at <= segment.range.last) {
      const double size = static_cast<double>(segment.range.size_minus_one()) + 1;
      const double offset = static_cast<double>(at.value - segment.range.first.value);
      return segment.from + (segment.to - segment.from) * offset / size;
    }
    before = segment.to;
  }
  return 1;
}

double AddressAxis::place_behind(Iova last) const {
  for (const Segment& segment : segments_) {
    if (segment.range.contains(last) && last == segment.range.last) return segment.to;
  }
  return last.value == ~std::uint64_t{0} ? 1 : place({last.value + 1});
}

}  // namespace violet::gui
