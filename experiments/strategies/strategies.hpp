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
  SettingValues settings = {};

  Ticks timer_now() const { return timers ? (*timers)() : clock(); }
};

struct StrategyInfo : RegistryEntry {
  std::unique_ptr<Strategy> (*make)(const StrategyContext& context);
};

// One line a strategy: NAME stands for a function `StrategyInfo NAME_strategy()` in NAME.cpp.
#define VIOLET_STRATEGIES(STRATEGY) \
  STRATEGY(strict)                  \
  STRATEGY(lazy_percpu)             \
  STRATEGY(lazy_single)             \
  STRATEGY(bounce_dynamic)          \
  STRATEGY(optimistic)              \
  STRATEGY(direct)                  \
  STRATEGY(off)

Registry<StrategyInfo> strategies();
// Makes the strategy with `assignments` over its settings' defaults; start() is still to be called.
// Error for an unknown name or a setting that is unknown or out of range.
Result<std::unique_ptr<Strategy>> make_strategy(std::string_view name, StrategyContext context,
                                                const SettingAssignments& assignments);

}  // namespace violet
