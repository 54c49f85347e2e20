#include "experiments/runner/cpu_quota.hpp"

#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace violet {
namespace {

namespace fs = std::filesystem;

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

// The folders of this process's groups that account for CPU time, each with its ancestors. In a container the path may
// be the host's, which is not mounted: its root is then the container's own group.
std::vector<fs::path> groups(const CgroupPlaces& places) {
  std::vector<fs::path> found;
  std::error_code ignored;
  const auto add = [&](const fs::path& root, const std::string& path) {
    if (!fs::is_directory(root, ignored)) return;
    auto below = fs::path(path).relative_path();
    for (; !below.empty(); below = below.parent_path()) {
      if (fs::is_directory(root / below, ignored)) found.push_back(root / below);
    }
    found.push_back(root);
  };
  std::ifstream file(places.self);
  for (std::string line;
       std::getline(file, line);) {  // "4:cpu,cpuacct:/docker/x" or "0::/user.slice"
    const auto first = line.find(':');
    const auto second = line.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto path = line.substr(second + 1);
    if (controllers.empty()) {
      add(places.mount, path);
      add(places.mount / "unified", path);
    } else if (has_word(controllers, "cpu")) {
      // One is often a link to the other, and is counted once.
      const auto whole = places.mount / controllers;
      add(fs::is_directory(whole, ignored) ? whole : places.mount / "cpu", path);
    }
  }
  return found;
}

// Of v2: "max 100000" or "150000 100000".
std::optional<double> quota_of(const fs::path& group) {
  std::string quota;
  double period = 0;
  if (std::ifstream file(group / "cpu.max"); file >> quota >> period) {
    double time = 0;
    if (std::istringstream(quota) >> time && period > 0) return time / period;
    return std::nullopt;
  }
  double time = 0;
  if (std::ifstream(group / "cpu.cfs_quota_us") >> time && time > 0 &&
      std::ifstream(group / "cpu.cfs_period_us") >> period && period > 0) {
    return time / period;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> throttled_of(const fs::path& group) {
  std::ifstream file(group / "cpu.stat");
  std::string name;
  for (std::uint64_t value = 0; file >> name >> value;) {
    if (name == "nr_throttled") return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<CpuQuota> cpu_quota(const CgroupPlaces& places) {
  std::optional<CpuQuota> least;
  for (const auto& group : groups(places)) {
    const auto cpus = quota_of(group);
    if (cpus && (!least || *cpus < least->cpus)) least = {*cpus, group.string()};
  }
  return least;
}

std::optional<std::uint64_t> throttled_periods(const CgroupPlaces& places) {
  std::optional<std::uint64_t> sum;
  for (const auto& group : groups(places)) {
    if (const auto count = throttled_of(group)) sum = sum.value_or(0) + *count;
  }
  return sum;
}

}  // namespace violet
