// A trace tally counts what a header says about its records, one record at a time. The writer fills the header
// with it and the validator checks the header by it, so that both mean the same.
//
// Threading: owner-only.
// Limits: memory grows with the number of different buffers, not with the number of records.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "datasets/trace_format.hpp"

namespace violet::datasets {

class TraceTally {
 public:
  // Precondition: maps and unmaps are balanced as validate_trace() demands.
  void add(const TraceRecord& record);
  // Fills the counting fields of `header` and leaves the rest.
  void fill(TraceHeader& header) const;

 private:
  std::uint64_t covered_pages() const;

  TraceHeader counts_{};
  std::uint64_t live_bytes_ = 0;
  // Longest buffer that begins at each address.
  std::unordered_map<std::uint64_t, std::uint32_t> buffers_;
};

}  // namespace violet::datasets
