#include "experiments/guest/iova_rcache.hpp"

#include <algorithm>
#include <bit>

#include "engine/base/check.hpp"

namespace violet {
namespace {

// The class that serves a size; kClasses or more: none does.
unsigned class_of(std::uint64_t granules) {
  return static_cast<unsigned>(std::bit_width(granules - 1));
}

}  // namespace

IovaRcache::IovaRcache(const IovaConfig& config)
    : tree_(config),
      cpus_(std::max(1u, config.cpus)),
      capacity_(std::max(1u, config.magazine_granules)),
      depot_magazines_(config.depot_magazines),
      trim_ticks_(std::max<Ticks>(1, ns_to_ticks(config.depot_trim_ns))),
      caches_(std::size_t{cpus_} * kClasses) {
  for (auto& cache : caches_) {
    cache.loaded = take_empty();
    cache.previous = take_empty();
  }
}

IovaRcache::Magazine IovaRcache::take_empty() {
  if (empty_.empty()) return {0, std::make_unique<std::uint64_t[]>(capacity_)};
  Magazine magazine = std::move(empty_.back());
  empty_.pop_back();
  return magazine;
}

// The newest address that fits below the limit; 0 when there is none. The hole is filled with the
// newest, as the kernel does.
std::uint64_t IovaRcache::pop(Magazine& magazine, std::uint64_t limit_pfn) {
  for (unsigned i = magazine.count; i-- > 0;) {
    const std::uint64_t pfn = magazine.pfns[i];
    if (pfn > limit_pfn) continue;
    magazine.pfns[i] = magazine.pfns[--magazine.count];
    return pfn;
  }
  return 0;
}

// __iova_rcache_get(); `limit_pfn` is the highest first granule that still fits.
std::uint64_t IovaRcache::get(unsigned size_class, std::uint64_t limit_pfn, unsigned cpu) {
  CpuCache& mine = cache(cpu, size_class);
  if (mine.loaded.count == 0) {
    Depot& depot = depots_[size_class];
    if (mine.previous.count != 0) {
      std::swap(mine.loaded, mine.previous);
    } else if (!depot.full.empty()) {
      empty_.push_back(std::move(mine.loaded));
      mine.loaded = std::move(depot.full.back());
      depot.full.pop_back();
    } else {
      return 0;
    }
  }
  return pop(mine.loaded, limit_pfn);
}

// __iova_rcache_insert().
void IovaRcache::put(unsigned size_class, std::uint64_t pfn, unsigned cpu) {
  CpuCache& mine = cache(cpu, size_class);
  if (mine.loaded.count == capacity_) {
    if (mine.previous.count < capacity_) {
      std::swap(mine.loaded, mine.previous);
    } else if (depot_magazines_ != 0 && depots_[size_class].full.size() >= depot_magazines_) {
      return_to_tree(mine.loaded, size_class);
    } else {
      depots_[size_class].full.push_back(std::move(mine.loaded));
      mine.loaded = take_empty();
      arm_trim_ = depot_magazines_ == 0;
    }
  }
  mine.loaded.pfns[mine.loaded.count++] = pfn;
}

std::optional<std::uint64_t> IovaRcache::allocate(std::uint64_t granules, std::uint64_t limit_pfn,
                                                  unsigned cpu, bool flush) {
  VIOLET_DCHECK(cpu < cpus_ && granules > 0);
  const unsigned size_class = class_of(granules);
  if (size_class < kClasses) {
    granules = std::uint64_t{1} << size_class;
    if (limit_pfn < granules) return std::nullopt;
    if (const auto pfn = get(size_class, limit_pfn + 1 - granules, cpu); pfn != 0) return pfn;
  }
  auto pfn = tree_.allocate(granules, limit_pfn, cpu, false);
  if (!pfn && flush) {
    flush_caches();
    pfn = tree_.allocate(granules, limit_pfn, cpu, false);
  }
  return pfn;
}

void IovaRcache::free(std::uint64_t pfn, std::uint64_t granules, unsigned cpu) {
  VIOLET_DCHECK(cpu < cpus_);
  const unsigned size_class = class_of(granules);
  if (size_class < kClasses) {
    put(size_class, pfn, cpu);
  } else {
    tree_.free(pfn, granules, cpu);
  }
}

void IovaRcache::return_to_tree(Magazine& magazine, unsigned size_class) {
  for (unsigned i = 0; i < magazine.count; ++i) {
    tree_.free(magazine.pfns[i], std::uint64_t{1} << size_class, 0);
  }
  magazine.count = 0;
}

void IovaRcache::flush_caches() {
  ++stats_.cache_flushes;
  for (unsigned size_class = 0; size_class < kClasses; ++size_class) {
    for (unsigned cpu = 0; cpu < cpus_; ++cpu) {
      return_to_tree(cache(cpu, size_class).loaded, size_class);
      return_to_tree(cache(cpu, size_class).previous, size_class);
    }
    for (auto& magazine : depots_[size_class].full) {
      return_to_tree(magazine, size_class);
      empty_.push_back(std::move(magazine));
    }
    depots_[size_class].full.clear();
  }
}

// iova_depot_work_func(): one magazine a period while there are more than CPUs.
void IovaRcache::trim(unsigned size_class, Ticks now) {
  Depot& depot = depots_[size_class];
  if (depot.full.size() <= cpus_) {
    depot.next_trim = 0;
    return;
  }
  if (depot.next_trim == 0) {
    depot.next_trim = now + trim_ticks_;
  } else if (now >= depot.next_trim) {
    return_to_tree(depot.full.back(), size_class);
    empty_.push_back(std::move(depot.full.back()));
    depot.full.pop_back();
    depot.next_trim = now + trim_ticks_;
  }
}

void IovaRcache::tick(Ticks now) {
  if (!arm_trim_ && (next_trim_ == 0 || now < next_trim_)) return;
  arm_trim_ = false;
  next_trim_ = 0;
  for (unsigned size_class = 0; size_class < kClasses; ++size_class) {
    trim(size_class, now);
    const Ticks due = depots_[size_class].next_trim;
    if (due != 0 && (next_trim_ == 0 || due < next_trim_)) next_trim_ = due;
  }
}

const IovaStats& IovaRcache::stats() const {
  stats_.tree_allocations = tree_.stats().tree_allocations;
  stats_.tree_steps = tree_.stats().tree_steps;
  return stats_;
}

}  // namespace violet
