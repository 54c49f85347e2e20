#include "engine/telemetry/mark_price.hpp"

#include <algorithm>
#include <cmath>

namespace violet {

void RoundSums::add(double weight, Ticks of_ticks, std::uint64_t of_units) {
  const auto t = static_cast<double>(of_ticks), u = static_cast<double>(of_units);
  ++rounds;
  ticks += weight * t;
  units += weight * u;
  ticks2 += weight * weight * t * t;
  both += weight * weight * t * u;
  units2 += weight * weight * u * u;
}

double RoundSums::misses2(double ratio) const {
  return std::max(0.0, ticks2 - 2 * ratio * both + ratio * ratio * units2);
}

MarkPrices::MarkPrices(Ticks in_a_loop) : loop_(static_cast<double>(in_a_loop)) {
  price_.mark = loop_;
}

void MarkPrices::add_marked(double weight, Ticks ticks, std::uint64_t units, std::uint64_t marks) {
  marked_.add(weight, ticks, units);
  marks_ += weight * static_cast<double>(marks);
  price_ = learned();
}

MarkPrice MarkPrices::learned() const {
  const bool none = marked_.units == 0 || plain_.units == 0 || plain_.ticks == 0;
  const double marks = none ? 0 : marks_ / marked_.units;
  const double before = kLoopError * loop_ * marks;  // What the loop's price leaves open.
  if (none || marked_.rounds < kFewestRounds || plain_.rounds < kFewestRounds) {
    return {loop_, 0, before, false};
  }
  const double longer = marked_.ticks / marked_.units, plain = plain_.ticks / plain_.units;
  const double error = std::hypot(std::sqrt(marked_.misses2(longer)) / marked_.units,
                                  std::sqrt(plain_.misses2(plain)) / plain_.units);
  const double more = longer - plain;
  if (constexpr double kSure = 3; more - kSure * error > kMostOfLoop * loop_ * marks) {
    return {loop_, more - loop_ * marks, 0, false};
  }
  if (before == 0) return {loop_, 0, 0, false};
  const double weight = before * before / (before * before + error * error);
  const double mark = loop_ + weight * (more / marks - loop_);
  return {std::max(0.0, mark), 0, std::sqrt(weight * (1 - weight)) * error, weight > 0.5};
}

}  // namespace violet
