// A core map decides which CPU does what, and what must be said about it.
//
// Threading: pure functions.
// Invariants: the guest and the engine share a CPU only when the plan allows it; whatever is shared is
// named in `shared`, which goes into every result.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.hpp"
#include "experiments/plans/plan.hpp"

namespace violet {

struct CoreMap {
  unsigned guest = 0;                // Lcore 0.
  unsigned engine = 0;               // Lcore 1.
  std::optional<unsigned> endpoint;  // Lcore 2; nothing: the guest's lcore polls the endpoints.
  std::optional<unsigned> recorder;  // Nothing: the recorder shares the guest's CPU.
  std::vector<std::string>
      shared;                   // "guest and endpoints share CPU 0": by design or for want of CPUs.
  bool oversubscribed = false;  // Two busy lcores on one CPU.

  std::vector<unsigned> lcore_cpus() const;
};

// `allowed` are the CPUs of this process. Error (kind kEnvironment) when the plan's wishes cannot be met.
Result<CoreMap> choose_cores(const plans::CoreSettings& settings,
                             const std::vector<unsigned>& allowed);

}  // namespace violet
