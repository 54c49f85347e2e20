#include "experiments/guest/dma_domain.hpp"

#include <algorithm>
#include <bit>

#include "engine/base/check.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kLast32 = 0xffffffff;

}  // namespace

DmaDomain::DmaDomain(VirtioIommuDriver& driver, DomainId id, std::unique_ptr<IovaAllocator> iovas,
                     GuestCounters& counters, const DomainOptions& options)
    : driver_(driver),
      id_(id),
      iovas_(std::move(iovas)),
      counters_(counters),
      options_(options),
      shift_(static_cast<unsigned>(std::countr_zero(driver.facts().page_size_mask))),
      granule_(std::uint64_t{1} << shift_),
      page_size_mask_(driver.facts().page_size_mask),
      last_address_(std::min(options.dma_mask, driver.facts().input_range.last.value)),
      below_4g_(options.pci && !options.force_dac && last_address_ > kLast32),
      looks_at_pages_(iovas_->looks_at_pages()) {}

Status DmaDomain::attach(EndpointId endpoint) {
  VIOLET_TRY(driver_.attach(id_, endpoint, false));
  if (endpoints_++ > 0) return {};
  Status replayed;
  mappings_.for_each([&](std::uint64_t pfn, const Mapped& mapped) {
    if (!replayed) return;
    replayed = driver_.map_now(id_, {IovaRange::of(pfn << shift_, mapped.granules << shift_),
                                     {mapped.phys_pfn << shift_},
                                     mapped.permissions});
  });
  return replayed;
}

Status DmaDomain::detach(EndpointId endpoint) {
  VIOLET_CHECK(endpoints_ > 0);
  --endpoints_;
  return driver_.detach(id_, endpoint);
}

// --- iommu_map() and iommu_unmap() ---

bool DmaDomain::map_one(const Mapping& mapping) {
  if (endpoints_ > 0) {
    if (!driver_.add_map(id_, mapping)) return false;
    if (!options_.sync_map && !driver_.sync()) return false;
  }
  const auto& [range, phys, permissions] = mapping;
  const Mapped mapped{(range.size_minus_one() >> shift_) + 1, phys.value >> shift_, permissions};
  [[maybe_unused]] const bool fresh = mappings_.insert(range.first.value >> shift_, mapped).second;
  VIOLET_DCHECK(fresh);
  return true;
}

bool DmaDomain::add_range(const Mapping& mapping) {
  const PhaseScope phase(WorkPhase::kCut);
  const auto& [range, phys, permissions] = mapping;
  const std::uint64_t bytes = range.size_minus_one() + 1;
  std::uint64_t done = 0;
  while (done < bytes) {
    const std::uint64_t at = range.first.value + done;
    const std::uint64_t cut = next_cut(page_size_mask_, at, phys.value + done, bytes - done);
    if (!map_one({IovaRange::of(at, cut), {phys.value + done}, permissions})) {
      if (done > 0) remove_range(range.first, done);
      return false;
    }
    done += cut;
  }
  return true;
}

// viommu_unmap_pages(): an UNMAP must not split what one MAP made, so it removes every mapping that
// begins in the range, whole, and covers what that was. Returns 0 when nothing begins there.
std::uint64_t DmaDomain::unmap_cut(std::uint64_t iova, std::uint64_t bytes) {
  std::uint64_t removed = 0;
  while (removed < bytes) {
    const std::uint64_t pfn = (iova + removed) >> shift_;
    const Mapped* mapped = mappings_.find(pfn);
    if (mapped == nullptr) break;
    removed += mapped->granules << shift_;
    mappings_.erase(pfn);
  }
  if (removed > 0 && endpoints_ > 0) driver_.add_unmap(id_, IovaRange::of(iova, removed));
  return removed;
}

void DmaDomain::remove_range(Iova iova, std::uint64_t bytes) {
  const PhaseScope phase(WorkPhase::kCut);
  std::uint64_t done = 0;
  while (done < bytes) {
    const std::uint64_t at = iova.value + done;
    const std::uint64_t removed = unmap_cut(at, next_cut(page_size_mask_, at, at, bytes - done));
    VIOLET_DCHECK(removed > 0 || driver_.broken());
    if (removed == 0) return;
    done += removed;
  }
}

// --- dma-iommu ---

// `page` is that of an allocator which looks at pages; 0: none.
std::optional<Iova> DmaDomain::allocate_iova(std::uint64_t granules, unsigned cpu,
                                             std::uint64_t page) {
  const PhaseScope phase(WorkPhase::kIovaAllocate);
  ++counters_.iova_allocations;
  const IovaStats before = iovas_->stats();
  const auto allocate = [&](std::uint64_t last, bool flush) {
    if (page != 0) return iovas_->allocate_for(page, granules, last >> shift_, cpu, flush);
    return iovas_->allocate(granules, last >> shift_, cpu, flush);
  };
  std::optional<std::uint64_t> pfn;
  if (below_4g_) {
    pfn = allocate(kLast32, false);
    if (!pfn) below_4g_ = false;
  }
  if (!pfn) pfn = allocate(last_address_, true);
  const IovaStats& after = iovas_->stats();
  counters_.iova_tree_walks += after.tree_allocations - before.tree_allocations;
  counters_.iova_tree_steps += after.tree_steps - before.tree_steps;
  if (!pfn) return std::nullopt;
  return Iova{*pfn << shift_};
}

// The page that a list begins at when its buffers follow one another in memory; else 0.
std::uint64_t DmaDomain::only_run(std::span<const DmaMapping> list) const {
  const std::uint64_t first = list.front().buffer.phys.value >> shift_;
  std::uint64_t next = first;
  for (const DmaMapping& mapping : list) {
    if (mapping.buffer.phys.value >> shift_ != next) return 0;
    next += granules_of(mapping.buffer);
  }
  return first;
}

// iommu_map_sg(): segments that follow one another in memory become one range before it is cut.
bool DmaDomain::map_segments(Iova at, std::span<const DmaMapping> list) {
  const Permissions permissions = permissions_of(list.front().direction);
  std::uint64_t mapped = 0;
  std::uint64_t phys = 0;
  std::uint64_t bytes = 0;
  const auto map_pending = [&] {
    if (bytes == 0) return true;
    if (!add_range({IovaRange::of(at.value + mapped, bytes), {phys}, permissions})) return false;
    mapped += bytes;
    return true;
  };
  for (const DmaMapping& one : list) {
    const DmaBuffer& buffer = one.buffer;
    const std::uint64_t first = buffer.phys.value & ~(granule_ - 1);
    const std::uint64_t length = granules_of(buffer) << shift_;
    if (bytes > 0 && first == phys + bytes) {
      bytes += length;
      continue;
    }
    if (!map_pending()) {
      bytes = 0;
      break;
    }
    phys = first;
    bytes = length;
  }
  if (bytes > 0 && map_pending()) return true;
  if (mapped > 0) remove_range(at, mapped);
  return false;
}

void DmaDomain::fill_in(Iova at, std::span<DmaMapping> list) const {
  for (DmaMapping& mapping : list) {
    mapping.iova = {at.value + offset_of(mapping.buffer.phys.value)};
    mapping.granted = permissions_of(mapping.direction);
    at.value += granules_of(mapping.buffer) << shift_;
  }
}

bool DmaDomain::map_each(Iova at, std::span<DmaMapping> list) {
  std::uint64_t address = at.value;
  for (const DmaMapping& mapping : list) {
    const std::uint64_t bytes = granules_of(mapping.buffer) << shift_;
    if (!add_range({IovaRange::of(address, bytes),
                    {mapping.buffer.phys.value & ~(granule_ - 1)},
                    permissions_of(mapping.direction)})) {
      return false;
    }
    address += bytes;
  }
  if (!driver_.sync()) return false;
  fill_in(at, list);
  return true;
}

bool DmaDomain::map(std::span<DmaMapping> list, unsigned cpu) {
  VIOLET_DCHECK(!list.empty());
  const std::uint64_t granules = granules_of(list);
  const auto first = allocate_iova(granules, cpu, looks_at_pages_ ? only_run(list) : 0);
  if (!first) return false;
  if (!map_segments(*first, list)) {
    // Without an answer the device may have kept something: then the address is not freed.
    if (driver_.sync()) free_iova(*first, granules, cpu);
    return false;
  }
  if (options_.sync_map && !driver_.sync()) return false;
  fill_in(*first, list);
  return true;
}

void DmaDomain::unmap(Iova first, std::uint64_t granules) {
  remove_range({first.value & ~(granule_ - 1)}, granules << shift_);
}

}  // namespace violet
