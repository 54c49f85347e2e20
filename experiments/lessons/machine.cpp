#include "experiments/lessons/machine.hpp"

#include <algorithm>

#include "engine/iotlb/iotlbs.hpp"
#include "engine/store/stores.hpp"
#include "experiments/lessons/engine_machine.hpp"

namespace violet::lessons {
namespace {

template <DomainStore S, Iotlb I>
std::unique_ptr<Machine> make(const Ticks& clock) {
  return std::make_unique<EngineMachine<S, I>>(clock);
}

struct Combination {
  EngineChoice choice;
  std::unique_ptr<Machine> (*make)(const Ticks& clock);
};

template <DomainStore S, Iotlb I>
Combination combination() {
  return {{S::kName, I::kName}, make<S, I>};
}

// The first is what lessons use unless asked otherwise.
const std::vector<Combination>& combinations() {
  static const std::vector<Combination> all = {
      combination<RadixStore, TargetedIotlb>(),
      combination<RadixStore, GenerationDomainIotlb>(),
      combination<RadixStore, SharedVersionedIotlb>(),
      combination<IntervalStore, LockedIotlb>(),
  };
  return all;
}

}  // namespace

std::unique_ptr<Machine> make_machine(const EngineChoice& choice, const Ticks& clock) {
  const auto& all = combinations();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Combination& one) { return one.choice == choice; });
  return found != all.end() ? found->make(clock) : nullptr;
}

std::span<const EngineChoice> engine_choices() {
  static const std::vector<EngineChoice> choices = [] {
    std::vector<EngineChoice> all;
    for (const Combination& one : combinations()) all.push_back(one.choice);
    return all;
  }();
  return choices;
}

}  // namespace violet::lessons
