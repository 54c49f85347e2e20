#include "experiments/trace/pyramid_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/trace/life_table.hpp"

namespace violet::results {
namespace {

constexpr unsigned kMostCheckedShift = 63;

// `key(item)` must not fall and stay below `end`.
template <class Items, class Key>
bool ordered(const Items& items, std::uint64_t end, Key&& key) {
  std::uint64_t last = 0;
  for (const auto& item : items) {
    const std::uint64_t here = key(item);
    if (here < last || here >= end) return false;
    last = here;
  }
  return true;
}

bool good_bins(std::span<const BinCell> cells, std::size_t buckets) {
  return ordered(cells, buckets, [](const BinCell& cell) { return cell.bucket; }) &&
         std::all_of(cells.begin(), cells.end(), [](const BinCell& cell) {
           return cell.bin < LogBins::kCount && cell.endpoint <= kOtherEndpoint;
         });
}

bool good_level(const LevelStats& level) {
  return std::isfinite(level.integral) && level.integral >= 0;
}

bool good_bucket(const PyramidBucket& bucket) {
  return good_level(bucket.stale) && good_level(bucket.live) &&
         std::all_of(bucket.timed.begin(), bucket.timed.end(),
                     [](const TimedStats& stats) { return std::isfinite(stats.sum); });
}

bool good_facts(const PyramidFacts& facts) {
  const bool shifts =
      std::all_of(std::begin(facts.grids), std::end(facts.grids), [](const ChurnGridShape& grid) {
        return grid.time_shift <= kMostCheckedShift && grid.page_shift <= 52;
      });
  return shifts && facts.shift <= kMostCheckedShift && std::isfinite(facts.ns_per_tick) &&
         facts.ns_per_tick > 0 && facts.faults_thinned > 0;
}

bool inside(const Checkpoint::Slice& slice, std::size_t size) {
  return slice.first <= size && slice.count <= size - slice.first;
}

bool good_lives(std::span<const LifeRecord> lives) {
  std::uint64_t pages = 0;
  for (const LifeRecord& life : lives) {
    if (life.pages == 0 || life.pages > LifeLimits().call_pages ||
        life.first > kLastGranule - (life.pages - 1)) {
      return false;
    }
    pages += life.pages;
  }
  // Persistent ones count as well, and may overlap.
  return pages <= 4 * LifeLimits().pages;
}

bool good_checkpoint(const PyramidView& pyramid, const Checkpoint& at) {
  if (!inside(at.lives, pyramid.lives.size()) || !inside(at.pages, pyramid.pages.size()) ||
      !inside(at.flights, pyramid.flights.size()) ||
      !inside(at.mappings, pyramid.mappings.size()) ||
      !inside(at.attached, pyramid.attached.size()) ||
      !good_lives(pyramid.lives.subspan(at.lives.first, at.lives.count))) {
    return false;
  }
  const auto pages = pyramid.pages.subspan(at.pages.first, at.pages.count);
  const auto mappings = pyramid.mappings.subspan(at.mappings.first, at.mappings.count);
  const auto flights = pyramid.flights.subspan(at.flights.first, at.flights.count);
  return std::all_of(pages.begin(), pages.end(),
                     [&](const PageRecord& page) {
                       return page.life < at.lives.count && page.state >= 1 && page.state <= 3;
                     }) &&
         std::all_of(mappings.begin(), mappings.end(),
                     [](const MappingRecord& one) { return one.first <= one.last; }) &&
         std::all_of(flights.begin(), flights.end(), [](const FlightRecord& one) {
           return one.first <= one.last && one.last <= kLastGranule;
         });
}

bool good_churn(const PyramidView& pyramid) {
  for (std::size_t i = 0; i < kChurnGrids; ++i) {
    const auto in_order = ordered(pyramid.churn[i], std::uint64_t{1} << 32,
                                  [](const ChurnCell& cell) { return std::uint64_t{cell.column}; });
    const auto numbers =
        std::all_of(pyramid.churn[i].begin(), pyramid.churn[i].end(), [](const ChurnCell& cell) {
          return std::isfinite(cell.live) && std::isfinite(cell.stale);
        });
    const auto spans = std::all_of(pyramid.spans[i].begin(), pyramid.spans[i].end(),
                                   [](const ChurnSpan& span) { return span.from <= span.to; });
    if (!in_order || !numbers || !spans) return false;
  }
  return true;
}

}  // namespace

std::string flaw_of(const PyramidView& pyramid) {
  if (!good_facts(pyramid.facts)) return "numbers that cannot be";
  const std::size_t buckets = pyramid.buckets.size();
  if (buckets == 0 || buckets > kMostBuckets) return fmt::format("{} buckets", buckets);
  if (pyramid.endpoints.size() > kOtherEndpoint) return "too many endpoints";
  if (!std::all_of(pyramid.buckets.begin(), pyramid.buckets.end(), good_bucket)) {
    return "a bucket with numbers that cannot be";
  }
  for (const auto& cells : pyramid.latencies) {
    if (!good_bins(cells, buckets)) return "latencies out of order";
  }
  if (!good_bins(pyramid.windows, buckets)) return "windows out of order";
  if (!ordered(pyramid.gauges, buckets, [](const GaugeCell& cell) { return cell.bucket; })) {
    return "gauges out of order";
  }
  if (!good_churn(pyramid)) return "churn out of order";
  const auto end = ~std::uint64_t{0};
  if (!ordered(pyramid.checkpoints, end, [](const Checkpoint& one) { return one.at; }) ||
      !ordered(pyramid.probes, end, [](const ProbeRecord& one) { return one.at; }) ||
      !ordered(pyramid.faults, end, [](const FaultRecord& one) { return one.at; }) ||
      !ordered(pyramid.used, end, [](const UsedRange& one) { return one.first; }) ||
      !ordered(pyramid.first_maps, end, [](const FirstMap& one) { return one.granule; })) {
    return "moments out of order";
  }
  const bool used = std::all_of(pyramid.used.begin(), pyramid.used.end(), [](const UsedRange& one) {
    return one.first <= one.last && one.last <= kLastGranule;
  });
  if (!used) return "ranges that end before they begin";
  for (const Checkpoint& checkpoint : pyramid.checkpoints) {
    if (!good_checkpoint(pyramid, checkpoint)) return "a state that cannot be";
  }
  return {};
}

}  // namespace violet::results
