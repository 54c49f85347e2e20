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
      below_4g_(options.pci && !options.force_dac && last_address_ > kLast32) {}

Status DmaDomain::attach(EndpointId endpoint) {
  VIOLET_TRY(driver_.attach(id_, endpoint, false));
  if (endpoints_++ > 0) return {};
  Status replayed;
  mappings_.for_each([&](std::uint64_t pfn, const Mapping& mapping) {
    if (!replayed) return;
    replayed = driver_.map_now(id_, IovaRange::of(pfn << shift_, mapping.granules << shift_),
                               {mapping.phys_pfn << shift_}, mapping.permissions);
  });
  return replayed;
}

Status DmaDomain::detach(EndpointId endpoint) {
  VIOLET_CHECK(endpoints_ > 0);
  --endpoints_;
  return driver_.detach(id_, endpoint);
}

// --- iommu_map() and iommu_unmap() ---

bool DmaDomain::map_one(Iova iova, GuestPhys phys, std::uint64_t bytes, Permissions permissions) {
  if (endpoints_ > 0) {
    if (!driver_.add_map(id_, IovaRange::of(iova.value, bytes), phys, permissions)) return false;
    if (!options_.sync_map && !driver_.sync()) return false;
  }
  [[maybe_unused]] const bool fresh =
      mappings_.insert(iova.value >> shift_, {bytes >> shift_, phys.value >> shift_, permissions})
          .second;
  VIOLET_DCHECK(fresh);
  return true;
}

bool DmaDomain::add_range(Iova iova, GuestPhys phys, std::uint64_t bytes, Permissions permissions) {
  std::uint64_t done = 0;
  while (done < bytes) {
    const std::uint64_t cut =
        next_cut(page_size_mask_, iova.value + done, phys.value + done, bytes - done);
    if (!map_one({iova.value + done}, {phys.value + done}, cut, permissions)) {
      if (done > 0) remove_range(iova, done);
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
    const Mapping* mapping = mappings_.find(pfn);
    if (mapping == nullptr) break;
    removed += mapping->granules << shift_;
    mappings_.erase(pfn);
  }
  if (removed > 0 && endpoints_ > 0) driver_.add_unmap(id_, IovaRange::of(iova, removed));
  return removed;
}

void DmaDomain::remove_range(Iova iova, std::uint64_t bytes) {
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

std::optional<Iova> DmaDomain::allocate_iova(std::uint64_t granules, unsigned cpu) {
  ++counters_.iova_allocations;
  const std::uint64_t walks = iovas_->stats().tree_allocations;
  std::optional<std::uint64_t> pfn;
  if (below_4g_) {
    pfn = iovas_->allocate(granules, kLast32 >> shift_, cpu, false);
    if (!pfn) below_4g_ = false;
  }
  if (!pfn) pfn = iovas_->allocate(granules, last_address_ >> shift_, cpu, true);
  counters_.iova_tree_walks += iovas_->stats().tree_allocations - walks;
  if (!pfn) return std::nullopt;
  return Iova{*pfn << shift_};
}

std::optional<Iova> DmaDomain::map(DmaBuffer buffer, Permissions permissions, unsigned cpu) {
  Iova iova{};
  if (!map_list({&buffer, 1}, permissions, cpu, {&iova, 1})) return std::nullopt;
  return iova;
}

// iommu_map_sg(): segments that follow one another in memory become one range before it is cut.
bool DmaDomain::map_segments(Iova at, std::span<const DmaBuffer> buffers, Permissions permissions) {
  std::uint64_t mapped = 0;
  std::uint64_t phys = 0;
  std::uint64_t bytes = 0;
  const auto map_pending = [&] {
    if (bytes == 0) return true;
    if (!add_range({at.value + mapped}, {phys}, bytes, permissions)) return false;
    mapped += bytes;
    return true;
  };
  for (const DmaBuffer& buffer : buffers) {
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

bool DmaDomain::map_list(std::span<const DmaBuffer> buffers, Permissions permissions, unsigned cpu,
                         std::span<Iova> out) {
  VIOLET_DCHECK(!buffers.empty() && out.size() == buffers.size());
  std::uint64_t granules = 0;
  for (const DmaBuffer& buffer : buffers) granules += granules_of(buffer);
  const auto first = allocate_iova(granules, cpu);
  if (!first) return false;
  if (!map_segments(*first, buffers, permissions)) {
    // Without an answer the device may have kept something: then the address is not freed.
    if (driver_.sync()) free_iova(*first, granules, cpu);
    return false;
  }
  if (options_.sync_map && !driver_.sync()) return false;
  std::uint64_t at = first->value;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    out[i] = {at + offset_of(buffers[i].phys.value)};
    at += granules_of(buffers[i]) << shift_;
  }
  return true;
}

void DmaDomain::unmap(Iova first, std::uint64_t granules) {
  remove_range({first.value & ~(granule_ - 1)}, granules << shift_);
}

}  // namespace violet
