// A host-cost store makes MAP and UNMAP cost more than the domain store that they change: what a host does besides
// for a device that is assigned to a guest (pinning and mapping the guest's pages; unmapping, unpinning and
// invalidating the host's own IOTLB), as a plan says.
//
// Threading: that of the store beneath; the engine spins and counts, any thread reads the counters.
// Invariants: the cost is injected and counted where it is spun. A MAP that is refused and an UNMAP that removes nothing
// cost nothing, and a sliced UNMAP is paid once. It is spun after the change of the store and before
// its invalidation begins, so that an exposure is longer by it, as it is on a host until its IOTLB has answered. Behind the deadline nothing is spun.
#pragma once

#include <memory>
#include <utility>

#include "engine/base/deadline.hpp"
#include "engine/store/domain_store.hpp"
#include "engine/telemetry/counter.hpp"
#include "engine/telemetry/phase_clock.hpp"

namespace violet {

// Of one device; outlives its stores.
struct HostCosts {
  Ticks map = 0, unmap = 0;         // Of each request.
  const Deadline* until = nullptr;  // Null: for ever.
  Counter map_spun, unmap_spun;     // Ticks that it really took.

  bool any() const { return map > 0 || unmap > 0; }
};

class HostCostStore final : public DomainStore {
 public:
  HostCostStore(std::unique_ptr<DomainStore> store, HostCosts& costs)
      : store_(std::move(store)), costs_(costs) {}

  bool try_begin_update() override { return store_->try_begin_update(); }
  // Readers that wait for the store do not wait for the host.
  void end_update() override {
    store_->end_update();
    const Ticks map = std::exchange(owed_map_, 0), unmap = std::exchange(owed_unmap_, 0);
    if (map == 0 && unmap == 0) return;
    const PhaseScope injected(WorkPhase::kEngineInjected);
    if (map > 0) costs_.map_spun.add(spin_ticks(map, costs_.until));
    if (unmap > 0) costs_.unmap_spun.add(spin_ticks(unmap, costs_.until));
  }
  MapStatus map(const Mapping& mapping) override {
    const MapStatus status = store_->map(mapping);
    if (status == MapStatus::kOk) owed_map_ += costs_.map;
    return status;
  }
  UnmapStatus unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t max_mappings) override {
    const UnmapStatus status = store_->unmap(range, cursor, max_mappings);
    if (status == UnmapStatus::kDone && cursor.removed > 0) owed_unmap_ += costs_.unmap;
    return status;
  }
  bool reclaim(std::uint32_t max_pieces) override { return store_->reclaim(max_pieces); }

  bool any_mapped(IovaRange range) const override { return store_->any_mapped(range); }
  bool has_garbage() const override { return store_->has_garbage(); }
  std::uint64_t mapping_count() const override { return store_->mapping_count(); }
  std::size_t resident_bytes() const override { return store_->resident_bytes(); }
  std::optional<Translation> translate(Iova iova) const override { return store_->translate(iova); }
  void prefetch(Iova iova) const override { store_->prefetch(iova); }

 private:
  std::unique_ptr<DomainStore> store_;
  HostCosts& costs_;
  Ticks owed_map_ = 0, owed_unmap_ = 0;
};

// Makes stores of a kind with the host's costs on top. `costs` outlives what it makes.
inline StoreFactory with_host_costs(StoreFactory make, HostCosts& costs) {
  return [make = std::move(make), &costs](const StoreConfig& config, Quiescence& quiescence,
                                          MemoryBudget& budget) -> std::unique_ptr<DomainStore> {
    return std::make_unique<HostCostStore>(make(config, quiescence, budget), costs);
  };
}

}  // namespace violet
