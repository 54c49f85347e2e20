#include "experiments/scorecard/lab.hpp"

#include <fmt/core.h>

#include "engine/base/check.hpp"
#include "experiments/results/table.hpp"

namespace violet::scorecard {

Finding not_available(std::string_view key, std::string_view because) {
  return {key, {}, "", std::string(because), ""};
}

results::Estimate ratio(const Samples& above, const Samples& below) {
  VIOLET_CHECK(above.size() == below.size() && !above.empty());
  Samples ratios(above.size());
  for (std::size_t i = 0; i < above.size(); ++i) ratios[i] = above[i] / below[i];
  return results::median_estimate(ratios);
}

std::string ns_text(double ns) { return results::three_digits(ns) + " ns"; }
std::string ns_text(const Samples& samples) { return ns_text(results::median(samples)); }

}  // namespace violet::scorecard
