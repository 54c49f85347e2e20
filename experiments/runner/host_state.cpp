#include "experiments/runner/host_state.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <sstream>

#include "engine/base/types.hpp"
#include "experiments/results/metric_catalogue.hpp"

namespace violet {
namespace {

using results::measured;
using results::Metric;
using results::not_measured;

constexpr unsigned kSpins = 8;           // The fastest counts.
constexpr unsigned kBatches = 5;         // The median counts.
constexpr unsigned kTripsOfBatch = 400;  // A batch outweighs the clock that times it.
constexpr std::uint64_t kPatienceNs = 50'000'000;

double spin_once() {
  std::uint64_t value = 1;
  const Ticks start = now_ticks();
  for (unsigned i = 0; i < kSpinSteps; ++i) {
    value = value * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator.
    asm volatile("" : "+r"(value));
  }
  return static_cast<double>(now_ticks() - start) * ns_per_tick();
}

double fastest_spin() {
  double fastest = spin_once();
  for (unsigned i = 1; i < kSpins; ++i) fastest = std::min(fastest, spin_once());
  return fastest;
}

// One line that two CPUs write in turn: the caller makes its value odd, the other even.
class PingPong {
 public:
  void answer() {
    while (!stop_.load(std::memory_order_relaxed)) {
      const auto value = line_.load(std::memory_order_acquire);  // partner: trips()' release
      if (value % 2 == 1) line_.store(value + 1, std::memory_order_release);
    }
  }
  void stop() { stop_.store(true, std::memory_order_relaxed); }

  // Nanoseconds a trip; nothing when nobody answers before `deadline`.
  std::optional<double> trips(unsigned count, Ticks deadline) {
    const Ticks start = now_ticks();
    for (unsigned i = 0; i < count; ++i) {
      line_.store(++sent_, std::memory_order_release);  // partner: answer()'s acquire
      ++sent_;
      for (unsigned looks = 1; line_.load(std::memory_order_acquire) != sent_; ++looks) {
        if (looks % 1024 == 0 && now_ticks() > deadline) return std::nullopt;
      }
    }
    return static_cast<double>(now_ticks() - start) * ns_per_tick() / count;
  }

 private:
  alignas(kCacheLine) std::atomic<std::uint64_t> line_{0};
  alignas(kCacheLine) std::atomic<bool> stop_{false};
  alignas(kCacheLine) std::uint64_t sent_ = 0;
};

std::optional<double> median_trip(PingPong& line) {
  const Ticks deadline = now_ticks() + ns_to_ticks(kPatienceNs);
  std::array<double, kBatches> batches{};
  if (!line.trips(kTripsOfBatch, deadline)) return std::nullopt;  // The other has begun.
  for (double& batch : batches) {
    const auto took = line.trips(kTripsOfBatch, deadline);
    if (!took) return std::nullopt;
    batch = *took;
  }
  std::nth_element(batches.begin(), batches.begin() + kBatches / 2, batches.end());
  return batches[kBatches / 2];
}

void measure_ping_pong(Eal& eal, const CoreMap& cores, HostState& state) {
  if (cores.guest == cores.engine) {
    state.why_no_ping_pong = fmt::format("guest and engine share CPU {}", cores.guest);
    return;
  }
  PingPong line;
  if (const Status launched = eal.launch(1, [&] { line.answer(); }); !launched) {
    state.why_no_ping_pong = launched.error().message;
    return;
  }
  state.ping_pong_ns = median_trip(line);
  line.stop();
  eal.join(1);
  if (!state.ping_pong_ns) {
    state.why_no_ping_pong =
        fmt::format("CPU {} did not answer within {} ms", cores.engine, kPatienceNs / 1'000'000);
  }
}

std::optional<double> spin_of(Eal& eal, unsigned lcore) {
  if (lcore == 0) return fastest_spin();
  std::optional<double> spin;
  if (!eal.launch(lcore, [&] { spin = fastest_spin(); })) return std::nullopt;
  eal.join(lcore);
  return spin;
}

std::optional<double> megahertz_of(unsigned cpu, const std::filesystem::path& cpus) {
  std::ifstream file(cpus / fmt::format("cpu{}", cpu) / "cpufreq" / "scaling_cur_freq");
  double kilohertz = 0;
  if (!(file >> kilohertz) || kilohertz <= 0) return std::nullopt;
  return kilohertz / 1000;
}

// The eighth number of "cpu3 user nice system idle iowait irq softirq steal ...".
std::optional<std::uint64_t> steal_of(unsigned cpu, const std::filesystem::path& stat) {
  constexpr int kNumbersUpToSteal = 8;
  std::ifstream file(stat);
  const std::string name = fmt::format("cpu{}", cpu);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first != name) continue;
    std::uint64_t steal = 0;
    for (int i = 0; i < kNumbersUpToSteal; ++i) {
      if (!(words >> steal)) return std::nullopt;
    }
    return steal;
  }
  return std::nullopt;
}

struct Role {
  const char* name;
  const char* before;
  const char* after;
};
constexpr Role kRoles[] = {{"guest", "spin_guest_before", "spin_guest_after"},
                           {"engine", "spin_engine_before", "spin_engine_after"},
                           {"endpoint", "spin_endpoint_before", "spin_endpoint_after"}};

Metric spin_metric(const char* name, const char* role, const HostState& state, std::size_t at) {
  if (at >= state.cpus.size()) {
    return not_measured(name, fmt::format("the {} has no lcore of its own", role));
  }
  const auto& spin = state.cpus[at].spin_ns;
  return spin ? measured(name, *spin) : not_measured(name, "its lcore could not be started");
}

Metric ping_pong_metric(const char* name, const HostState& state) {
  return state.ping_pong_ns ? measured(name, *state.ping_pong_ns)
                            : not_measured(name, state.why_no_ping_pong);
}

Metric frequency_metric(const char* name, const HostState& state) {
  std::optional<double> least;
  for (const CpuState& cpu : state.cpus) {
    if (cpu.megahertz) least = std::min(least.value_or(*cpu.megahertz), *cpu.megahertz);
  }
  return least ? measured(name, *least)
               : not_measured(name, "the kernel shows no frequency of these CPUs (cpufreq)");
}

// The CPU of which most was taken.
Metric steal_metric(const HostState& before, const HostState& after) {
  constexpr const char* kName = "steal_share";
  const double seconds = static_cast<double>(after.at - before.at) * ns_per_tick() * 1e-9;
  const double ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::optional<double> most;
  for (std::size_t i = 0; i < before.cpus.size() && i < after.cpus.size(); ++i) {
    if (!before.cpus[i].steal || !after.cpus[i].steal) continue;
    const std::uint64_t last = *after.cpus[i].steal;
    const double took = static_cast<double>(last - std::min(last, *before.cpus[i].steal));
    most = std::max(most.value_or(0), took / ticks_per_s / seconds);
  }
  if (!most || !(seconds > 0)) return not_measured(kName, "the kernel counts no stolen time");
  return measured(kName, 100 * std::min(*most, 1.0));
}

}  // namespace

CpuState cpu_state(unsigned cpu, const HostPlaces& places) {
  return {cpu, std::nullopt, megahertz_of(cpu, places.cpus), steal_of(cpu, places.stat)};
}

HostState measure_host(Eal& eal, const CoreMap& cores, const HostPlaces& places) {
  HostState state;
  measure_ping_pong(eal, cores, state);
  unsigned lcore = 0;
  for (const unsigned cpu : cores.lcore_cpus()) {
    state.cpus.push_back(cpu_state(cpu, places));
    state.cpus.back().spin_ns = spin_of(eal, lcore++);
  }
  state.at = now_ticks();
  return state;
}

std::vector<Metric> host_metrics(const HostState& before, const HostState& after) {
  std::vector<Metric> metrics{ping_pong_metric("ping_pong_before", before),
                              ping_pong_metric("ping_pong_after", after)};
  for (std::size_t i = 0; i < std::size(kRoles); ++i) {
    metrics.push_back(spin_metric(kRoles[i].before, kRoles[i].name, before, i));
    metrics.push_back(spin_metric(kRoles[i].after, kRoles[i].name, after, i));
  }
  metrics.push_back(frequency_metric("frequency_before", before));
  metrics.push_back(frequency_metric("frequency_after", after));
  metrics.push_back(steal_metric(before, after));
  return metrics;
}

}  // namespace violet
