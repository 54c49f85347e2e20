#include "experiments/strategies/bounce_pool.hpp"

#include <bit>

#include "engine/base/check.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kGranulesPerSlotIndex = 255;  // 1 + 2 + 4 + ... + 128.

}  // namespace

BouncePool::BouncePool(DmaDomain& domain, GuestPages& pages, std::uint32_t slots, Iova start)
    : domain_(domain),
      pages_(pages),
      slots_(slots),
      end_(start.value / domain.granule() + kGranulesPerSlotIndex * slots),
      start_(start.value / domain.granule()) {}

Result<std::unique_ptr<BouncePool>> BouncePool::create(DmaDomain& domain, GuestPages& pages,
                                                       std::uint32_t slots, unsigned cpu) {
  const std::uint64_t half_the_space = domain.addressable_granules() / 2;
  for (std::uint32_t fits = slots; fits > 0; fits /= 2) {
    if (kGranulesPerSlotIndex * fits > half_the_space) continue;
    const auto start = domain.allocate_iova(kGranulesPerSlotIndex * fits, cpu);
    if (start) {
      return std::unique_ptr<BouncePool>(new BouncePool(domain, pages, fits, *start));
    }
  }
  return fail("the device's address space has no room for a bounce pool");
}

unsigned BouncePool::class_for(std::uint64_t bytes) const {
  const std::uint64_t granules = (bytes + domain_.granule() - 1) / domain_.granule();
  return static_cast<unsigned>(std::bit_width(granules - 1));
}

unsigned BouncePool::page_order(unsigned size_class) const {
  const auto per_granule = domain_.granule() >> GuestPages::kPageShift;
  return size_class + static_cast<unsigned>(std::countr_zero(per_granule));
}

// From the end: class 0 takes the last `slots` granules, class 1 the 2 * slots before, and so on.
Iova BouncePool::address(unsigned size_class, std::uint32_t index) const {
  const std::uint64_t class_start = end_ - (2 * granules(size_class) - 1) * slots_;
  return {(class_start + (std::uint64_t{index} << size_class)) * domain_.granule()};
}

BouncePool::Slot BouncePool::describe(unsigned size_class, std::uint32_t index, bool fresh) const {
  const Entry& entry = classes_[size_class].entries[index];
  return {address(size_class, index), entry.phys, entry.host, size_class, index, fresh};
}

std::optional<BouncePool::Slot> BouncePool::find(Iova iova) const {
  const std::uint64_t granule = iova.value / domain_.granule();
  if (granule < start_ || granule >= end_) return std::nullopt;
  const std::uint64_t from_end = (end_ - 1 - granule) / slots_;  // 0 .. 254
  const auto size_class = static_cast<unsigned>(std::bit_width(from_end + 1)) - 1;
  const std::uint64_t class_start = end_ - (2 * granules(size_class) - 1) * slots_;
  const auto index = static_cast<std::uint32_t>((granule - class_start) >> size_class);
  const Class& pool = classes_[size_class];
  if (index >= pool.high_water || pool.entries[index].host == nullptr) return std::nullopt;
  return describe(size_class, index, false);
}

std::uint32_t BouncePool::take_empty(Class& pool) {
  if (pool.empty != kNone) {
    const std::uint32_t index = pool.empty;
    pool.empty = pool.entries[index].next;
    return index;
  }
  if (!pool.entries) pool.entries = std::make_unique<Entry[]>(slots_);
  return pool.high_water < slots_ ? pool.high_water++ : kNone;
}

std::optional<BouncePool::Slot> BouncePool::acquire(unsigned size_class, Permissions permissions) {
  Class& pool = classes_[size_class];
  std::uint32_t& cached = pool.cached[static_cast<std::size_t>(permissions)];
  if (cached != kNone) {
    const std::uint32_t index = cached;
    cached = pool.entries[index].next;
    pool.entries[index].idle = false;
    return describe(size_class, index, false);
  }
  const std::uint32_t index = take_empty(pool);
  if (index == kNone) return std::nullopt;
  Entry& entry = pool.entries[index];
  const auto block = pages_.allocate(page_order(size_class));
  if (!block) {
    entry.next = pool.empty;
    pool.empty = index;
    return std::nullopt;
  }
  entry = {*block, pages_.host(*block, bytes(size_class)), kNone, permissions, false};
  return describe(size_class, index, true);
}

bool BouncePool::map_fresh(const Slot& slot) {
  const Entry& entry = classes_[slot.size_class].entries[slot.index];
  mapped_bytes_ += bytes(slot.size_class);
  const auto range = IovaRange::of(slot.iova.value, bytes(slot.size_class));
  return domain_.add_range({range, entry.phys, entry.permissions}) && domain_.sync();
}

void BouncePool::release(const Slot& slot) {
  Class& pool = classes_[slot.size_class];
  Entry& entry = pool.entries[slot.index];
  std::uint32_t& cached = pool.cached[static_cast<std::size_t>(entry.permissions)];
  entry.next = cached;
  cached = slot.index;
}

// Takes what was idle already off one cache onto `doomed` and marks the rest.
std::uint32_t BouncePool::evict_cache(unsigned size_class, std::uint32_t& head,
                                      std::uint32_t& doomed) {
  Entry* entries = classes_[size_class].entries.get();
  std::uint32_t evicted = 0;
  for (std::uint32_t* link = &head; *link != kNone;) {
    const std::uint32_t index = *link;
    Entry& entry = entries[index];
    if (!entry.idle) {
      entry.idle = true;
      link = &entry.next;
      continue;
    }
    *link = entry.next;
    entry.next = doomed;
    doomed = index;
    domain_.remove_range(address(size_class, index), bytes(size_class));
    ++evicted;
  }
  return evicted;
}

// The device cannot reach these any more: their memory goes back.
void BouncePool::free_doomed(unsigned size_class, std::uint32_t doomed) {
  Class& pool = classes_[size_class];
  while (doomed != kNone) {
    Entry& entry = pool.entries[doomed];
    const std::uint32_t next = entry.next;
    pages_.free(entry.phys, page_order(size_class));
    mapped_bytes_ -= bytes(size_class);
    entry = {};
    entry.next = pool.empty;
    pool.empty = doomed;
    doomed = next;
  }
}

std::uint32_t BouncePool::evict() {
  std::uint32_t evicted = 0;
  std::array<std::uint32_t, kClasses> doomed;
  doomed.fill(kNone);
  for (unsigned size_class = 0; size_class < kClasses; ++size_class) {
    for (std::uint32_t& head : classes_[size_class].cached) {
      evicted += evict_cache(size_class, head, doomed[size_class]);
    }
  }
  if (evicted == 0) return 0;
  if (!domain_.sync()) return 0;  // They may still be reachable: lost rather than reused.
  for (unsigned size_class = 0; size_class < kClasses; ++size_class) {
    free_doomed(size_class, doomed[size_class]);
  }
  return evicted;
}

}  // namespace violet
