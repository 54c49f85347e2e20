#include "experiments/trace/page_history.hpp"

#include <algorithm>
#include <bit>

namespace violet {
namespace {

constexpr std::uint64_t kRegionPages = 512;

template <class Words>
UsedRange used_of(std::uint64_t region, const Words& words) {
  std::uint64_t first = kRegionPages, last = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == 0) continue;
    first = std::min(first, i * 64 + static_cast<unsigned>(std::countr_zero(words[i])));
    last = i * 64 + 63 - static_cast<unsigned>(std::countl_zero(words[i]));
  }
  return {region * kRegionPages + first, region * kRegionPages + last};
}

}  // namespace

std::vector<UsedRange> PageHistory::used() const {
  std::vector<UsedRange> all;
  regions_.for_each([&](std::uint64_t key, const Region& region) {
    const bool any = std::any_of(region.mapped.begin(), region.mapped.end(),
                                 [](auto word) { return word != 0; });
    // Without the domain: 43 bits of a 52 bit page number.
    if (any) all.push_back(used_of(key & ((std::uint64_t{1} << 43) - 1), region.mapped));
  });
  std::sort(all.begin(), all.end(),
            [](const UsedRange& a, const UsedRange& b) { return a.first < b.first; });
  std::vector<UsedRange> merged;
  for (const UsedRange& range : all) {
    if (!merged.empty() && range.first <= merged.back().last + kRegionPages) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

}  // namespace violet
