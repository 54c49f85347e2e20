#include "experiments/runner/cpu_wait.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
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

// The 39th field of stat(5); what stands in parentheses, the second, may hold anything.
int last_cpu(const fs::path& thread) {
  constexpr int kFieldsBehindName = 37;
  std::ifstream file(thread / "stat");
  std::string line;
  std::getline(file, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return -1;
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  for (int i = 0; i < kFieldsBehindName; ++i) {
    if (!(fields >> field)) return -1;
  }
  return std::atoi(field.c_str());
}

// "nonvoluntary_ctxt_switches: 5".
std::uint64_t taken_off(const fs::path& thread) {
  std::ifstream file(thread / "status");
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view kName = "nonvoluntary_ctxt_switches:";
    if (!line.starts_with(kName)) continue;
    return std::strtoull(line.c_str() + kName.size(), nullptr, 10);
  }
  return 0;
}

ThreadTimes times_of(const CpuWaits& waits, int thread) {
  const auto at = waits.find(thread);
  return at == waits.end() ? ThreadTimes{} : at->second;
}

std::uint64_t grown(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
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
    ThreadTimes times;
    times.lcore = is_lcore(at->path(), main_thread);
    // Time on a CPU, time waiting for one, time slices.
    std::ifstream file(at->path() / "schedstat");
    if (!(file >> times.ran >> times.waited)) {
      if (times.lcore) return std::nullopt;
      continue;  // Another thread may end at any time.
    }
    times.cpu = last_cpu(at->path());
    if (times.lcore) times.taken_off = taken_off(at->path());
    waits[std::atoi(at->path().filename().c_str())] = times;
  }
  if (waits.empty()) return std::nullopt;
  return waits;
}

double longest_wait(const CpuWaits& before, const CpuWaits& after, double seconds) {
  const auto then = [&](int thread) { return times_of(before, thread); };
  double longest = 0;
  for (const auto& [thread, times] : after) {
    if (!times.lcore) continue;
    std::uint64_t own = 0;
    for (const auto& [other, theirs] : after) {
      const bool shares = other != thread && theirs.cpu == times.cpu && times.cpu >= 0;
      if (shares) own += grown(then(other).ran, theirs.ran);
    }
    const std::uint64_t waited = grown(then(thread).waited, times.waited);
    longest = std::max(longest, static_cast<double>(grown(own, waited)));
  }
  if (longest < kLeastWaitNs || seconds <= 0) return 0;
  return std::min(1.0, longest * 1e-9 / seconds);
}

std::uint64_t involuntary_switches(const CpuWaits& before, const CpuWaits& after) {
  std::uint64_t switches = 0;
  for (const auto& [thread, times] : after) {
    if (times.lcore) switches += grown(times_of(before, thread).taken_off, times.taken_off);
  }
  return switches;
}

double main_thread_share(const CpuWaits& before, const CpuWaits& after, int main_thread,
                         double seconds) {
  if (seconds <= 0) return 0;
  const auto ran = grown(times_of(before, main_thread).ran, times_of(after, main_thread).ran);
  return std::min(1.0, static_cast<double>(ran) * 1e-9 / seconds);
}

}  // namespace violet
