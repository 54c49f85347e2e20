// A DMA domain maps buffers into one IOMMU domain of the guest, as drivers/iommu/dma-iommu.c over iommu.c: it
// allocates addresses, cuts buffers into MAP requests, and syncs once for each buffer or list.
//
// Threading: owner-only: the guest lcore.
// Invariants: a map() that fails leaves nothing mapped. What is mapped together is unmapped together: unmap() gets
// the address and the granules of one map().
// Limits: buffers of a list are laid out one behind another, each on granules of its own; the 4 GiB
// segment boundary of the kernel's sg lists is not modelled.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "engine/base/flat_table.hpp"
#include "engine/base/page_cutter.hpp"
#include "engine/telemetry/phase_clock.hpp"
#include "experiments/guest/dma_api.hpp"
#include "experiments/guest/iova_allocator.hpp"
#include "experiments/guest/virtio_iommu_driver.hpp"

namespace violet {

struct DomainOptions {
  bool pci = true;         // First below 4 GiB, until that fails once (pci_32bit_workaround).
  bool force_dac = false;  // iommu.forcedac=1: never restrict to 4 GiB.
  std::uint64_t dma_mask = ~std::uint64_t{0};  // Highest address that the endpoint can use.
  bool sync_map = true;  // One sync for each buffer or list; false: one for each MAP, before v6.8.
};

class DmaDomain {
 public:
  DmaDomain(VirtioIommuDriver& driver, DomainId id, std::unique_ptr<IovaAllocator> iovas,
            GuestCounters& counters, const DomainOptions& options);

  DomainId id() const { return id_; }
  IovaAllocator& iovas() { return *iovas_; }
  std::uint64_t granule() const { return granule_; }
  std::size_t mappings() const { return mappings_.size(); }
  // Granules up to the highest address that the endpoint can use.
  std::uint64_t addressable_granules() const { return (last_address_ >> shift_) + 1; }
  // The endpoint still uses only addresses below 4 GiB.
  bool below_4g() const { return below_4g_; }

  // Sends ATTACH; on the first endpoint what is mapped already follows, each MAP synced.
  Status attach(EndpointId endpoint);
  Status detach(EndpointId endpoint);

  // The whole granules that hold a buffer.
  std::uint64_t granules_of(DmaBuffer buffer) const {
    return (offset_of(buffer.phys.value) + buffer.bytes + granule_ - 1) >> shift_;
  }
  // Those of a list, each buffer on granules of its own.
  std::uint64_t granules_of(std::span<const DmaMapping> list) const {
    std::uint64_t sum = 0;
    for (const DmaMapping& mapping : list) sum += granules_of(mapping.buffer);
    return sum;
  }
  std::uint64_t offset_of(std::uint64_t address) const { return address & (granule_ - 1); }

  // dma_map and dma_map_sg: addresses for the buffers of one direction, behind one another, with one sync at the
  // end. Fills in `iova` and `granted`.
  bool map(std::span<DmaMapping> list, unsigned cpu);
  // Queues the UNMAPs for [first, first + granules), of one map(). Neither syncs nor frees the address.
  void unmap(Iova first, std::uint64_t granules);
  // The same with one UNMAP, whatever MAPs made them. All of [first, first + granules) is mapped, by whole MAPs.
  void unmap_at_once(Iova first, std::uint64_t granules) {
    const PhaseScope phase(WorkPhase::kCut);
    unmap_cut(first.value & ~(granule_ - 1), granules << shift_);
  }
  // map() at addresses that are the caller's own, each buffer by MAPs of its own (dma_iova_link() for each, one
  // dma_iova_sync()). False when the device does not answer: then it may have kept something.
  bool map_each(Iova at, std::span<DmaMapping> list);
  void free_iova(Iova first, std::uint64_t granules, unsigned cpu) {
    const PhaseScope phase(WorkPhase::kIovaFree);
    iovas_->free(first.value >> shift_, granules, cpu);
  }
  std::optional<Iova> allocate_iova(std::uint64_t granules, unsigned cpu) {
    return allocate_iova(granules, cpu, 0);
  }

  // iommu_map() and iommu_unmap() without the allocator, for identity maps and pools. add_range()
  // queues the MAPs that `mapping` takes, or queues nothing that stays.
  bool add_range(const Mapping& mapping);
  void remove_range(Iova iova, std::uint64_t bytes);
  bool sync() { return driver_.sync(); }

 private:
  std::optional<Iova> allocate_iova(std::uint64_t granules, unsigned cpu, std::uint64_t page);
  std::uint64_t only_run(std::span<const DmaMapping> list) const;
  bool map_segments(Iova at, std::span<const DmaMapping> list);
  void fill_in(Iova at, std::span<DmaMapping> list) const;
  bool map_one(const Mapping& mapping);
  std::uint64_t unmap_cut(std::uint64_t iova, std::uint64_t bytes);

  struct Mapped {  // By one MAP request.
    std::uint64_t granules = 0;
    std::uint64_t phys_pfn = 0;
    Permissions permissions = {};
  };

  VirtioIommuDriver& driver_;
  DomainId id_;
  std::unique_ptr<IovaAllocator> iovas_;
  GuestCounters& counters_;
  DomainOptions options_;
  unsigned shift_;
  std::uint64_t granule_;
  std::uint64_t page_size_mask_;
  std::uint64_t last_address_;
  bool below_4g_;
  bool looks_at_pages_;
  unsigned endpoints_ = 0;
  // By the first granule of a MAP request. The kernel keeps an interval tree; an exact match is all that the DMA
  // API needs.
  FlatTable<Mapped> mappings_;
};

}  // namespace violet
