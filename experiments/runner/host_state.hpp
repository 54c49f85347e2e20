// A host state is what the CPUs of a repetition can do at one moment: how far apart the two that talk are, how
// fast each computes, what a hypervisor took of them. It is measured before a repetition is set up and after it is
// taken down, while nothing else of the run is at work, because the same cell may run ten times as fast on other
// cores, or on these an hour later.
//
// Threading: measure_host() on the main lcore while the workers are free; it takes some milliseconds, and 50 more
// where other programs have a CPU all the time.
// Limits: what happens between the two moments shows in cpu_wait.hpp and in the counters of switches. A kernel that
// is not told of stolen time counts 0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/eal/eal.hpp"
#include "engine/base/clock.hpp"
#include "experiments/results/records.hpp"
#include "experiments/runner/cores.hpp"

namespace violet {

struct HostPlaces {
  std::filesystem::path cpus = "/sys/devices/system/cpu";
  std::filesystem::path stat = "/proc/stat";
};

struct CpuState {
  unsigned cpu = 0;
  // Nanoseconds of kSpinSteps steps of arithmetic, the fastest of some: what the core can issue, at its frequency.
  // Nothing: the lcore did not answer.
  std::optional<double> spin_ns;
  std::optional<double> megahertz;     // Nothing: the kernel does not say.
  std::optional<std::uint64_t> steal;  // Ticks that a hypervisor took so far. Nothing: not counted.
};

struct HostState {
  Ticks at = 0;
  std::optional<double>
      ping_pong_ns;  // A cache line from the guest's CPU to the engine's and back.
  std::string why_no_ping_pong;
  std::vector<CpuState> cpus;  // Of guest, engine and, with an lcore of its own, endpoint.
};

inline constexpr unsigned kSpinSteps = 10'000;

HostState measure_host(Eal& eal, const CoreMap& cores, const HostPlaces& places = {});

// What /proc/stat and cpufreq say of a CPU; `spin_ns` stays open.
CpuState cpu_state(unsigned cpu, const HostPlaces& places = {});

// Both moments, and what was stolen between them.
std::vector<results::Metric> host_metrics(const HostState& before, const HostState& after);

}  // namespace violet
