// Samples for tests: seeded values around a centre.
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/base/rng.hpp"
#include "experiments/results/samples.hpp"

namespace violet::results {

// `count` values around `centre`, at most `noise` away, relative.
inline std::vector<double> around(double centre, double noise, std::size_t count,
                                  std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> values(count);
  for (double& value : values) {
    value = centre * (1 + noise * (static_cast<double>(rng() >> 11) * 0x1.0p-52 - 1));
  }
  return values;
}

inline Samples samples_testing(std::vector<double> values, Better better) {
  Samples s{"metric", "ns", better, std::move(values), {}, {}};
  for (std::uint32_t i = 0; i < s.values.size(); ++i) s.repetitions.push_back(i);
  return s;
}

}  // namespace violet::results
