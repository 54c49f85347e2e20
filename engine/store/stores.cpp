#include "engine/store/stores.hpp"

#include "engine/store/interval_store.hpp"
#include "engine/store/radix_store.hpp"

namespace violet {
namespace {

template <class S>
std::unique_ptr<DomainStore> make_store(const StoreConfig& config, Quiescence& quiescence,
                                        MemoryBudget& budget) {
  static_assert(sizeof(S) <= kStoreObjectBytes);
  return std::make_unique<S>(config, quiescence, budget);
}

}  // namespace

Registry<StoreInfo> stores() {
  static const StoreInfo kStores[] = {
      {{"radix", "a radix table whose readers take no lock"},
       RadixStore::kIdleBytes,
       &make_store<RadixStore>},
      {{"interval", "a B-tree of intervals behind a short lock"}, 0, &make_store<IntervalStore>},
  };
  return {"store", kStores};
}

}  // namespace violet
