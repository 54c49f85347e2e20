// guest run: boots a real Linux whose IOMMU is the engine, and says what it saw and what was counted.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "datasets/importers.hpp"
#include "engine/base/scratch_folder.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/linux_guest/linux_guest.hpp"
#include "experiments/linux_guest/qemu_guest.hpp"
#include "experiments/linux_guest/recording.hpp"
#include "experiments/runner/interruption.hpp"

namespace violet::cli {
namespace {

using linux_guest::GuestReport;
using linux_guest::GuestSetup;
namespace fs = std::filesystem;

constexpr unsigned kTimeoutS = 600;
constexpr const char* kBusybox = "/bin/busybox";

// Where scripts/guest-kernel.sh puts its kernels.
fs::path kernel_cache() {
  if (const char* own = std::getenv("VIOLET_GUEST_CACHE")) return own;
  if (const char* cache = std::getenv("XDG_CACHE_HOME")) return fs::path(cache) / "violet/guest";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : "/root") / ".cache/violet/guest";
}

Result<std::string> find_kernel(const GuestFlags& flags) {
  const bool version = flags.kernel == "6.12" || flags.kernel == "6.1";
  if (!flags.kernel.empty() && !version) return flags.kernel;
  const fs::path kernel = kernel_cache() / (version ? "bzImage-" + flags.kernel : "bzImage");
  if (fs::exists(kernel)) return kernel.string();
  return fail(ErrorKind::kEnvironment,
              "no kernel {}: run scripts/guest-kernel.sh {}, which builds one in some minutes",
              kernel.string(), flags.kernel);
}

// A folder for this run; one of our own is removed at the end.
class Folder {
 public:
  static Result<Folder> make(const std::string& keep) {
    std::error_code error;
    if (!keep.empty()) {
      fs::create_directories(keep, error);
      if (error) return fail(ErrorKind::kEnvironment, "{}: {}", keep, error.message());
      return Folder(keep, std::nullopt);
    }
    VIOLET_TRY(auto ours, ScratchFolder::make("guest"));
    return Folder(ours.path().string(), std::move(ours));
  }
  void remove_ours() const {
    if (ours_) ours_->remove();
  }

  const std::string& path() const { return path_; }

 private:
  Folder(std::string path, std::optional<ScratchFolder> ours)
      : path_(std::move(path)), ours_(std::move(ours)) {}

  std::string path_;
  std::optional<ScratchFolder> ours_;
};

// Empty: the mirror.
Result<std::string> tap_name(const std::string& net) {
  constexpr std::string_view kTap = "tap:";
  if (net == "mirror") return std::string();
  if (net.starts_with(kTap) && net.size() > kTap.size()) return net.substr(kTap.size());
  return fail(ErrorKind::kUsage, "--net {}: expected mirror, or tap:NAME", net);
}

Result<GuestSetup> make_setup(const Places& places, const GuestFlags& flags, const Folder& folder) {
  GuestSetup setup;
  VIOLET_TRY(setup.kernel, find_kernel(flags));
  if (!fs::exists(kBusybox)) {
    return fail(ErrorKind::kEnvironment, "no {}: apt install busybox-static", kBusybox);
  }
  setup.busybox = kBusybox;
  setup.init = places.root + "/experiments/linux_guest/init.sh";
  setup.tools = (kernel_cache() / "tools").string();
  setup.folder = folder.path();
  setup.mode = flags.mode;
  setup.job = flags.job;
  setup.placement = flags.placement;
  setup.qemus_own = flags.iommu == "qemu";
  VIOLET_TRY(setup.tap, tap_name(flags.net));
  setup.endpoints = flags.endpoints;
  setup.topology = flags.topology;
  setup.store = flags.store;
  setup.iotlb = flags.iotlb;
  setup.accelerator =
      flags.accelerator == "kvm" ? linux_guest::Accelerator::kKvm : linux_guest::Accelerator::kTcg;
  setup.qtest =
      flags.interrupts == "auto" ? flags.accelerator == "tcg" : flags.interrupts == "qtest";
  setup.packed = flags.packed;
  setup.console = flags.console;
  setup.memory_mib = flags.memory_mib;
  setup.vcpus = flags.vcpus;
  setup.disk_file = flags.disk;
  setup.rounds = flags.rounds;
  setup.verify_mib = flags.verify_mib;
  setup.seconds = flags.seconds;
  setup.silent = [accelerator = flags.accelerator,
                  timeout_s = flags.timeout_s.value_or(kTimeoutS)] {
    const std::string patience = timeout_s == 0 ? "" : fmt::format(", {} s at the most", timeout_s);
    tell("violet: the guest has said nothing yet: {}; it is waited for{}, and a signal ends it\n",
         accelerator == "kvm" ? "this KVM may boot no Linux, --accel tcg boots one without it"
                              : "this machine is slow, or the kernel does not boot",
         patience);
  };
  setup.timeout_s = flags.timeout_s.value_or(flags.console ? 0 : kTimeoutS);
  return setup;
}

std::string to_text(const GuestReport& report, results::Format format) {
  if (format == results::Format::kJson) {
    const nlohmann::ordered_json json = {{"schema", "violet-guest-1"},
                                         {"ending", report.ending},
                                         {"accelerator", report.accelerator},
                                         {"interrupts", report.interrupts},
                                         {"endpoints", report.endpoints},
                                         {"run", report.run_directory},
                                         {"guest", report.told},
                                         {"counts", report.counts},
                                         {"metrics", report.metrics},
                                         {"warnings", report.warnings}};
    // What a guest says need not be UTF-8.
    return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  std::string text = fmt::format("guest {} under {}, interrupts by {}", report.ending,
                                 report.accelerator, report.interrupts);
  text += report.endpoints.empty() ? "\n" : fmt::format(", endpoints {}\n", report.endpoints);
  if (!report.run_directory.empty()) {
    text += fmt::format("  {:<14} {}\n", "recorded in", report.run_directory);
    const std::string trace = report.run_directory + "/guest.vtrace";
    if (fs::exists(trace)) {
      text += fmt::format("  {:<14} ./violet run strategies --set axes.workload=trace:{}\n",
                          "replay it with", trace);
    }
    for (const auto& warning : report.warnings) {
      text += "  warning: " + results::printable(warning) + "\n";
    }
  }
  for (const auto& [key, value] : report.told) {
    text += fmt::format("  {:<14} {}\n", results::printable(key), results::printable(value));
  }
  for (const auto& [key, value] : report.counts) text += fmt::format("  {:<14} {}\n", key, value);
  return text;
}

bool went_well(const GuestReport& report, const GuestFlags& flags) {
  if (report.ending != "finished") return false;
  if (flags.console) return true;
  const auto verified = report.told.find("verified");
  return verified != report.told.end() && verified->second == "yes" &&
         (report.counts.empty() || report.counts.at("disk_errors") == 0);
}

int exit_code(const GuestReport& report, const GuestFlags& flags, int printed) {
  if (went_well(report, flags)) return printed;
  return report.ending == "interrupted" ? kInterruptedAtOnce : kRunFailed;
}

int run_guest(const Places& places, const GuestFlags& flags,
              const linux_guest::RecordingSetup* record) {
  Interruption interruption;  // Before there is a folder that a signal could leave behind.
  interruption.farewell("violet: the guest did not end and was ended by a signal\n",
                        kInterruptedAtOnce);
  const auto folder = Folder::make(flags.keep);
  if (!folder) return complain(folder.error());
  auto setup = make_setup(places, flags, *folder);
  if (!setup) return complain(setup.error());
  setup->abandon = [&] { folder->remove_ours(); };
  const auto report = linux_guest::run(*setup, interruption, record);
  if (!report) return complain(report.error());
  return exit_code(*report, flags, print(to_text(*report, flags.format)));
}

}  // namespace

int guest_run_verb(const Places& places, const GuestFlags& flags) {
  return run_guest(places, flags, nullptr);
}

namespace {

// A guest on QEMU's own virtio-iommu leaves that one's log, which becomes a trace in the folder that is kept.
int capture_qemus_own(const Places& places, const GuestFlags& flags) {
  if (flags.keep.empty()) {
    return complain(
        {"--iommu qemu needs --keep FOLDER, where the trace is written: there is no "
         "run of ours",
         ErrorKind::kUsage});
  }
  const Interruption interruption;
  const auto folder = Folder::make(flags.keep);
  if (!folder) return complain(folder.error());
  auto setup = make_setup(places, flags, *folder);
  if (!setup) return complain(setup.error());
  setup->log_iommu = true;
  const auto report = linux_guest::run(*setup, interruption);
  if (!report) return complain(report.error());
  const int printed = print(to_text(*report, flags.format));
  const std::string log = flags.keep + linux_guest::kQemuLog;
  datasets::ImportOptions options;
  options.importer = "qemu-log";
  options.name = "guest";
  const auto trace = datasets::import_trace(log, flags.keep, options);
  if (!trace) return complain(trace.error());
  if (flags.format != results::Format::kJson) {
    print(fmt::format("  {:<14} {}\n", "trace", trace->trace));
  }
  return exit_code(*report, flags, printed);
}

}  // namespace

int guest_capture_verb(const Places& places, const GuestFlags& flags) {
  if (flags.iommu == "qemu") return capture_qemus_own(places, flags);
  const linux_guest::RecordingSetup record{
      .runs_root = places.runs, .command_line = places.command_line, .revision = places.revision};
  return run_guest(places, flags, &record);
}

}  // namespace violet::cli
