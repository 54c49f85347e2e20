// What doctor says of a CPU quota: below the CPUs it is a warning.
//
// Threading: a pure function.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "experiments/runner/cpu_quota.hpp"

namespace violet::cli {

// A line of doctor.
struct Finding {
  std::string what;
  std::string state;
  std::string means;
  bool good = true;
};

// `cpus`: how many this process may use.
Finding quota_finding(const std::optional<CpuQuota>& quota, std::size_t cpus);

}  // namespace violet::cli
