// A persistent lifetime is that of a mapping which outlives its unmap by design
// (DmaMapping::persistent). Such lifetimes open no window and are counted, because a bounce
// strategy makes millions of them a second, more than event rings hold; a bounded sample of them is
// recorded for people to look at.
//
// Threading: owner-only: the guest lcore.
// Invariants: every lifetime is in the totals, whether it left events or not; a map that left an event is
// followed by an unmap that does.
// Limits: kEventsPerWindow lifetimes leave events in a window of a millisecond. Two live mappings whose
// addresses share a slot may leave an unpaired event.
#pragma once

#include <bitset>
#include <cstdint>

#include "engine/base/clock.hpp"
#include "experiments/guest/dma_api.hpp"
#include "experiments/trace/exposure_ledger.hpp"
#include "experiments/trace/time_level.hpp"

namespace violet {

class PersistentLifetimes {
 public:
  static constexpr std::uint32_t kEventsPerWindow = 256;

  // True: record the event.
  bool map(const DmaMapping& mapping, Ticks at) {
    live_.move(at, pages_of(mapping));
    if (has_slack(mapping)) {
      slack_.move(at, pages_of(mapping));
      ++slack_maps_;
    }
    if (at - window_began_ >= window_) {
      window_began_ = at;
      left_ = kEventsPerWindow;
    }
    const bool recorded = left_ > 0;
    left_ -= recorded ? 1 : 0;
    recorded_[slot_of(mapping)] = recorded;
    return recorded;
  }
  bool unmap(const DmaMapping& mapping, Ticks at) {
    live_.move(at, -pages_of(mapping));
    if (has_slack(mapping)) slack_.move(at, -pages_of(mapping));
    ++unmaps_;
    return recorded_[slot_of(mapping)];
  }

  PersistentTotals totals(Ticks now) {
    live_.settle(now);
    slack_.settle(now);
    return {unmaps_, slack_maps_, live_.integral(), slack_.integral()};
  }

 private:
  static constexpr std::size_t kSlots = 1 << 16;

  static std::int64_t pages_of(const DmaMapping& mapping) {
    const std::uint64_t first = mapping.iova.value >> kGranuleShift4K;
    const std::uint64_t last = (mapping.iova.value + mapping.buffer.bytes - 1) >> kGranuleShift4K;
    return static_cast<std::int64_t>(last - first + 1);
  }
  static bool has_slack(const DmaMapping& mapping) {
    return mapping.granted != permissions_of(mapping.direction);
  }
  // By the address itself: a pool's slots may share a page.
  static std::size_t slot_of(const DmaMapping& mapping) {
    return static_cast<std::size_t>((mapping.iova.value * 0x9e3779b97f4a7c15) >> 48);
  }

  TimeLevel live_;
  TimeLevel slack_;
  std::uint64_t unmaps_ = 0;
  std::uint64_t slack_maps_ = 0;
  Ticks window_ = ns_to_ticks(1'000'000);
  Ticks window_began_ = 0;
  std::uint32_t left_ = kEventsPerWindow;
  std::bitset<kSlots> recorded_;
};

}  // namespace violet
