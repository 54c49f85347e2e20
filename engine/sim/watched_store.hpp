// A store under observation: it knows which stores are alive, so that the simulation sees a reader
// step into a freed domain before memory does, and it refuses updates now and then, as a locked store
// does while a reader is inside.
//
// Threading: owner-only; one simulation in a thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "engine/base/rng.hpp"
#include "engine/store/domain_store.hpp"

namespace violet {

struct StoreWatch {
  std::set<std::uint64_t> alive;  // Serial numbers.
  std::uint64_t next_serial = 1;
  std::uint64_t walks = 0;
  Rng* refuse = nullptr;  // Refuses one update in eight.

  static StoreWatch*& current() {
    static thread_local StoreWatch* watch = nullptr;
    return watch;
  }
};

template <DomainStore S>
class WatchedStore : public S {
 public:
  static constexpr const char* kName = S::kName;

  WatchedStore(const StoreConfig& config, Quiescence& quiescence, MemoryBudget& budget)
      : S(config, quiescence, budget), serial_(watch().next_serial++) {
    watch().alive.insert(serial_);
  }
  ~WatchedStore() { watch().alive.erase(serial_); }
  WatchedStore(const WatchedStore&) = delete;
  WatchedStore& operator=(const WatchedStore&) = delete;

  std::uint64_t serial() const { return serial_; }
  bool try_begin_update() {
    if (watch().refuse != nullptr && watch().refuse->below(8) == 0) return false;
    return S::try_begin_update();
  }
  std::optional<Translation> translate(Iova iova) const {
    ++watch().walks;
    return S::translate(iova);
  }

 private:
  static StoreWatch& watch() { return *StoreWatch::current(); }

  std::uint64_t serial_;
};

}  // namespace violet
