// One store with what it needs around it, in units of granules, for the tests of this room.
//
// Threading: as the store's.
#pragma once

#include <optional>

#include "engine/base/check.hpp"
#include "engine/store/domain_store.hpp"

namespace violet {

template <DomainStore S>
class StoreFixture {
 public:
  static constexpr std::size_t kBudget = std::size_t{256} << 20;

  explicit StoreFixture(StoreConfig config = {}, std::size_t budget_bytes = kBudget)
      : shift_(config.granule_shift), budget(budget_bytes), store(config, quiescence, budget) {}

  static StoreConfig with_granule(unsigned shift) {
    StoreConfig config;
    config.granule_shift = shift;
    return config;
  }

  // Granules first to last, both included, as in the specification's examples.
  IovaRange range(std::uint64_t first, std::uint64_t last) const {
    return {{first << shift_}, {(last << shift_) | ((std::uint64_t{1} << shift_) - 1)}};
  }
  Iova iova(std::uint64_t granule) const { return {granule << shift_}; }

  MapStatus map(std::uint64_t first, std::uint64_t last, std::uint64_t phys_granule,
                Permissions permissions = Permissions::kReadWrite) {
    return map_bytes(range(first, last), phys_granule << shift_, permissions);
  }
  MapStatus map_bytes(IovaRange where, std::uint64_t phys,
                      Permissions permissions = Permissions::kReadWrite) {
    return updated([&] { return store.map({where, {phys}, permissions}); });
  }
  UnmapStatus unmap(std::uint64_t first, std::uint64_t last) {
    return unmap_bytes(range(first, last));
  }
  UnmapStatus unmap_bytes(IovaRange where, std::uint32_t slice = ~0u) {
    UnmapCursor cursor;
    UnmapStatus status = UnmapStatus::kMore;
    while (status == UnmapStatus::kMore) {
      status = updated([&] { return store.unmap(where, cursor, slice); });
    }
    removed = cursor.removed;
    return status;
  }
  // What an address translates to.
  std::optional<std::uint64_t> phys(Iova at) const {
    const auto found = store.translate(at);
    if (!found) return std::nullopt;
    return found->at(at).value;
  }
  std::optional<std::uint64_t> phys_granule(std::uint64_t granule) const {
    const auto found = phys(iova(granule));
    if (!found) return std::nullopt;
    return *found >> shift_;
  }
  void reclaim_all() {
    while (!store.reclaim(64)) {
    }
  }

  template <class Call>
  auto updated(Call call) {
    VIOLET_CHECK(store.try_begin_update());
    const auto result = call();
    store.end_update();
    return result;
  }

 private:
  unsigned shift_;

 public:
  EpochQuiescence quiescence;
  MemoryBudget budget;
  S store;
  std::uint64_t removed = 0;  // By the last unmap.
};

}  // namespace violet
