// The registry of domain stores makes a store by the name that a device, plan, test or bench gives.
// A new store is its files and one line in stores.cpp.
//
// Threading: immutable.
#pragma once

#include <cstddef>
#include <memory>

#include "engine/base/registry.hpp"
#include "engine/store/domain_store.hpp"

namespace violet {

struct StoreInfo : RegistryEntry {
  std::size_t idle_bytes;  // The most that such a store holds once it is empty and reclaimed.
  std::unique_ptr<DomainStore> (*make)(const StoreConfig&, Quiescence&, MemoryBudget&);
};

Registry<StoreInfo> stores();

}  // namespace violet
