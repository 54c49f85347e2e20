#include "experiments/workloads/workloads.hpp"

#include <vector>

namespace violet {

#define VIOLET_DECLARE(name) WorkloadInfo name##_workload();
VIOLET_WORKLOADS(VIOLET_DECLARE)
#undef VIOLET_DECLARE

Registry<WorkloadInfo> workloads() {
#define VIOLET_ENTRY(name) name##_workload(),
  static const std::vector<WorkloadInfo> kWorkloads = {VIOLET_WORKLOADS(VIOLET_ENTRY)};
#undef VIOLET_ENTRY
  return {"workload", kWorkloads};
}

}  // namespace violet
