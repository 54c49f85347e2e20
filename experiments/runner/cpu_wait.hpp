// CPU wait is the time in which an lcore could have run and did not, because a thread of another process had its CPU: a
// second run on the same cores, a build, a noisy neighbour. An lcore polls without pause, so that there is hardly any
// when it is alone.
//
// Threading: pure functions over the file system.
// Limits: of the main thread and EAL's workers; a kernel without CONFIG_SCHED_INFO does not say. What a hypervisor
// takes is not seen. What threads of this process took of each other (the recorder, lcores that share a CPU) is taken
// off by the CPU on which they were last, which is exact for threads that stay on one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

namespace violet {

struct ThreadTimes {
  std::uint64_t ran = 0, waited = 0;  // Nanoseconds since it began.
  int cpu = -1;                       // On which it was last; -1: not known.
  bool lcore = false;
  std::uint64_t taken_off =
      0;  // Times it lost its CPU without asking (nonvoluntary_ctxt_switches).
  bool operator==(const ThreadTimes&) const = default;
};
using CpuWaits = std::map<int, ThreadTimes>;  // Of all threads of the process, by number.

// Nothing: the kernel does not say.
std::optional<CpuWaits> cpu_waits(const std::filesystem::path& process = "/proc/self");
// The share of the time, 0..1, that other processes took of the lcore that waited longest for them. Less than
// kLeastWaitNs, a scheduler's slice, is none.
inline constexpr double kLeastWaitNs = 3e6;
double longest_wait(const CpuWaits& before, const CpuWaits& after, double seconds);
// Of all lcores together.
std::uint64_t involuntary_switches(const CpuWaits& before, const CpuWaits& after);
// The share of the time, 0..1, that the calling process's main thread, the guest's lcore, was on a CPU.
double main_thread_share(const CpuWaits& before, const CpuWaits& after, int main_thread,
                         double seconds);

}  // namespace violet
