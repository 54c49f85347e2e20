// A window's parts are what the summary answers of it, the whole buckets inside, and its two edges, which are read
// event by event: so that an answer is about the window, and nothing that lies beyond it is mixed in.
//
// Threading: pure function.
// Invariants: an edge whose events are not there has its bucket counted whole, and `resolution.about` says so. A
// window of the measured time alone has no bucket that holds something else: that one is left out.
#pragma once

#include "experiments/query/column_sums.hpp"

namespace violet::query {

// So many events of an edge are read one by one, or replayed.
inline constexpr std::uint64_t kMostOfAnEdge = 150'000;

struct WindowParts {
  BucketRange buckets;    // Between the edges that could be read.
  Resolution resolution;  // `missing` is the asker's.
  // Of a window that lies in one bucket, and reaches neither its border nor its events.
  bool nothing() const { return resolution.about.to <= resolution.about.from; }
};

inline std::string why_no_parts() {
  return "the summary does not tell this time from what lies beside the measured time";
}

// `read(part)` counts what the events say of an edge; false, and nothing counted: they are not there.
template <class Read>
WindowParts split_window(const CellData& cell, TimeWindow window, Read&& read) {
  WindowParts parts{buckets_in(cell, window), {window, bucket_ns(cell)}};
  BucketRange& buckets = parts.buckets;
  if (buckets.first >= buckets.end) return parts;
  TimeWindow& about = parts.resolution.about;
  const TimeWindow first = time_of_bucket(cell, buckets.first),
                   last = time_of_bucket(cell, buckets.end - 1), measured = cell.info.measured;
  const bool of_measured = measured.from <= window.from && window.to <= measured.to;
  const auto mixes = [&](TimeWindow bucket) {
    return of_measured && (bucket.from < measured.from || measured.to < bucket.to);
  };
  about = {first.from, last.to};
  const bool cuts_first = first.from < window.from, cuts_last = window.to < last.to;
  if (buckets.first + 1 == buckets.end) {
    if (!cuts_first && !cuts_last) return parts;
    if (read(window)) {
      parts.resolution = {window, {}};
      buckets.end = buckets.first;
    } else if (mixes(first)) {
      about.to = about.from;
      buckets.end = buckets.first;
    }
    return parts;
  }
  if (cuts_first) {
    const bool known = read(TimeWindow{window.from, first.to});
    if (known || mixes(first)) ++buckets.first;
    if (known || mixes(first)) about.from = known ? window.from : first.to;
  }
  if (cuts_last) {
    const bool known = read(TimeWindow{last.from, window.to});
    if (known || mixes(last)) --buckets.end;
    if (known || mixes(last)) about.to = known ? window.to : last.from;
  }
  if (buckets.first >= buckets.end && !parts.nothing()) parts.resolution.bin.reset();
  return parts;
}

}  // namespace violet::query
