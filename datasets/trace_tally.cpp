#include "datasets/trace_tally.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace violet::datasets {

void TraceTally::add(const TraceRecord& record) {
  ++counts_.record_count;
  counts_.time_span_ns = record.time_ns;
  const std::uint64_t call = record.chained() ? 0 : 1;
  if (record.op == TraceOp::kAccess) {
    ++counts_.access_records;
  } else if (record.op == TraceOp::kUnmap) {
    ++counts_.unmap_records;
    counts_.unmap_calls += call;
    --counts_.live_at_end;
    live_bytes_ -= record.bytes;
  } else {
    ++counts_.map_records;
    counts_.map_calls += call;
    ++counts_.live_at_end;
    live_bytes_ += record.bytes;
    counts_.peak_live_bytes = std::max(counts_.peak_live_bytes, live_bytes_);
    counts_.highest_phys = std::max(counts_.highest_phys, record.page + record.bytes);
    auto& longest = buffers_[record.page];
    longest = std::max(longest, record.bytes);
  }
}

std::uint64_t TraceTally::covered_pages() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;  // first and last page number
  runs.reserve(buffers_.size());
  for (const auto& [page, bytes] : buffers_) {
    runs.emplace_back(page >> 12, (page + (bytes - 1)) >> 12);
  }
  std::sort(runs.begin(), runs.end());
  std::uint64_t pages = 0;
  std::uint64_t next = 0;  // first page number not counted yet
  for (const auto& [first, last] : runs) {
    const auto from = std::max(first, next);
    if (last < from) continue;
    pages += last - from + 1;
    next = last + 1;
  }
  return pages;
}

void TraceTally::fill(TraceHeader& header) const {
  header.record_count = counts_.record_count;
  header.map_records = counts_.map_records;
  header.unmap_records = counts_.unmap_records;
  header.access_records = counts_.access_records;
  header.map_calls = counts_.map_calls;
  header.unmap_calls = counts_.unmap_calls;
  header.live_at_end = counts_.live_at_end;
  header.time_span_ns = counts_.time_span_ns;
  header.distinct_buffers = buffers_.size();
  header.covered_pages = covered_pages();
  header.highest_phys = counts_.highest_phys;
  header.peak_live_bytes = counts_.peak_live_bytes;
}

}  // namespace violet::datasets
