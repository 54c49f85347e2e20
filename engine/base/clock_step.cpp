#include "engine/base/clock_step.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace violet {

std::optional<ClockStep> measure_clock_step(const TickSource& clock) {
  constexpr std::size_t kReads = 100'000;
  constexpr Ticks kInARow =
      64;  // Times the smallest difference: beyond it something came between the reads.
  std::vector<Ticks> differences;
  differences.reserve(kReads);
  Ticks last = clock();
  for (std::size_t i = 0; i < kReads; ++i) {
    const Ticks now = clock();
    if (now > last) differences.push_back(now - last);
    last = now;
  }
  if (differences.empty()) return std::nullopt;
  std::sort(differences.begin(), differences.end());
  ClockStep found;
  std::size_t most = 0;
  for (std::size_t from = 0; from < differences.size();) {
    const Ticks difference = differences[from];
    if (difference > kInARow * differences.front()) break;
    std::size_t to = from;
    while (to < differences.size() && differences[to] == difference) ++to;
    found.step = std::gcd(found.step, difference);
    if (to - from > most) found.between = difference;
    most = std::max(most, to - from);
    from = to;
  }
  return found;
}

}  // namespace violet
