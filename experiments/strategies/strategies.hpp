// The registry of strategies makes a strategy by the name that a plan gives it. README.md shows how to add
// one.
//
// Threading: the registry is immutable; a strategy belongs to the guest lcore that made it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/registry.hpp"
#include "experiments/guest/dma_domain.hpp"
#include "experiments/guest/virtio_iommu_driver.hpp"
#include "experiments/hdr/live_histogram.hpp"
#include "experiments/strategies/strategy.hpp"

namespace violet {

// What a strategy works with; everything referred to outlives it.
struct StrategyContext {
  VirtioIommuDriver& driver;
  const GuestMemory& memory;
  GuestPages& pages;
  GuestCounters& counters;
  Probe probe = {};
  TickSource clock = {};
  // What tick() is told and timers are armed by; empty: the clock.
  std::optional<TickSource> timers = {};
  unsigned cpus = 1;                       // Modelled CPUs; map() and unmap() get numbers below.
  std::vector<EndpointId> endpoints = {};  // By the index that map() gets.
  // For each endpoint the first one of its IOMMU group, which has one domain; empty: each has its own.
  std::vector<std::uint16_t> groups = {};
  std::string iova_allocator = "rcache";
  IovaConfig iova =
      {};  // Granule, aperture, reserved regions and CPUs are filled in from the device.
  DomainOptions domain = {};
  // Of the addresses that the device has, a domain uses so many bytes from the first on; 0: all.
  std::uint64_t aperture_bytes = 0;
  SettingValues settings = {};
  // Of each revocation, until what was revoked is out of reach. Null: nobody asks.
  results::LiveHistogram* revocation_ns = nullptr;

  Ticks timer_now() const { return timers ? (*timers)() : clock(); }
};

// What a device may still reach of a buffer after its unmap() has returned. Tests, results and views go by it, and by
// no name.
enum class AfterUnmap : std::uint8_t {
  kNothing,  // Promised by strategy.hpp of a strict strategy, and checked by the canary of C1.
  kUntilAnswered,  // The buffer, until the device has answered what was sent.
  kUntilTimer,     // The buffer, until a timer or a limit of the strategy has passed.
  kUntilNeeded,    // The buffer, until its mapping is in somebody's way, or has lost its last user.
  kCopies,  // Slots that its bytes were copied through, and never the buffer. Those mappings are persistent.
  kBuffers,    // The buffer, by design. Every mapping is persistent, and nothing is copied.
  kForgotten,  // The buffer, and nobody means to end it.
};

struct StrategyInfo : RegistryEntry {
  // An IOVA allocator that makes no sense under the strategy, and why.
  struct Refusal {
    std::string allocator;
    std::string because;
  };

  std::unique_ptr<Strategy> (*make)(const StrategyContext& context);
  AfterUnmap after_unmap = AfterUnmap::kForgotten;
  bool translates = true;  // False: the endpoints bypass the IOMMU.
  std::vector<Refusal> refusals = {};
  // Strategy::reassign(): after drain() nothing of a domain is left but what is mapped.
  bool reassigns = false;
};

// For a strategy that asks no allocator for its buffers' addresses. `rcache` and `rbtree` stay allowed: plans combine them
// with everything.
std::vector<StrategyInfo::Refusal> no_choice_of_allocator(const std::string& because);

// One line a strategy: NAME stands for a function `StrategyInfo NAME_strategy()` in NAME.cpp.
#define VIOLET_STRATEGIES(STRATEGY) \
  STRATEGY(strict)                  \
  STRATEGY(lazy_percpu)             \
  STRATEGY(lazy_single)             \
  STRATEGY(bounce_dynamic)          \
  STRATEGY(optimistic)              \
  STRATEGY(direct)                  \
  STRATEGY(off)                     \
  STRATEGY(strict_batch)            \
  STRATEGY(async)                   \
  STRATEGY(lazy_global)             \
  STRATEGY(lazy_wrap)               \
  STRATEGY(ring)                    \
  STRATEGY(contiguous)              \
  STRATEGY(link)                    \
  STRATEGY(link_kept)               \
  STRATEGY(shared)                  \
  STRATEGY(persistent)              \
  STRATEGY(pool)                    \
  STRATEGY(registered)              \
  STRATEGY(dma_tracking)            \
  STRATEGY(swiotlb)                 \
  STRATEGY(shadow)                  \
  STRATEGY(forgotten)

Registry<StrategyInfo> strategies();
// Makes the strategy with `assignments` over its settings' defaults; start() is still to be called.
// Error for an unknown name or a setting that is unknown or out of range.
Result<std::unique_ptr<Strategy>> make_strategy(std::string_view name, StrategyContext context,
                                                const SettingAssignments& assignments);

}  // namespace violet
