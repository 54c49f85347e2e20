#include "experiments/guest/iova_tree.hpp"

#include <algorithm>
#include <bit>

#include "engine/base/check.hpp"

namespace violet {

IovaTree::IovaTree(const IovaConfig& config)
    : start_pfn_(std::max<std::uint64_t>(1, config.aperture.first.value >> config.granule_shift)),
      last_pfn_(config.aperture.last.value >> config.granule_shift),
      dma_32bit_pfn_(std::uint64_t{1} << (32 - config.granule_shift)),
      max32_size_(dma_32bit_pfn_) {
  for (const IovaRange& range : config.reserved) {
    reserve(range.first.value >> config.granule_shift, range.last.value >> config.granule_shift);
  }
}

// Takes [low, high] out of the space for good; merges with what it overlaps (reserve_iova()).
void IovaTree::reserve(std::uint64_t low, std::uint64_t high) {
  auto above = tree_.first_at_or_above(low);
  if (const auto below = tree_.below(above);
      below != RangeTree::kNone && tree_.high(below) >= low) {
    low = tree_.low(below);
    above = below;
  }
  while (above != RangeTree::kAnchor && tree_.low(above) <= high) {
    high = std::max(high, tree_.high(above));
    const auto next = tree_.above(above);
    tree_.erase(above);
    --reserved_;
    above = next;
  }
  tree_.insert_below(above, low, high);
  ++reserved_;
}

// First fit below min(end, `from`), walking down until below `floor`.
std::optional<IovaTree::Fit> IovaTree::search_down(RangeTree::Index from, std::uint64_t end,
                                                   std::uint64_t floor, std::uint64_t granules) {
  const std::uint64_t align_mask = ~(std::bit_ceil(granules) - 1);
  RangeTree::Index above = from;
  while (true) {
    ++stats_.tree_steps;
    end = std::min(end, tree_.low(above));
    if (end < granules) return std::nullopt;
    const std::uint64_t candidate = (end - granules) & align_mask;
    if (candidate < floor) return std::nullopt;
    const RangeTree::Index below = tree_.below(above);
    if (below == RangeTree::kNone || candidate > tree_.high(below)) return Fit{candidate, above};
    above = below;
  }
}

std::optional<IovaTree::Fit> IovaTree::find_fit(std::uint64_t granules, std::uint64_t end) {
  const bool below_4g = end <= dma_32bit_pfn_;
  const RangeTree::Index from = below_4g ? cached32_ : cached_;
  if (auto fit = search_down(from, end, start_pfn_, granules)) return fit;
  // Everything below the cached node is full: once more from the top, down to where it began.
  const std::uint64_t began = tree_.high(from);
  if (began >= end) return std::nullopt;
  return search_down(tree_.first_at_or_above(end), end, began + 1, granules);
}

std::optional<std::uint64_t> IovaTree::allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                                unsigned /*cpu*/, bool /*flush*/) {
  const std::uint64_t end = std::min(limit_pfn, last_pfn_) + 1;
  VIOLET_DCHECK(granules > 0 && granules <= std::uint64_t{1} << 51);
  if (end <= dma_32bit_pfn_ && granules >= max32_size_) {
    return std::nullopt;
  }
  const auto fit = find_fit(granules, end);
  if (!fit) {
    // Only a search of all of it says anything about the space below 4 GiB.
    if (end >= std::min(dma_32bit_pfn_, last_pfn_ + 1)) {
      max32_size_ = std::min(max32_size_, granules);
    }
    return std::nullopt;
  }
  const auto node = tree_.insert_below(fit->above, fit->pfn, fit->pfn + granules - 1);
  (tree_.high(node) < dma_32bit_pfn_ ? cached32_ : cached_) = node;
  ++stats_.tree_allocations;
  return fit->pfn;
}

bool IovaTree::take(std::uint64_t pfn, std::uint64_t granules) {
  if (pfn < start_pfn_ || pfn > last_pfn_ || granules > last_pfn_ - pfn + 1) return false;
  const auto above = tree_.first_at_or_above(pfn);
  if (above != RangeTree::kAnchor && tree_.low(above) < pfn + granules) return false;
  const auto below = tree_.below(above);
  if (below != RangeTree::kNone && tree_.high(below) >= pfn) return false;
  tree_.insert_below(above, pfn, pfn + granules - 1);
  return true;
}

// First fit of [from, end), walking up.
std::optional<IovaTree::Fit> IovaTree::search_up(std::uint64_t from, std::uint64_t end,
                                                 std::uint64_t granules) {
  const std::uint64_t align = std::bit_ceil(granules) - 1;
  const auto aligned = [align](std::uint64_t pfn) { return (pfn + align) & ~align; };
  std::uint64_t pfn = aligned(std::max(from, start_pfn_));
  auto above = tree_.first_at_or_above(pfn);
  if (const auto below = tree_.below(above); below != RangeTree::kNone) {
    pfn = std::max(pfn, aligned(tree_.high(below) + 1));
  }
  while (pfn < end && granules <= end - pfn) {
    ++stats_.tree_steps;
    if (above == RangeTree::kAnchor || pfn + granules <= tree_.low(above)) return Fit{pfn, above};
    pfn = std::max(pfn, aligned(tree_.high(above) + 1));
    above = tree_.above(above);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> IovaTree::allocate_upwards(std::uint64_t from, std::uint64_t granules,
                                                        std::uint64_t limit_pfn) {
  const std::uint64_t end = std::min(limit_pfn, last_pfn_) + 1;
  auto fit = search_up(from, end, granules);
  if (!fit) fit = search_up(0, end, granules);
  if (!fit) return std::nullopt;
  tree_.insert_below(fit->above, fit->pfn, fit->pfn + granules - 1);
  return fit->pfn;
}

// A search must begin above anything that was freed (__cached_rbnode_delete_update()).
void IovaTree::remember_freed(RangeTree::Index node) {
  const std::uint64_t low = tree_.low(node);
  if (low < dma_32bit_pfn_) max32_size_ = dma_32bit_pfn_;
  if (node == cached32_ || (tree_.high(node) < dma_32bit_pfn_ && low >= tree_.low(cached32_))) {
    cached32_ = tree_.above(node);
  }
  if (low >= tree_.low(cached_)) cached_ = tree_.above(node);
}

void IovaTree::free(std::uint64_t pfn, std::uint64_t granules, unsigned /*cpu*/) {
  const auto node = tree_.find(pfn);
  VIOLET_CHECK(node != RangeTree::kNone && tree_.low(node) == pfn &&
               tree_.high(node) == pfn + granules - 1);  // free() gets what allocate() gave.
  remember_freed(node);
  tree_.erase(node);
}

}  // namespace violet
