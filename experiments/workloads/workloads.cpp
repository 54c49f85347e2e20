#include "experiments/workloads/workloads.hpp"

#include <bit>
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

std::optional<SettingProblem> ring_problem(const SettingValues& settings) {
  const std::int64_t ring = settings.integer("ring");
  if (std::has_single_bit(static_cast<std::uint64_t>(ring))) return std::nullopt;
  return SettingProblem{"ring", fmt::format("expected a power of two, found {}", ring)};
}

Setting completion_cpu_setting() {
  return {.name = "completion_cpu",
          .initial = std::string("submitter"),
          .choices = {"submitter", "first"},
          .help =
              "the CPU that unmaps: the one that mapped (a queue for each CPU), or CPU 0 (one "
              "interrupt for all)"};
}

CompletionCpu completion_cpu(const SettingValues& settings) {
  return settings.text("completion_cpu") == "first" ? CompletionCpu::kFirst
                                                    : CompletionCpu::kSubmitter;
}

std::uint64_t whole_pages(std::uint64_t bytes) {
  return (bytes + GuestPages::kPageBytes - 1) / GuestPages::kPageBytes * GuestPages::kPageBytes;
}

}  // namespace violet
