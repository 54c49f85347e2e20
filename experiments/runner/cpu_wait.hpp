// CPU wait is the time in which an lcore could have run and did not, because another thread had its CPU: a second run
// on the same cores, a build, a noisy neighbour. An lcore polls without pause, so that there is hardly any when it is
// alone.
//
// Threading: pure functions over the file system.
// Limits: of the main thread and EAL's workers; a kernel without CONFIG_SCHED_INFO does not say. What a hypervisor
// takes is not seen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

namespace violet {

// Nanoseconds since it began, by thread.
using CpuWaits = std::map<int, std::uint64_t>;

// Empty: the kernel does not say.
std::optional<CpuWaits> cpu_waits(const std::filesystem::path& process = "/proc/self");
// The share of the time, 0..1, of the lcore that waited longest.
double longest_wait(const CpuWaits& before, const CpuWaits& after, double seconds);

}  // namespace violet
