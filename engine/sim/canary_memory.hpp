// Canary memory hands out each guest page once and never again: a write to a page after the answer
// to the request that unmapped it breaks C1, whatever the reason.
//
// Threading: owner-only.
// Limits: pages are numbers; no bytes are moved, a copy is the check that it may happen.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/types.hpp"

namespace violet {

class CanaryMemory {
 public:
  static constexpr std::uint64_t kPageBytes = 4096;

  struct Page {
    std::uint64_t iova;         // Where it is mapped, page-aligned.
    std::uint64_t mapping;      // Which MAP, counted from 1.
    std::uint64_t domain_life;  // Which incarnation of a domain.
    std::uint32_t permissions;
    bool poisoned;
  };

  // `count` fresh consecutive pages; the address of the first.
  std::uint64_t hand_out(std::uint64_t count, Page first) {
    const std::uint64_t phys = pages_.size() * kPageBytes;
    for (std::uint64_t i = 0; i < count; ++i) {
      pages_.push_back(first);
      first.iova += kPageBytes;
    }
    return phys;
  }
  void poison(std::uint64_t phys, std::uint64_t bytes) {
    for (std::uint64_t at = phys; at < phys + bytes; at += kPageBytes) page_at(at)->poisoned = true;
  }
  // Null where no page was ever handed out.
  Page* page_at(std::uint64_t phys) {
    const std::uint64_t number = phys / kPageBytes;
    return number < pages_.size() ? &pages_[number] : nullptr;
  }
  std::size_t pages() const { return pages_.size(); }

 private:
  std::vector<Page> pages_;
};

}  // namespace violet
