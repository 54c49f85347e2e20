// doctor: what this machine has, what it lacks, and what that means for results.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dataplane/eal/eal.hpp"
#include "engine/base/clock.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/results/manifest.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {
namespace {

struct Finding {
  std::string what;
  std::string state;
  std::string means;
  bool good = true;
};

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool has_flag(const std::string& cpuinfo, const std::string& flag) {
  return cpuinfo.find(" " + flag + " ") != std::string::npos ||
         cpuinfo.find(" " + flag + "\n") != std::string::npos;
}

Finding cpus() {
  const auto allowed = allowed_cpus();
  const std::string state = fmt::format("{} usable: {}", allowed.size(), fmt::join(allowed, ", "));
  if (allowed.size() >= 4)
    return {"CPUs", state, "engine, guest, endpoints and recorder: one each"};
  if (allowed.size() == 3) return {"CPUs", state, "engine, guest and endpoints have one each"};
  if (allowed.size() == 2) {
    return {"CPUs", state, "the engine has one; guest and endpoints take turns on the other"};
  }
  return {"CPUs", state, "too few: samecore only, or plans with cores.allow_oversubscribed = true",
          false};
}

Finding clock_source() {
  const std::string cpuinfo = read_text("/proc/cpuinfo");
  const bool steady = has_flag(cpuinfo, "constant_tsc") && has_flag(cpuinfo, "nonstop_tsc");
  if (steady) {
    return {"clock", fmt::format("invariant TSC, {:.3f} ns a tick", ns_per_tick()),
            "times of different lcores can be compared"};
  }
  return {"clock", "no invariant TSC is reported",
          "exposure windows between lcores may be wrong by the counters' drift", false};
}

Finding huge_pages() {
  const std::uint64_t bytes = free_huge_page_bytes();
  if (bytes > 0) {
    return {"hugepages", fmt::format("{} MiB free", bytes >> 20), "used for guest memory and EAL"};
  }
  return {"hugepages", "none free",
          "4 KiB pages are used: more TLB misses in every number. As root: "
          "echo 256 > /proc/sys/vm/nr_hugepages",
          false};
}

Finding governor(const results::Manifest& host) {
  if (!host.governor.known()) {
    return {"frequency", host.governor.text(), "drift is held against by interleaved repetitions",
            false};
  }
  const bool fixed = host.governor.value == "performance";
  return {"frequency", host.governor.value,
          fixed ? "steady" : "may move between repetitions; they are interleaved for that", fixed};
}

Finding cycle_counters() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.size = sizeof(attributes);
  attributes.config = PERF_COUNT_HW_CPU_CYCLES;
  attributes.exclude_kernel = 1;
  const auto fd = syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
  if (fd >= 0) {
    close(static_cast<int>(fd));
    return {"PMU", "cycles can be counted", "./violet scorecard can say what a miss costs"};
  }
  return {"PMU", fmt::format("not available, because {}", std::strerror(errno)),
          "cycles and cache misses are null in results; times are not affected", false};
}

Finding isolation() {
  std::string isolated = read_text("/sys/devices/system/cpu/isolated");
  while (!isolated.empty() && isolated.back() == '\n') isolated.pop_back();
  if (!isolated.empty()) return {"isolated CPUs", isolated, "give these to Violet with taskset"};
  return {"isolated CPUs", "none", "the scheduler's own work shows in p99.9 and above", false};
}

Finding device_file(const char* what, const char* path, const char* present, const char* absent) {
  // Opened for real: for root, permissions alone say nothing about a device that is not there.
  if (const int fd = open(path, O_RDWR | O_CLOEXEC); fd >= 0) {
    close(fd);
    return {what, path, present};
  }
  return {what, fmt::format("not available, because {}: {}", path, std::strerror(errno)), absent,
          false};
}

Finding iommu_groups() {
  std::error_code error;
  const auto groups = std::filesystem::directory_iterator("/sys/kernel/iommu_groups", error);
  const auto count = error ? 0 : std::distance(groups, std::filesystem::directory_iterator{});
  if (count > 0)
    return {"IOMMU", fmt::format("{} groups", count), "not used: the engine is software"};
  return {"IOMMU", "none", "not needed: the engine is software"};
}

Finding eal() {
  const auto allowed = allowed_cpus();
  const auto started = Eal::start({.cpus = {allowed.empty() ? 0 : allowed.front()}});
  if (!started) return {"DPDK EAL", "does not start", started.error().message, false};
  return {"DPDK EAL",
          (*started)->huge_pages() ? "starts, on hugepages" : "starts, without hugepages",
          "lcores are available"};
}

}  // namespace

int doctor_verb(const std::string& format_name) {
  const auto format = results::format_from(format_name);
  if (!format) return complain(format.error());
  const auto host = results::host_manifest();
  const std::vector<Finding> findings = {
      {"machine", host.cpu_model.text(), host.kernel.text()},
      cpus(),
      clock_source(),
      huge_pages(),
      governor(host),
      isolation(),
      cycle_counters(),
      iommu_groups(),
      device_file("KVM", "/dev/kvm", "guests run at full speed",
                  "guests run under TCG, about ten times slower; models are not affected"),
      eal()};
  results::Table table;
  table.title = "this machine";
  table.columns = {{.name = "what", .is_key = true}, {.name = "state"}, {.name = "what it means"}};
  for (const auto& finding : findings) {
    const auto tone = finding.good ? results::Tone::kPlain : results::Tone::kWarning;
    table.rows.push_back({results::Text{finding.what}, results::Text{finding.state, tone},
                          results::Text{finding.means}});
  }
  return print(results::render(table, *format, results::style_for(1)));
}

}  // namespace violet::cli
