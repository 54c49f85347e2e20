// The reuse meter tells a strict guest from a lazy one by which IOVA comes back. A strict guest frees an IOVA as soon
// as its unmap is done, onto a per-CPU stack of its size class, so that the next map of that size takes
// the one freed last; a lazy one parks it in a flush queue of 256 entries or 10 ms first (reference:
// linux-dma, 3.2 and 3.3). The meter keeps such stacks and counts how often a map pops the top of one.
//
// Threading: owner-only.
// Limits: a heuristic; many CPUs blur it, which kNearTop allows for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "datasets/trace_format.hpp"

namespace violet::datasets {

class ReuseMeter {
 public:
  void unmapped(std::uint64_t iova, std::uint64_t bytes);
  void mapped(std::uint64_t iova);
  TraceMode mode() const;
  std::string evidence() const;  // one clause, with the numbers

 private:
  static constexpr std::size_t kNearTop = 8;
  static constexpr std::size_t kMaxDepth = 1024;
  static constexpr std::uint64_t kEnoughMaps = 200;

  bool take(std::vector<std::uint64_t>& stack, std::uint64_t iova);

  std::array<std::vector<std::uint64_t>, 65> freed_;  // by ceil(log2(bytes)), the top at the back
  std::uint64_t unmaps_ = 0;
  std::uint64_t maps_ = 0;
  std::uint64_t from_top_ = 0;
};

}  // namespace violet::datasets
