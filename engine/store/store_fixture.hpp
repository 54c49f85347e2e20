// A store fixture surrounds one store with what it needs, in units of granules, for the tests of this room.
//
// Threading: as the store's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/identifier_testing.hpp"
#include "engine/store/oracle_store.hpp"
#include "engine/store/stores.hpp"

namespace violet {

// A registered store, or the oracle, by its name.
inline StoreInfo tested_store(std::string_view name) {
  if (name != "oracle") return *stores().find(name);
  return {{"oracle", "what tests believe"},
          0,
          [](const StoreConfig& config, Quiescence& quiescence,
             MemoryBudget& budget) -> std::unique_ptr<DomainStore> {
            return std::make_unique<OracleStore>(config, quiescence, budget);
          }};
}
inline std::vector<std::string> store_names_and_oracle() {
  auto names = stores().names();
  names.emplace_back("oracle");
  return names;
}

class StoreFixture {
 public:
  static constexpr std::size_t kBudget = std::size_t{256} << 20;

  explicit StoreFixture(const StoreInfo& kind, const StoreConfig& config = {},
                        std::size_t budget_bytes = kBudget)
      : shift_(config.granule_shift),
        budget(budget_bytes),
        owned_(kind.make(config, quiescence, budget)),
        store(*owned_) {}

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

  // What `call` does, as an update.
  template <class Call>
  auto updated(Call call) {
    VIOLET_CHECK(store.try_begin_update());
    const auto result = call();
    store.end_update();
    return result;
  }
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

 private:
  unsigned shift_;

 public:
  EpochQuiescence quiescence;
  MemoryBudget budget;

 private:
  std::unique_ptr<DomainStore> owned_;

 public:
  DomainStore& store;
  std::uint64_t removed = 0;  // By the last unmap.
};

}  // namespace violet
