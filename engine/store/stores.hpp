// The registry of domain stores: what the device, the plans, the tests and the benches can choose
// from. A new store is its files and one line here.
//
// Threading: compile time only.
#pragma once

#include "engine/base/type_list.hpp"
#include "engine/store/interval_store.hpp"
#include "engine/store/radix_store.hpp"

namespace violet {

using Stores = TypeList<RadixStore,    // "radix": lock-free readers, the default
                        IntervalStore  // "interval": locked readers, the baseline
                        >;

}  // namespace violet
