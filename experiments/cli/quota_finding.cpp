#include "experiments/cli/quota_finding.hpp"

#include <fmt/format.h>

namespace violet::cli {

Finding quota_finding(const std::optional<CpuQuota>& quota, std::size_t cpus) {
  if (!quota) return {"CPU quota", "none", "the CPUs are there all the time"};
  const std::string state = fmt::format("{:.3g} CPUs, by {}", quota->cpus, quota->group);
  if (quota->cpus >= static_cast<double>(cpus)) {
    return {"CPU quota", state, "no less than the CPUs that are usable"};
  }
  return {"CPU quota", state,
          fmt::format("below the {} usable CPUs: polling lcores use it up and the run stands still "
                      "for the rest of each period; results count these (throttled_periods)",
                      cpus),
          false};
}

}  // namespace violet::cli
