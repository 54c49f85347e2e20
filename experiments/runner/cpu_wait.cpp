#include "experiments/runner/cpu_wait.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace violet {
namespace {

namespace fs = std::filesystem;

// As the versions of DPDK name their threads.
bool is_lcore(const fs::path& thread, const std::string& main_thread) {
  if (thread.filename() == main_thread) return true;
  std::ifstream file(thread / "comm");
  std::string name;
  std::getline(file, name);
  return name.starts_with("lcore-worker") || name.starts_with("rte-worker") ||
         name.starts_with("dpdk-worker");
}

}  // namespace

std::optional<CpuWaits> cpu_waits(const fs::path& process) {
  CpuWaits waits;
  std::error_code error;
  // "pid (name) ...": the main thread has the number of the process.
  std::ifstream stat(process / "stat");
  std::string main_thread;
  stat >> main_thread;
  for (fs::directory_iterator at(process / "task", error), end; !error && at != end;
       at.increment(error)) {
    if (!is_lcore(at->path(), main_thread)) continue;
    // Time on a CPU, time waiting for one, time slices.
    std::ifstream file(at->path() / "schedstat");
    std::uint64_t ran = 0, waited = 0;
    if (!(file >> ran >> waited)) return std::nullopt;
    waits[std::atoi(at->path().filename().c_str())] = waited;
  }
  if (waits.empty()) return std::nullopt;
  return waits;
}

double longest_wait(const CpuWaits& before, const CpuWaits& after, double seconds) {
  double longest = 0;
  for (const auto& [thread, waited] : after) {
    const auto at = before.find(thread);
    const std::uint64_t then = at == before.end() ? 0 : at->second;
    if (waited > then) longest = std::max(longest, static_cast<double>(waited - then) * 1e-9);
  }
  return seconds > 0 ? std::min(1.0, longest / seconds) : 0;
}

}  // namespace violet
