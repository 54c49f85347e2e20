#include "experiments/query/lost_times.hpp"

#include <algorithm>

#include "experiments/query/column_sums.hpp"

namespace violet::query {

LostTimes::LostTimes(const CellData& cell, TimeWindow window) {
  if (cell.events == nullptr || window.to <= window.from) return;
  std::vector<TimeWindow> all;
  const auto add = [&](Ticks from, Ticks to) {
    const Nanos begin = cell.base.nanos(from);
    all.push_back({begin, std::max(cell.base.nanos(to), begin + 1)});
  };
  for (const KeptEvents::Gap& gap : all_gaps(cell)) add(gap.from, gap.to);
  std::erase_if(
      all, [&](const TimeWindow& one) { return one.to <= window.from || window.to <= one.from; });
  std::sort(all.begin(), all.end(),
            [](const TimeWindow& a, const TimeWindow& b) { return a.from < b.from; });
  for (const TimeWindow& one : all) {
    if (!times_.empty() && one.from <= times_.back().to) {
      times_.back().to = std::max(times_.back().to, one.to);
    } else {
      times_.push_back(one);
    }
  }
}

namespace {

// As far as anything was recorded.
TimeWindow recorded_of(const CellData& cell, TimeWindow about) {
  const Nanos end = std::max<Nanos>(0, cell.info.whole.to);
  const Nanos from = std::clamp<Nanos>(about.from, 0, end);
  return {from, std::clamp(about.to, from, end)};
}

}  // namespace

bool all_missing(const CellData& cell, const Resolution& resolution) {
  return resolution.missing > 0 &&
         resolution.missing >= recorded_of(cell, resolution.about).length();
}

Nanos missing_of(const CellData& cell, const Resolution& resolution) {
  const TimeWindow about = recorded_of(cell, resolution.about);
  if (about.length() <= 0) return 0;
  Nanos missing = 0;
  if (resolution.exact()) {
    missing = about.length();
    LostTimes(cell, about).for_seen(about.from, about.to, [&](Nanos from, Nanos to) {
      missing -= to - from;
    });
    return missing;
  }
  for_buckets(cell, about, [&](std::size_t, const PyramidBucket& bucket, Nanos from, Nanos to) {
    if (bucket.gap == 0) return;
    missing += std::max<Nanos>(0, std::min(to, about.to) - std::max(from, about.from));
  });
  return missing;
}

}  // namespace violet::query
