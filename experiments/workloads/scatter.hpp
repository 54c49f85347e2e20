// Scattered pages are what a guest that has run for a while gives its drivers: no buffer lies beside the next one. The
// order is drawn by a repetition's seed.
//
// Threading: the guest lcore.
#pragma once

#include <utility>
#include <vector>

#include "engine/base/rng.hpp"
#include "experiments/workloads/guest.hpp"

namespace violet {

// Fisher and Yates.
template <class T>
void shuffle(std::vector<T>& all, Rng& rng) {
  for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[rng.below(i)]);
}

// `count` buffers of `bytes` each, in a drawn order.
inline Result<std::vector<GuestPhys>> scattered_buffers(Guest& guest, std::size_t count,
                                                        std::uint64_t bytes, Rng& rng) {
  std::vector<GuestPhys> all;
  for (std::size_t i = 0; i < count; ++i) {
    VIOLET_TRY(const auto buffer, guest.allocate(bytes));
    all.push_back(buffer);
  }
  shuffle(all, rng);
  return all;
}

}  // namespace violet
