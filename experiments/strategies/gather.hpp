// A gather collects the unmapped ranges of one call, and ends them together: one UNMAP for each run of addresses that
// follow one another, and one wait (iommu_iotlb_gather of Linux, with ranges in the place of pages).
//
// Threading: owner-only: the guest lcore.
// Invariants: between two calls nothing is gathered; an address is freed only after its UNMAP is back.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "experiments/strategies/basic_strategy.hpp"

namespace violet {

class Gather {
 public:
  void add(const MappedRange& range) {
    ranges_.push_back(range);
    granules_ += range.granules;
  }
  bool empty() const { return ranges_.empty(); }
  std::uint64_t granules() const { return granules_; }
  std::span<const MappedRange> ranges() const { return ranges_; }

  // Queues the UNMAPs; `domain_of` gives an endpoint's domain. Then wait, do what is to be done with ranges(), clear().
  template <class DomainOf>
  void unmap(DomainOf&& domain_of) {
    std::sort(ranges_.begin(), ranges_.end(), [](const MappedRange& a, const MappedRange& b) {
      return a.endpoint != b.endpoint ? a.endpoint < b.endpoint : a.first < b.first;
    });
    for (std::size_t begin = 0; begin < ranges_.size();) {
      const MappedRange& first = ranges_[begin];
      DmaDomain& domain = domain_of(first.endpoint);
      std::uint64_t granules = 0;
      std::size_t end = begin;
      do {
        granules += ranges_[end++].granules;
      } while (end < ranges_.size() && ranges_[end].endpoint == first.endpoint &&
               ranges_[end].first.value == first.first.value + granules * domain.granule());
      domain.unmap_at_once(first.first, granules);
      begin = end;
    }
  }
  void clear() {
    ranges_.clear();
    granules_ = 0;
  }

 private:
  std::vector<MappedRange> ranges_;
  std::uint64_t granules_ = 0;
};

}  // namespace violet
