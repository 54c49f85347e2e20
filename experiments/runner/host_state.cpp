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
#include "experiments/results/statistics.hpp"

namespace violet {
namespace {

using results::measured;
using results::Metric;
using results::not_measured;

constexpr unsigned kBatches = 5;         // Their median counts.
constexpr unsigned kTripsOfBatch = 400;  // A batch outweighs the clock that times it.
constexpr std::uint64_t kBatchPatienceNs = 2'000'000;
constexpr std::uint64_t kPatienceNs = 50'000'000;
// A core that slept takes some milliseconds to its full speed.
constexpr std::uint64_t kWarmUpNs = 10'000'000;
constexpr double kSteady = 1.02;
constexpr unsigned kSpinsOfRound = 8;

// Six chains: bound by what the core issues in a cycle, of which a busy sibling takes its part.
double spin_once() {
  std::array<std::uint64_t, 6> values{1, 2, 3, 4, 5, 6};
  const Ticks start = now_ticks();
  for (unsigned i = 0; i < kSpinSteps; ++i) {
    for (std::uint64_t& value : values) {
      value = value * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator.
      asm volatile("" : "+r"(value));
    }
  }
  return static_cast<double>(now_ticks() - start) * ns_per_tick();
}

double fastest_of_round() {
  double fastest = spin_once();
  for (unsigned i = 1; i < kSpinsOfRound; ++i) fastest = std::min(fastest, spin_once());
  return fastest;
}

double fastest_spin() {
  const Ticks end = now_ticks() + ns_to_ticks(kWarmUpNs);
  double fastest = fastest_of_round();
  for (double last = fastest; now_ticks() < end; last = fastest) {
    fastest = fastest_of_round();
    if (last < fastest * kSteady && fastest < last * kSteady) break;
  }
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

  // Nanoseconds a trip; nothing when an answer is missing at `deadline`. The next call waits for that one first.
  std::optional<double> trips(unsigned count, Ticks deadline) {
    if (!answered(deadline)) return std::nullopt;
    const Ticks start = now_ticks();
    for (unsigned i = 0; i < count; ++i) {
      line_.store(++sent_, std::memory_order_release);  // partner: answer()'s acquire
      ++sent_;
      if (!answered(deadline)) return std::nullopt;
    }
    return static_cast<double>(now_ticks() - start) * ns_per_tick() / count;
  }
  bool answered(Ticks deadline) const {
    for (unsigned looks = 1; line_.load(std::memory_order_acquire) != sent_; ++looks) {
      if (looks % 1024 == 0 && now_ticks() > deadline) return false;
    }
    return true;
  }

 private:
  alignas(kCacheLine) std::atomic<std::uint64_t> line_{0};
  alignas(kCacheLine) std::atomic<bool> stop_{false};
  alignas(kCacheLine) std::uint64_t sent_ = 0;
};

// Of the batches in which nobody took either CPU away.
std::optional<double> median_trip(PingPong& line) {
  const Ticks deadline = now_ticks() + ns_to_ticks(kPatienceNs);
  std::vector<double> batches;
  line.trips(1, deadline);  // The other has begun.
  while (batches.size() < kBatches && now_ticks() < deadline && line.answered(deadline)) {
    const Ticks patience = now_ticks() + ns_to_ticks(kBatchPatienceNs);
    if (const auto took = line.trips(kTripsOfBatch, std::min(patience, deadline))) {
      batches.push_back(*took);
    }
  }
  if (batches.empty()) return std::nullopt;
  return results::median(batches);
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
        fmt::format("other programs had CPU {} or {}: no 400 trips in a row within {} ms",
                    cores.guest, cores.engine, kPatienceNs / 1'000'000);
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

// Of guest, engine and endpoint, as CoreMap::lcore_cpus() has them.
struct Role {
  const char* before;
  const char* after;
};
constexpr Role kRoles[] = {{"spin_guest_before", "spin_guest_after"},
                           {"spin_engine_before", "spin_engine_after"},
                           {"spin_endpoint_before", "spin_endpoint_after"}};

Metric spin_metric(const char* name, const HostState& state, std::size_t at) {
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
    // A tick may have begun long before.
    most = std::max(most.value_or(0), took > 1 ? took / ticks_per_s / seconds : 0);
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
    const auto spin_ns = spin_of(eal, lcore++);
    state.cpus.push_back(cpu_state(cpu, places));  // A CPU that slept has a frequency of its own.
    state.cpus.back().spin_ns = spin_ns;
  }
  state.at = now_ticks();
  return state;
}

std::vector<Metric> host_metrics(const HostState& before, const HostState& after) {
  std::vector<Metric> metrics{ping_pong_metric("ping_pong_before", before),
                              ping_pong_metric("ping_pong_after", after)};
  // Endpoints without an lcore of their own have no spin either.
  const std::size_t roles = std::min(before.cpus.size(), after.cpus.size());
  for (std::size_t i = 0; i < std::min(roles, std::size(kRoles)); ++i) {
    metrics.push_back(spin_metric(kRoles[i].before, before, i));
    metrics.push_back(spin_metric(kRoles[i].after, after, i));
  }
  metrics.push_back(frequency_metric("frequency_before", before));
  metrics.push_back(frequency_metric("frequency_after", after));
  metrics.push_back(steal_metric(before, after));
  return metrics;
}

}  // namespace violet
