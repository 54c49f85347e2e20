#include "experiments/workloads/workloads.hpp"

#include <array>

namespace violet {

std::span<const WorkloadInfo> workloads() {
  static const std::array<WorkloadInfo, 4> kAll = {
      kNetRx,
      kNetTx,
      kNvme,
      kMapBench,
  };
  return kAll;
}

const WorkloadInfo* find_workload(std::string_view name) {
  for (const auto& info : workloads()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

}  // namespace violet
