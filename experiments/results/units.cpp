#include "experiments/results/units.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace violet::results {
namespace {

constexpr double kFarApart = 1e4;

std::vector<Scale> scales_of(std::string_view unit) {
  const std::string u(unit);
  if (u == "ns") return {{1, "ns"}, {1e3, "µs"}, {1e6, "ms"}, {1e9, "s"}};
  if (u == "s") return {{1e-9, "ns"}, {1e-6, "µs"}, {1e-3, "ms"}, {1, "s"}};
  if (u == "%" || u == "x") return {{1, u}};
  if (u == "B" || u == "B/s") {
    const std::string tail = u.substr(1);
    return {{1, u},
            {0x1p10, "KiB" + tail},
            {0x1p20, "MiB" + tail},
            {0x1p30, "GiB" + tail},
            {0x1p40, "TiB" + tail}};
  }
  const std::string name = u == "1" ? "" : u == "1/s" ? "/s" : u;
  const std::string gap = name.empty() || name[0] == '/' ? "" : " ";
  return {{1, name}, {1e3, "k" + gap + name}, {1e6, "M" + gap + name}, {1e9, "G" + gap + name}};
}

}  // namespace

Scale scale_of(double typical, std::string_view unit) {
  const std::vector<Scale> scales = scales_of(unit);
  const double size = std::abs(typical);
  const Scale* best = &scales.front();
  for (const Scale& scale : scales) {
    if (size >= scale.factor) best = &scale;
  }
  // Nothing is said best without any prefix.
  if (size == 0)
    best =
        &*std::find_if(scales.begin(), scales.end(), [](const Scale& s) { return s.factor == 1; });
  return *best;
}

Scale common_scale(std::span<const double> values, std::string_view unit) {
  std::vector<double> sizes;
  for (const double value : values) {
    if (value != 0 && std::isfinite(value)) sizes.push_back(std::abs(value));
  }
  if (sizes.empty()) return scale_of(0, unit);
  std::sort(sizes.begin(), sizes.end());
  const bool scalable = scales_of(unit).size() > 1;
  if (scalable && sizes.back() > kFarApart * sizes.front()) return {0, ""};
  return scale_of(sizes[sizes.size() / 2], unit);
}

}  // namespace violet::results
