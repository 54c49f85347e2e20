// A CPU quota is what a cgroup (a container, a slice) allows its processes of all CPUs together. Who uses it up stands
// still until the next period, which is 100 ms long as a rule: that shows in every latency.
//
// Threading: pure functions over the file system.
// Limits: cgroup v2 (cpu.max, cpu.stat) and the cpu controller of v1, where distributions mount them; of a group and
// its ancestors the least quota counts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace violet {

struct CpuQuota {
  double cpus = 0;    // Processors' worth of time.
  std::string group;  // The folder of the cgroup that says so.
};

struct CgroupPlaces {
  std::filesystem::path mount = "/sys/fs/cgroup";
  std::filesystem::path self = "/proc/self/cgroup";
};

// Empty: no quota.
std::optional<CpuQuota> cpu_quota(const CgroupPlaces& places = {});
// Periods in which the quota stopped this process's groups so far; empty: no group counts them.
std::optional<std::uint64_t> throttled_periods(const CgroupPlaces& places = {});

}  // namespace violet
