// Injected time is what a repetition spends on costs that the testbed adds on purpose, counted where it is spun.
//
// Threading: plain values.
// Invariants: every kind has a metric in every repetition, 0 where nothing was spun. Shares are of the measured time, all
// lcores together: where the guest waits for the engine this is what the run would be shorter by, and where lcores spin
// at the same time it may exceed 100 %.
// Limits: preemption while spinning counts, as it does in the run; a spin that is going on when measuring begins or ends
// counts where it ends.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/plans/plan.hpp"
#include "experiments/results/records.hpp"

namespace violet {

enum class InjectedKind : std::uint8_t {
  kExit,
  kEntry,
  kPollution,
  kWake,
  kHostMap,
  kHostUnmap,
  kIotlbMiss,
  kStack,  // Packets and I/Os: of the guest's stack and driver.
  kDelay,  // Of mapbench, between a map and its unmap.
  kCount
};
// "exit"
std::string_view to_text(InjectedKind kind);

struct InjectedTicks {
  static constexpr std::size_t kKinds = static_cast<std::size_t>(InjectedKind::kCount);
  std::array<std::uint64_t, kKinds> of{};

  std::uint64_t& operator[](InjectedKind kind) { return of[static_cast<std::size_t>(kind)]; }
  std::uint64_t total() const;
  // By the engine's side, and on the guest's lcore besides: not what endpoints spin on an lcore of their own.
  std::uint64_t on_engine() const;
  std::uint64_t on_guest(bool endpoints_shared) const;
  InjectedTicks operator-(const InjectedTicks& earlier) const;
};

// injected_share, and the share of each kind, "injected_exit_share" and so on.
std::vector<results::Metric> injected_metrics(const InjectedTicks& spun,
                                              std::uint64_t measured_ticks);

// What a plan injects, of the costs that act in its cells' placements and workloads: "exit_ns" -> 1500, or "exit_ns,
// least" and "exit_ns, most" where these cells differ, 0 included.
std::map<std::string, double> configured_costs(const plans::Plan& plan);

}  // namespace violet
