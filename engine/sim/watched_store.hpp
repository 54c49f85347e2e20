// A watched store is a store under observation: its watch knows which stores are alive, so that the
// simulation sees a reader step into a freed domain before memory does, and it refuses updates now and
// then, as a locked store does while a reader is inside.
//
// Threading: owner-only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "engine/base/rng.hpp"
#include "engine/store/domain_store.hpp"

namespace violet {

struct StoreWatch {
  std::set<std::uint64_t> alive;  // Serial numbers.
  std::uint64_t next_serial = 1;
  std::uint64_t walks = 0;
  Rng* refuse = nullptr;  // Refuses one update in eight.
};

class WatchedStore final : public DomainStore {
 public:
  WatchedStore(std::unique_ptr<DomainStore> store, StoreWatch& watch)
      : store_(std::move(store)), watch_(watch), serial_(watch.next_serial++) {
    watch_.alive.insert(serial_);
  }
  ~WatchedStore() override { watch_.alive.erase(serial_); }
  WatchedStore(const WatchedStore&) = delete;
  WatchedStore& operator=(const WatchedStore&) = delete;

  std::uint64_t serial() const { return serial_; }

  bool try_begin_update() override {
    if (watch_.refuse != nullptr && watch_.refuse->below(8) == 0) return false;
    return store_->try_begin_update();
  }
  void end_update() override { store_->end_update(); }
  MapStatus map(const Mapping& mapping) override { return store_->map(mapping); }
  UnmapStatus unmap(IovaRange range, UnmapCursor& cursor, std::uint32_t max_mappings) override {
    return store_->unmap(range, cursor, max_mappings);
  }
  bool reclaim(std::uint32_t max_pieces) override { return store_->reclaim(max_pieces); }
  bool any_mapped(IovaRange range) const override { return store_->any_mapped(range); }
  bool has_garbage() const override { return store_->has_garbage(); }
  std::uint64_t mapping_count() const override { return store_->mapping_count(); }
  std::size_t resident_bytes() const override { return store_->resident_bytes(); }
  std::optional<Translation> translate(Iova iova) const override {
    ++watch_.walks;
    return store_->translate(iova);
  }
  void prefetch(Iova iova) const override { store_->prefetch(iova); }

 private:
  std::unique_ptr<DomainStore> store_;
  StoreWatch& watch_;
  std::uint64_t serial_;
};

// Stores of `make`, watched. The watch outlives them.
inline StoreFactory watched(StoreFactory make, StoreWatch& watch) {
  return [make = std::move(make), &watch](const StoreConfig& config, Quiescence& quiescence,
                                          MemoryBudget& budget) {
    return std::make_unique<WatchedStore>(make(config, quiescence, budget), watch);
  };
}

}  // namespace violet
