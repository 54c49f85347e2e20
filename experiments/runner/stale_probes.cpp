#include "experiments/runner/stale_probes.hpp"

#include <unordered_map>

#include "experiments/guest/dma_api.hpp"

namespace violet {
namespace {

constexpr std::uint64_t kGranule = 4096;

// Granules of all endpoints; an endpoint's id is far below 2^16.
std::uint64_t key_of(std::uint32_t endpoint, std::uint64_t iova) {
  return std::uint64_t{endpoint} << 48 ^ iova / kGranule;
}

class LiveGranules {
 public:
  void apply(const Event& event) {
    const std::uint64_t bytes = dma_event_bytes(event.b);
    const std::uint64_t last = event.a + (bytes == 0 ? 0 : bytes - 1);
    for (std::uint64_t at = event.a & ~(kGranule - 1); at <= last; at += kGranule) {
      auto& state = states_[key_of(event.id, at)];
      state.live += event.kind == EventKind::kDmaMap ? 1 : -1;
      // What stays reachable by design (pools, identity maps) was never taken away.
      state.persistent = dma_event_persistent(event.status);
    }
  }
  // Was mapped once, is not any more, and is not kept by design.
  bool is_stale(std::uint32_t endpoint, std::uint64_t iova) const {
    const auto found = states_.find(key_of(endpoint, iova));
    return found != states_.end() && found->second.live <= 0 && !found->second.persistent;
  }

 private:
  struct State {
    std::int32_t live = 0;
    bool persistent = false;
  };
  std::unordered_map<std::uint64_t, State> states_;
};

}  // namespace

StaleProbes count_stale_probes(std::span<const Event> guest, std::span<const Event> probes,
                               Ticks slack, Ticks begin, Ticks end) {
  StaleProbes result;
  LiveGranules live;
  std::size_t next = 0;
  for (const Event& probe : probes) {
    if (probe.kind != EventKind::kRogueProbe) continue;
    for (; next < guest.size() && guest[next].at <= probe.at + slack; ++next) {
      const EventKind kind = guest[next].kind;
      // An unmap in the slack is still to come; a map in it may already be there.
      if (kind == EventKind::kDmaUnmap && guest[next].at > probe.at) break;
      if (kind == EventKind::kDmaMap || kind == EventKind::kDmaUnmap) live.apply(guest[next]);
    }
    if (probe.at < begin || probe.at > end || !live.is_stale(probe.id, probe.a)) continue;
    ++result.aimed;
    result.hits += probe.status != 0;
  }
  return result;
}

}  // namespace violet
