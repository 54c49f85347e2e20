#include "gui/model/churn_axis.hpp"

#include <algorithm>
#include <cmath>

namespace violet::gui {

namespace {
long double size_of(const IovaRange& range) {
  return static_cast<long double>(range.size_minus_one()) + 1;
}
}  // namespace

void ChurnAxis::setUsed(const std::vector<IovaRange>& used) {
  if (used == used_) return;
  const bool first = used_.empty();
  used_ = used;
  rebuild();
  if (first || !linear_) fit();
}

void ChurnAxis::setLinear(bool on) {
  if (on == linear_) return;
  const auto lower = address(0), upper = address(1);
  linear_ = on;
  rebuild();
  if (lower && upper && *lower < *upper) {
    const auto from = whereOf(*lower), to = whereOf(*upper);
    if (from && to && *to > *from) {
      low_ = *from;
      high_ = *to;
      return clamp();
    }
  }
  fit();
}

// A range a thousand times as large gets the room of a few small ones, and every one can be seen.
void ChurnAxis::rebuild() {
  segments_.clear();
  if (used_.empty()) return;
  if (linear_) {
    segments_.push_back({IovaRange::all(), 0, 1});
    return;
  }
  long double total = 0;
  for (const IovaRange& range : used_) total += std::sqrt(size_of(range));
  const auto breaks = static_cast<long double>(used_.size() - 1);
  const long double wide = std::min(kBreak, 0.3L / std::max(1.0L, breaks));
  const long double room = 1 - wide * breaks;
  long double from = 0;
  for (const IovaRange& range : used_) {
    const long double width = room * std::sqrt(size_of(range)) / total;
    segments_.push_back({range, from, from + width});
    from += width + wide;
  }
}

void ChurnAxis::fit() {
  if (!linear_ || used_.empty()) return showAll();
  show({used_.front().first, used_.back().last});
}

void ChurnAxis::showAll() {
  low_ = 0;
  high_ = 1;
}

void ChurnAxis::show(const IovaRange& range) {
  const auto from = whereOf(range.first.value), to = whereOf(range.last.value);
  if (!from || !to) return;
  const long double margin = (*to - *from) * 0.04L;
  low_ = *from - margin;
  high_ = *to + margin;
  clamp();
}

void ChurnAxis::zoom(long double factor, double anchor) {
  const long double centre = low_ + (high_ - low_) * static_cast<long double>(anchor);
  low_ = centre - (centre - low_) * factor;
  high_ = centre + (high_ - centre) * factor;
  clamp();
}

void ChurnAxis::pan(double share) {
  const long double by = (high_ - low_) * static_cast<long double>(share);
  low_ += by;
  high_ += by;
  clamp();
}

void ChurnAxis::clamp() {
  const long double middle = std::clamp((low_ + high_) / 2, 0.0L, 1.0L);
  long double shortest = 1e-19L;
  if (const Segment* segment = at(middle)) {
    shortest =
        (segment->to - segment->from) * static_cast<long double>(kPage) / size_of(segment->range);
  }
  const long double length = std::min(1.0L, std::max(high_ - low_, shortest));
  low_ = std::clamp(middle - length / 2, 0.0L, 1 - length);
  high_ = low_ + length;
}

const ChurnAxis::Segment* ChurnAxis::at(long double where) const {
  for (const Segment& segment : segments_) {
    if (segment.from <= where && where <= segment.to) return &segment;
  }
  return nullptr;
}

long double ChurnAxis::whereOf(const Segment& segment, long double address) const {
  const long double offset = address - static_cast<long double>(segment.range.first.value);
  return segment.from + (segment.to - segment.from) * offset / size_of(segment.range);
}

std::optional<long double> ChurnAxis::whereOf(std::uint64_t address) const {
  for (const Segment& segment : segments_) {
    if (segment.range.contains(Iova{address})) {
      return whereOf(segment, static_cast<long double>(address));
    }
  }
  return std::nullopt;
}

std::optional<double> ChurnAxis::place(std::uint64_t address) const {
  const auto where = whereOf(address);
  if (!where) return std::nullopt;
  return static_cast<double>((*where - low_) / (high_ - low_));
}

std::optional<std::uint64_t> ChurnAxis::address(double place) const {
  const long double where = low_ + (high_ - low_) * static_cast<long double>(place);
  const Segment* segment = at(where);
  if (segment == nullptr) return std::nullopt;
  const long double share = (where - segment->from) / (segment->to - segment->from);
  const long double offset = share * size_of(segment->range);
  const long double most = static_cast<long double>(segment->range.size_minus_one());
  return segment->range.first.value + static_cast<std::uint64_t>(std::min(offset, most));
}

std::vector<ChurnAxis::Band> ChurnAxis::bands() const {
  std::vector<Band> bands;
  for (const Segment& segment : segments_) {
    const long double from = std::max(low_, segment.from), to = std::min(high_, segment.to);
    if (to <= from) continue;
    const long double size = size_of(segment.range), width = segment.to - segment.from;
    const long double most = static_cast<long double>(segment.range.size_minus_one());
    const auto offset = [&](long double where) {
      return static_cast<std::uint64_t>(
          std::clamp((where - segment.from) / width * size, 0.0L, most));
    };
    const std::uint64_t base = segment.range.first.value;
    const std::uint64_t first = base + offset(from) / kPage * kPage;
    std::uint64_t last = (base + offset(to)) | (kPage - 1);
    // The upper edge belongs to the next page, unless the range ends there.
    if (to < segment.to && last - first >= kPage && offset(to) % kPage == 0) last -= kPage;
    last = std::min(last, segment.range.last.value | (kPage - 1));
    const auto share = [&](long double address) {
      return static_cast<double>((whereOf(segment, address) - low_) / (high_ - low_));
    };
    bands.push_back({{{first}, {last}},
                     share(static_cast<long double>(first)),
                     share(static_cast<long double>(last) + 1)});
  }
  return bands;
}

}  // namespace violet::gui
