#include "engine/base/clock.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace violet {
namespace {

double measure_ns_per_tick() {
  using SteadyClock = std::chrono::steady_clock;
  std::array<double, 5> samples{};
  for (auto& sample : samples) {
    const auto start = SteadyClock::now();
    const Ticks first = now_ticks();
    while (SteadyClock::now() - start < std::chrono::milliseconds(4)) cpu_pause();
    const Ticks last = now_ticks();
    const std::chrono::duration<double, std::nano> elapsed = SteadyClock::now() - start;
    sample = elapsed.count() / static_cast<double>(last - first);
  }
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  return samples[samples.size() / 2];
}

}  // namespace

double ns_per_tick() {
  static const double value = measure_ns_per_tick();
  return value;
}

}  // namespace violet
