// guest bench: the same guest, kernel and work on QEMU's virtio-iommu and on Violet's engine, run within the guest's
// kicks and polling, in turns. Each guest is a process of its own: `guest run`, asked for JSON. A guest gives one sample
// of each figure, however often it measured: what one guest measures again is not independent.
#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "engine/base/foreign_json.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/linux_guest/qemu.hpp"
#include "experiments/results/progress.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table.hpp"
#include "experiments/runner/interruption.hpp"

namespace violet::cli {
namespace {

using BenchJson = nlohmann::json;

constexpr double kBootSeconds = 5;
constexpr unsigned kBenchTimeoutS = 600;  // Besides what it measures.
// For a guest that is told to end, and again; a signal ends this program 1.75 s after it came.
constexpr int kFirstWaitMs = 500;
constexpr int kLastWaitMs = 700;
constexpr unsigned kRounds = 3;  // Of the map benchmark, a second each, in one guest.

struct Arm {
  const char* name;
  const char* iommu;
  const char* placement;
};
constexpr Arm kArms[] = {{"QEMU", "qemu", "sidecore"},
                         {"Violet samecore", "violet", "samecore"},
                         {"Violet sidecore", "violet", "sidecore"}};
constexpr const char* kModes[] = {"strict", "lazy"};
constexpr const char* kJobs[] = {"mapbench", "fio", "verify"};

// What is shown of what the guests say and of what is counted.
struct Figure {
  const char* name;
  const char* unit;
};
constexpr Figure kFigures[] = {
    {"map", "ns"},        {"unmap", "ns"},       {"read_qd1", "1/s"},    {"read_qd1_latency", "ns"},
    {"read_qd16", "1/s"}, {"write_qd16", "1/s"}, {"requests", "1"},      {"kicks_per_request", "1"},
    {"window_p50", "ns"}, {"window_p99", "ns"},  {"peak_stale", "pages"}};

bool is_ours(const Arm& arm) { return std::string_view(arm.iommu) == "violet"; }

using Samples = std::map<std::string, std::vector<double>>;  // By figure.

bool ends_within(const linux_guest::ChildProcess& child, int milliseconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  pollfd ended{child.fd(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    const int ready = ::poll(&ended, 1, std::max(0, static_cast<int>(left.count())));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

// What the program prints. Error when it cannot be started, or when a signal came meanwhile: the program has ended then.
Result<std::string> output_of(const std::vector<std::string>& arguments,
                              const Interruption& interruption) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorKind::kEnvironment, "pipe: {}", std::strerror(errno));
  }
  const FileDescriptor output(ends[0]);
  FileDescriptor input(ends[1]);
  const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  VIOLET_TRY(auto child,
             linux_guest::ChildProcess::start(arguments, {null.get(), input.get()}, {}, {}));
  input = {};
  std::string text;
  std::array<char, 4096> piece;
  pollfd slots[] = {{output.get(), POLLIN, 0}, {interruption.fd(), POLLIN, 0}};
  for (;;) {
    if (::poll(slots, 2, -1) < 0 && errno == EINTR) continue;
    if (slots[1].revents != 0) {
      // It has a guest to end and a folder to remove. On a terminal it was told as we were.
      if (!ends_within(child, kFirstWaitMs)) {
        child.ask_to_end();
        ends_within(child, kLastWaitMs);
      }
      return fail("interrupted");
    }
    const ssize_t got = ::read(output.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  child.wait();
  return text;
}

Result<BenchJson> run_bench_guest(const Arm& arm, const char* mode, const std::string& job,
                                  const GuestBenchFlags& flags, const Interruption& interruption) {
  const bool records = job == "verify";
  std::error_code error;
  std::vector<std::string> arguments = {
      std::filesystem::canonical("/proc/self/exe", error).string(), "guest",
      records ? "capture" : "run"};
  const auto add = [&](const char* name, std::string value) {
    arguments.emplace_back(name);
    arguments.push_back(std::move(value));
  };
  add("--format", "json");
  add("--accel", flags.accelerator);
  add("--iommu", arm.iommu);
  add("--placement", arm.placement);
  add("--mode", mode);
  add("--job", job);
  add("--rounds", std::to_string(records ? 1 : kRounds));
  add("--seconds", std::to_string(flags.seconds));
  add("--mib", "8");
  add("--timeout", std::to_string(kBenchTimeoutS + 10 * flags.seconds));
  if (!flags.kernel.empty()) add("--kernel", flags.kernel);
  VIOLET_TRY(const auto text, output_of(arguments, interruption));
  BenchJson json;
  if (!parse_json(text, arm.name, json) || !json.is_object()) {
    return fail(ErrorKind::kEnvironment, "{} {}, {}: the guest left no report", arm.name, mode,
                job);
  }
  if (json.value("ending", "") != "finished" || json["guest"].value("verified", "") != "yes") {
    return fail("{} {}, {}: the guest ended with {}, verified {}", arm.name, mode, job,
                json.value("ending", "?"), json["guest"].value("verified", "?"));
  }
  return json;
}

// What the guest says under `key`, as a number.
std::optional<double> told(const BenchJson& report, const std::string& key) {
  const std::string text = report["guest"].value(key, "");
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(value) || value < 0) return {};
  return value;
}

void take(const BenchJson& report, const std::string& job, Samples& into) {
  constexpr double kNsPerUs = 1000;
  for (const std::string figure : {"map", "unmap"}) {
    std::vector<double> rounds;
    for (unsigned round = 1; round <= kRounds; ++round) {
      if (const auto us = told(report, fmt::format("{}_us_{}", figure, round))) {
        rounds.push_back(*us * kNsPerUs);
      }
    }
    if (!rounds.empty()) into[figure].push_back(results::median(rounds));
  }
  if (const auto us = told(report, "fio_read_qd1_us")) {
    into["read_qd1_latency"].push_back(*us * kNsPerUs);
  }
  for (const std::string figure : {"read_qd1", "read_qd16", "write_qd16"}) {
    if (const auto iops = told(report, "fio_" + figure + "_iops")) into[figure].push_back(*iops);
  }
  if (job == "mapbench" && report["counts"].contains("map")) {
    const double requests =
        report["counts"].value("map", 0.0) + report["counts"].value("unmap", 0.0);
    into["requests"].push_back(requests);
    if (requests > 0) {
      into["kicks_per_request"].push_back(report["counts"].value("iommu_kicks", 0.0) / requests);
    }
  }
  const auto metric = [&](const char* name, const char* figure) {
    if (report["metrics"].contains(name)) into[figure].push_back(report["metrics"][name]);
  };
  metric("exposure_window.p50", "window_p50");
  metric("exposure_window.p99", "window_p99");
  metric("peak_stale_pages", "peak_stale");
}

// Why an arm has no sample of a figure although it should have one.
std::string why_none(const Arm& arm, const std::string& figure, bool whole) {
  const bool counted = figure == "requests" || figure == "kicks_per_request";
  const bool exposure = figure.starts_with("window") || figure == "peak_stale";
  if (!is_ours(arm) && (counted || exposure)) return "QEMU does not count it";
  if (!whole) return "the bench stopped before any guest of this row had told it";
  return exposure ? "no guest's recording was whole" : "no guest told it";
}

// By mode and arm.
using AllSamples = std::map<std::pair<std::string, std::string>, Samples>;

std::string what_hides(const std::string& accelerator) {
  if (accelerator != "tcg") {
    return "QEMU may use every CPU where Violet's engine has one and its guest the others.";
  }
  return "Under TCG the guest's instructions are emulated: most of a map's time is the driver, a "
         "kick is a message to another process and not an exit, and QEMU may use every CPU where "
         "Violet's engine has one and its guest the others. Ratios between the arms say more than "
         "any of the times.";
}

// Not `whole`: a guest failed, and arms may have had fewer guests than were asked for.
results::Table bench_table(AllSamples& all, const GuestBenchFlags& flags, bool whole) {
  results::Table table;
  table.title = "One guest on three IOMMUs";
  table.columns = {{"mode", "", true}, {"iommu", "", true}};
  for (const Figure& figure : kFigures) table.columns.push_back({figure.name, figure.unit});
  for (const char* mode : kModes) {
    for (const Arm& arm : kArms) {
      std::vector<results::Item> row{results::Text{mode}, results::Text{arm.name}};
      const Samples& samples = all[{mode, arm.name}];
      for (const Figure& figure : kFigures) {
        const auto found = samples.find(figure.name);
        if (found == samples.end()) {
          row.emplace_back(results::Quantity{{}, {}, why_none(arm, figure.name, whole)});
        } else {
          row.emplace_back(results::quantity(results::median_estimate(found->second)));
        }
      }
      table.rows.push_back(std::move(row));
    }
  }
  table.notes = {
      fmt::format("Medians over {}{} guests in turns, with the 95 % interval from 6 on.",
                  whole ? "" : "at most ", flags.repetitions),
      "map, unmap: the kernel's dma_map_benchmark, 4 KiB, one thread. read, write: fio, 4 KiB, "
      "random; QEMU's disk is a file in the page cache, Violet's is memory. QEMU's IOMMU has a "
      "ring "
      "of 256 requests, Violet's one of 1024.",
      "window, peak_stale: what a verifying guest left reachable after its unmaps, seen from "
      "outside and never too short (experiments/linux_guest/README.md says how).",
      what_hides(flags.accelerator)};
  return table;
}

std::string bench_text(results::Format format, AllSamples& all, const GuestBenchFlags& flags,
                       bool whole) {
  return results::render(bench_table(all, flags, whole), format, results::style_for(1));
}

}  // namespace

int guest_bench_verb(const Places& /*places*/, const GuestBenchFlags& flags) {
  Interruption interruption;
  interruption.farewell("violet: the bench was ended by a signal\n", kInterruptedAtOnce);
  auto progress = results::Progress::on_stderr(results::ProgressMode::kAuto);
  const auto seconds_of = [&](const std::string& job) {
    return kBootSeconds + (job == "fio"        ? 3.0 * flags.seconds
                           : job == "mapbench" ? 1.0 * kRounds
                                               : 3);
  };
  double all_s = 0;
  for (const char* job : kJobs) all_s += seconds_of(job);
  const std::size_t guests = flags.repetitions * std::size(kModes) * std::size(kArms);
  progress.start("guest bench", guests * std::size(kJobs), all_s * static_cast<double>(guests));
  AllSamples samples;
  for (unsigned repetition = 0; repetition < flags.repetitions; ++repetition) {
    for (const std::string job : kJobs) {
      for (const char* mode : kModes) {
        for (std::size_t turn = 0; turn < std::size(kArms); ++turn) {
          const Arm& arm = kArms[(turn + repetition) % std::size(kArms)];
          progress.begin_step(fmt::format("{} {} {} #{}", arm.name, mode, job, repetition + 1),
                              seconds_of(job));
          // QEMU's exposure is not seen.
          if (job != "verify" || is_ours(arm)) {
            const auto report = run_bench_guest(arm, mode, job, flags, interruption);
            if (!report) {
              progress.finish("stopped");  // What was measured is not lost.
              if (!samples.empty()) print(bench_text(flags.format, samples, flags, false));
              const int code = complain(report.error());
              if (!interruption.asked()) return code;
              return samples.empty() ? kInterruptedAtOnce : kInterrupted;
            }
            take(*report, job, samples[{mode, arm.name}]);
          }
          progress.end_step();
        }
      }
    }
  }
  progress.finish("done");
  return print(bench_text(flags.format, samples, flags, true));
}

}  // namespace violet::cli
