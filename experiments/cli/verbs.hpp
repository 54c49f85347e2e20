// A verb of ./violet takes its parsed options and returns the exit code.
//
// Threading: the main thread.
// Invariants: stdout carries the result and nothing else; notes, errors and progress go to stderr. What the command
// line has checked is a value here that cannot be wrong, and no verb checks it again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/files.hpp"
#include "engine/base/result.hpp"
#include "engine/base/standard_streams.hpp"
#include "experiments/results/manifest.hpp"
#include "experiments/results/progress.hpp"
#include "experiments/results/report.hpp"
#include "experiments/results/summary.hpp"
#include "experiments/results/table.hpp"

namespace violet::cli {

// Exit codes; the README has the same table.
enum ExitCode : int {
  kOk = 0,
  kRunFailed = 1,
  kUsage = 2,
  kRegression = 3,  // Or an expectation of a plan that must hold failed.
  kInterrupted = 4,
  kEnvironment = 5,
  kInterruptedAtOnce = 130,  // Before anything was measured.
};

// Where things are: the checkout and the caller's folder.
struct Places {
  std::string root;      // VIOLET_ROOT, or the folder above build/.
  std::string datasets;  // root/datasets
  std::string plans;     // root/experiments/plans
  std::string runs;      // root/runs, or VIOLET_RUNS
  std::string command_line;
  results::Fact revision;  // Of the sources of this program.
};

struct RunFlags {
  std::string plan;
  std::vector<std::string> overrides;
  bool dry_run = false;
  unsigned retry_disturbed = 0;
  std::optional<std::string> resume;  // Empty text: the latest run.
  results::ProgressMode progress = results::ProgressMode::kAuto;
  results::Format format = results::Format::kText;
};
int run_verb(const Places& places, const RunFlags& flags);

struct ReproduceFlags {
  std::string run;
  unsigned retry_disturbed = 0;
  std::string resume;  // The run that was interrupted; empty: a new one.
  bool trace = true;
  results::ProgressMode progress = results::ProgressMode::kAuto;
  results::Format format = results::Format::kText;
};
// Measures a stored run's resolved plan again and compares the old with the new.
int reproduce_verb(const Places& places, const ReproduceFlags& flags);

struct DemoFlags {
  std::vector<std::string> overrides;  // As RunFlags'.
  results::ProgressMode progress = results::ProgressMode::kAuto;
};
int demo_verb(const Places& places, const DemoFlags& flags);

// What `list` can list.
const std::vector<std::string>& list_names();
// `what` is one of these.
int list_verb(const Places& places, const std::string& what, results::Format format);

struct ImportFlags {
  std::string file;
  std::string out;
  std::string name;
  std::string importer;
  std::string max_broken;
  std::string mode;
  bool json = false;
  results::ProgressMode progress = results::ProgressMode::kAuto;
};
int import_verb(const ImportFlags& flags);

struct CompareFlags {
  std::vector<std::string> runs;  // RUN or RUN:CELL.
  std::string baseline;           // Within one run: "strategy=strict".
  std::vector<std::string> metrics;
  std::vector<std::string> ignored_axes;
  std::optional<double> threshold_percent, margin_percent, noise_percent;
  results::Format format = results::Format::kText;
};
int compare_verb(const Places& places, const CompareFlags& flags);

struct ReportFlags {
  std::string run = "latest";
  results::SummaryOptions summary;
  bool notes = false;
  bool breakdown = false;  // Instead of the summary.
  results::Format format = results::Format::kText;
};
int report_verb(const Places& places, const ReportFlags& flags);

struct ShowFlags {
  std::string run;
  std::string view = "cells";  // Or one of show_views.hpp.
  std::string cell;  // Number in the list of cells, or words of a label; empty: the first.
  std::optional<std::uint32_t> repetition;  // From 1.
  bool whole = false;                       // Warm-up and taking down, too.
  std::string from, to;  // Times since the repetition began; empty: the measured time's, or all's.
  std::string iova;      // Addresses; empty: all.
  unsigned columns = 20, rows = 24;
  std::size_t limit = 40;
  results::Format format = results::Format::kText;
};
// What the application shows of a run's cell, as a table.
int show_verb(const Places& places, const ShowFlags& flags);
std::string show_help();  // The views and three examples.

// Runs on disk: what there is; all but the newest go; some go.
struct RemovalFlags {
  std::vector<std::string> runs;
  std::size_t keep = 0;
  bool yes = false;  // Else it asks.
};
int list_runs_verb(const Places& places, results::Format format);
int prune_runs_verb(const Places& places, const RemovalFlags& flags);
int remove_runs_verb(const Places& places, const RemovalFlags& flags);

struct ExportFlags {
  std::string run;
  std::string what;  // csv, json, hdr or perfetto
  ShowFlags part{};  // Of perfetto: which cell, and what of its time.
  results::ProgressMode progress = results::ProgressMode::kAuto;
};
int export_verb(const Places& places, const ExportFlags& flags);

struct GuestFlags {
  // A bzImage, or the version of one that scripts/guest-kernel.sh built; empty: what it built last.
  std::string kernel;
  std::string accelerator = "tcg";
  std::string interrupts = "auto";
  std::string mode = "strict";
  std::string job = "verify";
  std::string placement = "sidecore";
  std::string iommu = "violet";
  std::string store = "radix";
  std::string iotlb = "generation-domain";
  std::string endpoints = "auto";
  std::string net = "mirror";  // Or tap:NAME.
  bool topology = false;
  std::string disk;
  std::string keep;  // Where the console's log stays.
  bool packed = false;
  bool console = false;
  unsigned memory_mib = 512;
  unsigned vcpus = 1;
  unsigned rounds = 2;
  unsigned verify_mib = 16;
  unsigned seconds = 3;
  std::optional<unsigned> timeout_s;                // Nothing: 600, and none for a shell.
  results::Format format = results::Format::kText;  // Or JSON.
};
int guest_run_verb(const Places& places, const GuestFlags& flags);
struct GuestBenchFlags {
  std::string kernel;
  std::string accelerator = "tcg";
  unsigned repetitions = 3;
  unsigned seconds = 2;
  results::Format format = results::Format::kText;
};
// One guest on QEMU's virtio-iommu and on Violet, in turns.
int guest_bench_verb(const Places& places, const GuestBenchFlags& flags);
// The same, recorded into a run directory.
int guest_capture_verb(const Places& places, const GuestFlags& flags);

int doctor_verb(const Places& places, results::Format format);

// --- Shared ---

// A run as people read it, on stdout; of what the run lacks `error` is said. Exit code of the printing.
int print_summary(const results::RunData& run, const results::Report& report,
                  results::SummaryOptions options, bool notes, const std::string& below = {});
// The same for programs: JSON, NDJSON or CSV.
int print_for_programs(const results::RunData& run, const results::Report& report,
                       results::Format format);
// A word as a shell takes it for one.
std::string quoted(const std::string& word);
// Prints the error to stderr; the exit code of its kind.
int complain(const Error& error);
// Prints to stdout; exit code kOk, or kRunFailed when stdout is gone.
int print(const std::string& text);
int print(const std::function<Status(const WritePiece&)>& all);  // In pieces, as they come.
// After a failed write to stdout: where its reader went away, as that of `violet report | head`, the process ends by
// SIGPIPE, and nobody is told.
void end_where_nobody_reads();
// A run by its path, its name below runs/, a unique beginning of one, or "latest".
Result<std::string> find_run(const Places& places, const std::string& name);

}  // namespace violet::cli
