#include "datasets/reuse_meter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace violet::datasets {

void ReuseMeter::unmapped(std::uint64_t iova, std::uint64_t bytes) {
  auto& stack = freed_[static_cast<std::size_t>(std::bit_width(bytes - 1))];
  if (stack.size() == kMaxDepth) stack.erase(stack.begin(), stack.begin() + kMaxDepth / 2);
  stack.push_back(iova);
  ++unmaps_;
}

bool ReuseMeter::take(std::vector<std::uint64_t>& stack, std::uint64_t iova) {
  const auto depth = std::min(kNearTop, stack.size());
  const auto found =
      std::find(stack.rbegin(), stack.rbegin() + static_cast<std::ptrdiff_t>(depth), iova);
  if (found == stack.rbegin() + static_cast<std::ptrdiff_t>(depth)) return false;
  stack.erase(std::next(found).base());
  return true;
}

void ReuseMeter::mapped(std::uint64_t iova) {
  if (unmaps_ == 0) return;  // nothing to take yet
  ++maps_;
  for (auto& stack : freed_) {
    if (!take(stack, iova)) continue;
    ++from_top_;
    return;
  }
}

TraceMode ReuseMeter::mode() const {
  if (maps_ < kEnoughMaps) return TraceMode::kUnknown;
  if (from_top_ * 2 >= maps_) return TraceMode::kStrict;
  return from_top_ * 5 <= maps_ ? TraceMode::kLazy : TraceMode::kUnknown;
}

std::string ReuseMeter::evidence() const {
  if (maps_ < kEnoughMaps) {
    return fmt::format("too few maps after an unmap to tell ({}, {} needed)", maps_, kEnoughMaps);
  }
  return fmt::format(
      "{:.1f} % of {} maps took one of the {} IOVAs of their size that were freed last "
      "(strict: 50 % or more, lazy: 20 % or less)",
      100.0 * static_cast<double>(from_top_) / static_cast<double>(maps_), maps_, kNearTop);
}

}  // namespace violet::datasets
