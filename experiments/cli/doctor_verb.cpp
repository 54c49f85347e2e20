// doctor: what this machine has, what it lacks, and what that means for results.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "dataplane/eal/eal.hpp"
#include "engine/base/clock.hpp"
#include "engine/base/counted.hpp"
#include "engine/base/huge_pages.hpp"
#include "experiments/cli/quota_finding.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/linux_guest/qemu.hpp"
#include "experiments/plans/plan.hpp"
#include "experiments/results/manifest.hpp"
#include "experiments/results/noise_history.hpp"
#include "experiments/results/run_store.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table.hpp"
#include "experiments/runner/cpu_quota.hpp"

namespace violet::cli {
namespace {

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

bool on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  }
  return false;
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

// What of a single duration is known, beside how long a tick is.
std::string step_text(const results::Manifest& host) {
  if (!host.clock_step_ns) return "it stands still";
  return fmt::format("moves by {} ns, two reads are {} ns apart",
                     results::three_digits(*host.clock_step_ns),
                     results::three_digits(*host.clock_read_ns));
}

Finding clock_source(const results::Manifest& host) {
  const std::string cpuinfo = read_text("/proc/cpuinfo");
  const bool steady = has_flag(cpuinfo, "constant_tsc") && has_flag(cpuinfo, "nonstop_tsc");
  if (steady) {
    return {"clock",
            fmt::format("invariant TSC, {:.3f} ns a tick; {}", ns_per_tick(), step_text(host)),
            "times of different lcores can be compared; a percentile that differs by a step does "
            "not differ"};
  }
  return {"clock", "no invariant TSC is reported; " + step_text(host),
          "exposure windows between lcores may be wrong by the counters' drift", false};
}

Finding huge_pages() {
  const std::uint64_t bytes = available_huge_page_bytes();
  if (!huge_pages_allowed()) {
    return {"hugepages", fmt::format("{} MiB free, not used", bytes >> 20),
            "VIOLET_NO_HUGEPAGES is set: 4 KiB pages are used", false};
  }
  if (bytes > 0) {
    return {"hugepages", fmt::format("{} MiB free and not reserved", bytes >> 20),
            "used for guest memory and EAL"};
  }
  return {"hugepages", "none free that is not reserved",
          "4 KiB pages are used: more TLB misses in every number. As root: "
          "echo 256 > /proc/sys/vm/nr_hugepages",
          false};
}

Finding memory() {
  const auto pages = static_cast<std::uint64_t>(sysconf(_SC_AVPHYS_PAGES));
  const std::uint64_t mib = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) >> 20;
  const std::string state = fmt::format("{} MiB free", mib);
  if (mib >= 2048) return {"memory", state, "enough for every bundled plan"};
  return {"memory", state, "a run takes 1 to 2 GiB, most of it events: shorten duration_s", false};
}

// What runs here took, the middle one and the extremes.
std::string sizes_text(const std::string& root) {
  std::vector<double> sizes;
  for (const auto& run : results::stored_runs(root)) {
    if (!run.goes_on) sizes.push_back(static_cast<double>(run.bytes));
  }
  const std::string budget = fmt::format(
      "a run's trace takes at most {} MiB (run.trace_mib; --no-trace: none)", plans::kTraceMib);
  if (sizes.empty()) return budget + "; no run is here yet, ./violet runs says what they take";
  if (sizes.size() == 1) {
    return fmt::format("{}; the run here took {}: ./violet runs", budget,
                       results::with_unit(sizes[0], "B"));
  }
  const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
  return fmt::format("{}; a run here took {} ({} to {}, {}): ./violet runs", budget,
                     results::with_unit(results::median(sizes), "B"),
                     results::with_unit(*least, "B"), results::with_unit(*most, "B"),
                     counted(sizes.size(), "run"));
}

Finding disk(const std::string& runs) {
  std::error_code error;
  // The folder above: runs/ is made by the first run.
  const auto at = std::filesystem::exists(runs, error) ? std::filesystem::path(runs)
                                                       : std::filesystem::path(runs).parent_path();
  const auto space = std::filesystem::space(at, error);
  if (error) return {"disk", fmt::format("{}: {}", at.string(), error.message()), "no run", false};
  const std::string state = fmt::format("{} MiB free at {}", space.available >> 20, at.string());
  if (access(at.c_str(), W_OK) != 0) {
    return {"disk", at.string() + " cannot be written", "VIOLET_RUNS=DIR puts runs elsewhere",
            false};
  }
  if (space.available >> 20 >= 512) return {"disk", state, sizes_text(runs)};
  return {"disk", state, sizes_text(runs) + "; on a full disk traces give way to results", false};
}

Finding noise(const Places& places, const results::Manifest& host) {
  const auto history = results::noise_history(places.runs, host);
  const std::string means = results::source_text(history);
  if (history.floor.empty()) return {"noise floor", "unknown", means, false};
  return {"noise floor",
          fmt::format("{:.1f} % (median of {} metrics)", 100 * history.floor.at("*"),
                      history.floor.size() - 1),
          means};
}

// Programs of Debian packages that some verbs and tests use and the build does not need.
Finding optional_programs() {
  // As cmake/clang.cmake chooses.
  const char* clang = on_path("clang-14") ? "clang-14" : "clang";
  const std::pair<const char*, const char*> kPrograms[] = {{"git", "revisions in results"},
                                                           {clang, "fuzzers"},
                                                           {"clang-format-14", "the format check"},
                                                           {"node", "the histograms' cross-check"},
                                                           {"qemu-system-x86_64", "real guests"}};
  std::vector<std::string> absent;
  for (const auto& [program, use] : kPrograms) {
    if (!on_path(program)) absent.push_back(fmt::format("{} ({})", program, use));
  }
  if (absent.empty()) return {"optional programs", "all there", "nothing is skipped"};
  return {"optional programs", fmt::format("without {}", fmt::join(absent, ", ")),
          "what they serve is skipped with a reason", false};
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

// What perf_event_open() means by an error, and what to do.
std::pair<std::string, std::string> no_counters_because(int error) {
  switch (error) {
    case ENOENT:
    case EOPNOTSUPP:
      return {"this machine shows no cycle counter (a virtual machine whose host keeps its own)",
              "Give the guest a virtual PMU, or measure on the host"};
    case EACCES:
    case EPERM:
      return {"this user may not read it (kernel.perf_event_paranoid, or a container's filter)",
              "As root: sysctl kernel.perf_event_paranoid=1"};
    case ENOSYS:
      return {"the kernel was built without perf events, or a container hides them",
              "Run outside of the container"};
    default:
      return {std::strerror(error), "perf stat -e cycles true says the same"};
  }
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
  const auto [why, remedy] = no_counters_because(errno);
  return {"PMU", "not available: " + why,
          "cycles and cache misses are null in results; times are not affected. " + remedy, false};
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

Finding guests() {
  if (!on_path("qemu-system-x86_64")) {
    return {"real guests", "not available, because qemu-system-x86_64 is not installed",
            "apt install qemu-system-x86 busybox-static", false};
  }
  const bool kvm = linux_guest::kvm_usable();
  return {"real guests",
          kvm ? "TCG, interrupts through QEMU's qtest socket; with --accel kvm through irqfd"
              : "TCG, interrupts through QEMU's qtest socket; no KVM for irqfd",
          "./violet guest run; the engine is the same either way", kvm};
}

Finding eal() {
  const auto allowed = allowed_cpus();
  const auto started = Eal::start({.cpus = {allowed.empty() ? 0 : allowed.front()}});
  if (!started) return {"DPDK EAL", "does not start", started.error().message, false};
  return {"DPDK EAL",
          (*started)->huge_pages() ? "starts, on hugepages"
                                   : fmt::format("starts, without hugepages, because {}",
                                                 (*started)->against_huge_pages()),
          "lcores are available"};
}

}  // namespace

int doctor_verb(const Places& places, results::Format format) {
  const auto host = results::host_manifest();
  const std::vector<Finding> findings = {
      {"machine", host.cpu_model.text(), host.kernel.text()},
      cpus(),
      quota_finding(cpu_quota(), allowed_cpus().size()),
      clock_source(host),
      huge_pages(),
      memory(),
      disk(places.runs),
      noise(places, host),
      governor(host),
      isolation(),
      cycle_counters(),
      iommu_groups(),
      device_file("KVM", "/dev/kvm", "guest run --accel kvm, where it boots a Linux",
                  "guests run under TCG, about ten times slower; models are not affected"),
      guests(),
      optional_programs(),
      eal()};
  results::Table table;
  table.title = "this machine";
  table.columns = {{.name = "what", .is_key = true}, {.name = "state"}, {.name = "what it means"}};
  for (const auto& finding : findings) {
    const auto tone = finding.good ? results::Tone::kPlain : results::Tone::kWarning;
    table.rows.push_back({results::Text{finding.what}, results::Text{finding.state, tone},
                          results::Text{finding.means}});
  }
  return print(results::render(table, format, results::style_for(1)));
}

}  // namespace violet::cli
