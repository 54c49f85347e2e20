// ./violet VERB: reads the command line and calls the verb.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <sstream>

#include "engine/base/nearest.hpp"
#include "experiments/cli/revision.hpp"
#include "experiments/cli/verbs.hpp"
#include "experiments/linux_guest/linux_guest.hpp"
#include "experiments/scorecard/scorecard.hpp"

namespace violet::cli {
namespace {

Places find_places(int argc, char** argv) {
  Places places;
  if (const char* root = std::getenv("VIOLET_ROOT"); root != nullptr && *root != '\0') {
    places.root = root;
  } else {
    // build/<preset>/bin/violet
    std::error_code error;
    auto program = std::filesystem::canonical("/proc/self/exe", error);
    for (int i = 0; i < 4 && program.has_parent_path(); ++i) program = program.parent_path();
    places.root = program.string();
  }
  places.datasets = places.root + "/datasets";
  places.plans = places.root + "/experiments/plans";
  const char* runs = std::getenv("VIOLET_RUNS");
  places.revision = built_revision();
  places.runs = runs != nullptr && *runs != '\0' ? runs : places.root + "/runs";
  for (int i = 0; i < argc; ++i) {
    places.command_line += (i > 0 ? " " : "") + std::string(i == 0 ? "violet" : argv[i]);
  }
  return places;
}

struct Flags {
  RunFlags run;
  ReproduceFlags reproduce;
  bool no_trace = false;
  std::optional<double> until_ci;
  std::optional<std::uint32_t> repetitions;
  std::string resume;
  DemoFlags demo;
  ImportFlags import;
  CompareFlags compare;
  ReportFlags report;
  ShowFlags show;
  ExportFlags export_;
  RemovalFlags removal;
  GuestFlags guest;
  GuestBenchFlags bench;
  std::string list_what;
  results::Format format = results::Format::kText;
  bool json = false;
};

const std::vector<std::string> kFormats = {"text", "json", "ndjson", "csv"};
const std::vector<std::string> kProgress = {"auto", "always", "never", "json"};

// CLI11's own NonNegativeNumber takes "nan" and "inf": no comparison is true of the one, all are of the other.
CLI::Validator percentage() {
  const auto check = [](const std::string& text) -> std::string {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && rest == end && value >= 0 && value <= 1e6) return {};
    return fmt::format("'{}' is not per cent: a number from 0 to 1000000", text);
  };
  return CLI::Validator(check, "NUMBER");
}

// Of a run's rule, as the plan's key has it.
CLI::Validator narrowness() {
  const auto check = [](const std::string& text) -> std::string {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && rest == end && value > 0 && value <= 1000) return {};
    return fmt::format("'{}' is not per cent: a number above 0, 1000 at the most", text);
  };
  return CLI::Validator(check, "PERCENT");
}

// What is not in `names` never reaches `format`.
void add_format(CLI::App& verb, results::Format& format,
                const std::vector<std::string>& names = kFormats,
                const char* help = "text, json, ndjson or csv") {
  const auto take = [&format](const std::string& name) { format = *results::format_from(name); };
  verb.add_option_function<std::string>("--format", take, help)->check(CLI::IsMember(names));
}

// May be given any number of times, and takes one word each time: the word behind it is a RUN or a PLAN.
CLI::Option& add_list(CLI::App& verb, const char* name, std::vector<std::string>& values,
                      const char* help) {
  return *verb.add_option(name, values, help)->allow_extra_args(false)->take_all();
}

void add_progress(CLI::App& verb, results::ProgressMode& progress) {
  const auto take = [&progress](const std::string& name) {
    progress = *results::progress_mode_from(name);
  };
  verb.add_option_function<std::string>("--progress", take, "auto, always, never or json")
      ->check(CLI::IsMember(kProgress));
}

constexpr unsigned kMostRetries = 100;

void add_no_trace(CLI::App& verb, bool& no_trace) {
  verb.add_flag("--no-trace", no_trace,
                "keep no events to look at, as run.trace_mib=0: results alone");
}

void add_retries(CLI::App& verb, unsigned& retries) {
  verb.add_option("--retry-disturbed", retries,
                  "repeat what the host disturbed, so often at most; all are kept")
      ->check(CLI::Range(0U, kMostRetries));
}

constexpr const char* kNoTrace = "run.trace_mib=0";
using Action = std::function<int()>;

// Of --help, whatever the terminal: the launcher tells it from files.
constexpr std::size_t kHelpColumns = 80;

void add_run(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto* run = app.add_subcommand("run", "run a plan: a file, or the name of a bundled one");
  run->add_option("PLAN", flags.run.plan, "file or name")->required();
  add_list(*run, "--set", flags.run.overrides, "KEY=VALUE over the plan's, any number of times");
  run->add_flag("--dry-run", flags.run.dry_run, "show the cells and an estimate, run nothing");
  auto* resume = run->add_option("--resume", flags.resume,
                                 "go on with a run (default: the latest) of the same plan");
  resume->expected(0, 1);
  add_retries(*run, flags.run.retry_disturbed);
  run->add_option("--until-ci", flags.until_ci,
                  "after the plan's repetitions repeat each cell whose interval of the median of "
                  "operations_per_s is wider than this, in per cent of it, run.most_repetitions "
                  "times at the most; as run.until_ci_percent")
      ->check(narrowness());
  add_no_trace(*run, flags.no_trace);
  add_format(*run, flags.run.format);
  add_progress(*run, flags.run.progress);
  run->footer(
      "A plan may say what it expects ([[expect]]): the run then ends with a table of verdicts, "
      "and --dry-run shows what will be judged.\n"
      "Exit codes: 0 done, 1 a cell failed, 3 an expectation that must hold failed, 4 "
      "interrupted.");
  run->callback([&places, &flags, &action, resume] {
    if (resume->count() > 0) flags.run.resume = flags.resume;
    if (flags.no_trace) flags.run.overrides.emplace_back(kNoTrace);
    if (flags.until_ci) {
      flags.run.overrides.push_back(fmt::format("run.until_ci_percent={}", *flags.until_ci));
    }
    action = [&] { return run_verb(places, flags.run); };
  });
}

void add_demo(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto* demo = app.add_subcommand("demo", "strict, lazy and bounce on traces of real guests");
  add_list(*demo, "--set", flags.demo.overrides, "KEY=VALUE over the plan's, any number of times");
  demo->add_option("--repetitions", flags.repetitions, "of each cell, instead of the plan's")
      ->check(CLI::Range(1, 10'000));
  add_no_trace(*demo, flags.no_trace);
  add_progress(*demo, flags.demo.progress);
  demo->footer(
      "./violet demo --no-notebook   without the notebook that Python leaves in the\n"
      "                              folder of the run");
  demo->callback([&] {
    auto& overrides = flags.demo.overrides;
    if (flags.repetitions) {
      overrides.push_back(fmt::format("run.repetitions={}", *flags.repetitions));
    }
    if (flags.no_trace) overrides.emplace_back(kNoTrace);
    action = [&] { return demo_verb(places, flags.demo); };
  });
}

void add_reproduce(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto& reproduce = flags.reproduce;
  auto* verb =
      app.add_subcommand("reproduce", "measure the plan of a run again, and compare the two");
  verb->add_option("RUN", reproduce.run, "directory, name or latest")->required();
  verb->add_option("--resume", reproduce.resume, "go on with a run that was interrupted");
  add_retries(*verb, reproduce.retry_disturbed);
  add_no_trace(*verb, flags.no_trace);
  add_format(*verb, reproduce.format);
  add_progress(*verb, reproduce.progress);
  verb->footer(
      "The plan is the resolved one that the run stored: its cells, whatever the defaults are "
      "today. A trace that it replays has to be the same; another revision of the program is "
      "said.\n"
      "Exit codes: those of compare; 2 where the plan cannot be run again.");
  verb->callback([&] {
    reproduce.trace = !flags.no_trace;
    action = [&] { return reproduce_verb(places, reproduce); };
  });
}

void add_import(CLI::App& app, Flags& flags, Action& action) {
  auto& import = flags.import;
  auto* verb = app.add_subcommand("import", "turn a log of a real guest into a Violet trace");
  verb->add_option("FILE", import.file, "QEMU log trace, ftrace or perf text; .zst or plain")
      ->required();
  verb->add_option("--out", import.out, "folder for the trace and its report")->required();
  verb->add_option("--name", import.name, "name of the trace (default: from FILE)");
  verb->add_option("--from", import.importer, "importer (default: found out from the first lines)");
  verb->add_option("--max-broken", import.max_broken,
                   "broken lines to bear (5% or 200), and a damaged end");
  verb->add_option("--mode", import.mode, "overrules what is found out")
      ->check(CLI::IsMember({"strict", "lazy"}));
  verb->add_flag("--json", import.json, "print the report as JSON");
  add_progress(*verb, import.progress);
  verb->callback([&] { action = [&] { return import_verb(import); }; });
}

void add_report(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto* report = app.add_subcommand("report", "the table of one run");
  report->add_option("RUN", flags.report.run, "directory, name or latest");
  add_list(*report, "--metrics,--metric", flags.report.summary.metrics,
           "only these, as map.p50,map.mean, or all: see ./violet list metrics")
      .delimiter(',');
  report->add_option("--baseline", flags.report.summary.baseline,
                     "words of the label of the cell that others relate to (default: strict)");
  report->add_option("--sort", flags.report.summary.sort, "a metric, best first");
  report->add_flag("--transpose", flags.report.summary.transpose, "a row a metric");
  auto* breakdown = report->add_flag("--breakdown", flags.report.breakdown,
                                     "where the time of an operation went, on each lcore");
  for (const char* other : {"--metrics", "--baseline", "--sort", "--transpose"}) {
    breakdown->excludes(report->get_option(other));
  }
  report->add_flag("--notes", flags.report.notes, "every warning, outlier and reason");
  add_format(*report, flags.report.format);
  report->callback([&] { action = [&] { return report_verb(places, flags.report); }; });
}

void add_readers(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto& compare = flags.compare;
  auto* verb =
      app.add_subcommand("compare", "is one run better than another, and how sure is that");
  verb->add_option("RUN", compare.runs, "the first is the baseline; RUN:CELL is one cell of a run")
      ->required()
      ->expected(1, 64);
  verb->add_option("--baseline", compare.baseline,
                   "cells of one RUN against those with it, for example strategy=strict");
  add_list(*verb, "--metric", compare.metrics,
           "only these, as map.p99,unmap.p99, or all (default: those of report)")
      .delimiter(',');
  add_list(*verb, "--ignore-axis", compare.ignored_axes, "match cells that differ in it")
      .delimiter(',');
  verb->add_option("--threshold", compare.threshold_percent,
                   "per cent; worse by more is exit code 3 (default: the plan's)")
      ->check(percentage());
  verb->add_option("--margin", compare.margin_percent,
                   "per cent; within it cells are equivalent (default: the threshold)")
      ->check(percentage());
  verb->add_option("--noise", compare.noise_percent,
                   "per cent that equal runs may differ by (default: from runs here)")
      ->check(percentage());
  add_format(*verb, compare.format);
  verb->footer(
      "Examples\n"
      "  violet compare RUN latest --metric operations_per_s --metric map.p99\n"
      "  violet compare latest --baseline strategy=strict --metric operations_per_s\n"
      "  violet compare latest:1 latest:2 --metric map.p50\n"
      "Exit codes: 0 nothing got worse by more than the threshold, 1 a cell lacks measurements, 3 "
      "worse.");
  verb->callback([&] { action = [&] { return compare_verb(places, compare); }; });

  add_report(app, places, flags, action);
}

void add_part(CLI::App& verb, ShowFlags& part) {
  verb.add_option("--cell", part.cell, "number in `show RUN`, or words of its label");
  verb.add_option("--repetition", part.repetition, "of that cell, from 1; default: its first");
  verb.add_flag("--whole", part.whole, "warm-up and taking down, too");
  verb.add_option("--from", part.from, "TIME since it began: 150ms, 1.5s, 20us");
  verb.add_option("--to", part.to, "TIME");
}

void add_export(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto* out = app.add_subcommand("export", "a run for other programs, on stdout");
  out->add_option("RUN", flags.export_.run, "directory, name or latest")->required();
  const std::pair<const char*, const char*> kExports[] = {
      {"--csv", "every metric of report, a row a cell: medians, intervals"},
      {"--json", "all that was measured: repetitions, histograms, notes"},
      {"--hdr", "the latencies over time, as HdrHistogram logs"},
      {"--perfetto",
       "the events of one cell, for ui.perfetto.dev: its measured time, unless "
       "another is chosen"}};
  for (const auto& [name, help] : kExports) {
    const auto choose = [&flags, name = std::string(name)] {
      if (!flags.export_.what.empty()) throw CLI::ExcludesError("--" + flags.export_.what, name);
      flags.export_.what = name.substr(2);
    };
    out->add_flag_callback(name, choose, help);
  }
  add_part(*out, flags.export_.part);
  add_progress(*out, flags.export_.progress);
  out->footer(
      "One of --csv, --json, --hdr and --perfetto has to be given; what follows --perfetto is for "
      "that alone. Made with Python:\n"
      "./violet export RUN --notebook --out DIR   tables and figures, executed\n"
      "./violet export RUN --numbers --out FILE   every number for LaTeX\n"
      "./violet export RUN --paper --out DIR      an example paper\n"
      "./violet export RUN --tidy [--out FILE]    CSV, a row a cell, repetition, metric\n"
      "./violet export RUN --sqlite --out FILE    tables and views that are documented");
  out->callback([&] {
    ExportFlags& chosen = flags.export_;
    if (chosen.what.empty()) throw CLI::RequiredError("One of --csv, --json, --hdr, --perfetto");
    chosen.part.run = chosen.run;
    action = [&] { return export_verb(places, flags.export_); };
  });
}

void add_runs(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto* runs = app.add_subcommand("runs", "what runs lie on disk, and what they take");
  runs->require_subcommand(0, 1);
  add_format(*runs, flags.format);
  runs->callback([&places, &flags, &action, runs] {
    if (!runs->get_subcommands().empty()) return;
    action = [&] { return list_runs_verb(places, flags.format); };
  });
  auto& removal = flags.removal;
  constexpr const char* kYes = "do not ask";
  auto* prune = runs->add_subcommand("prune", "remove all but the newest runs; asks first");
  prune->add_option("--keep", removal.keep, "how many stay")
      ->required()
      ->check(CLI::Range(0, 1'000'000));
  prune->add_flag("--yes", removal.yes, kYes);
  prune->callback([&] { action = [&] { return prune_runs_verb(places, removal); }; });
  auto* remove = runs->add_subcommand("remove", "remove these runs; asks first");
  remove->add_option("RUN", removal.runs, "name below runs/, or directory; no link")
      ->required()
      ->expected(1, 100'000);
  remove->add_flag("--yes", removal.yes, kYes);
  remove->callback([&] { action = [&] { return remove_runs_verb(places, removal); }; });
  runs->footer(
      "A run that goes on is never removed, and no link is followed.\n"
      "Examples\n"
      "  violet runs\n"
      "  violet runs prune --keep 10\n"
      "  violet runs remove 20260131T120000Z-demo-da789bdc --yes");
}

void add_show(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto& show = flags.show;
  auto* verb = app.add_subcommand("show", "what the application shows of a run, as text");
  verb->footer(show_help());
  verb->add_option("RUN", show.run, "directory, name or latest")->required();
  verb->add_option("VIEW", show.view, "which of them; default: cells");
  add_part(*verb, show);
  verb->add_option("--iova", show.iova, "addresses: 0x1000-0x1fff, 0x1000+4096 or 0x1000");
  verb->add_option("--columns", show.columns, "steps of time")->check(CLI::Range(1, 4096));
  verb->add_option("--rows", show.rows, "bands of addresses")->check(CLI::Range(1, 4096));
  verb->add_option("--limit", show.limit, "lines of a list")->check(CLI::Range(1, 100'000'000));
  add_format(*verb, show.format);
  verb->callback([&] { action = [&] { return show_verb(places, show); }; });
}

void add_guest_options(CLI::App& verb, GuestFlags& guest) {
  verb.add_option("--kernel", guest.kernel,
                  "a bzImage, or 6.12 or 6.1 as guest-kernel.sh built them");
  verb.add_option("--accel", guest.accelerator, "tcg (default), or kvm where it boots a Linux")
      ->check(CLI::IsMember({"kvm", "tcg"}));
  verb.add_option("--interrupts", guest.interrupts, "auto: irqfd with KVM, else qtest")
      ->check(CLI::IsMember({"auto", "irqfd", "qtest"}));
  verb.add_option("--mode", guest.mode, "how the guest maps for DMA")
      ->check(CLI::IsMember({"strict", "lazy", "passthrough"}));
  verb.add_option("--job", guest.job, "what the guest does")
      ->check(CLI::IsMember(linux_guest::job_names()));
  verb.add_option("--iommu", guest.iommu, "violet (default), or qemu's own with its own devices")
      ->check(CLI::IsMember({"violet", "qemu"}));
  verb.add_option("--placement", guest.placement,
                  "sidecore: the engine polls; samecore: it runs within the guest's kicks")
      ->check(CLI::IsMember({"sidecore", "samecore"}));
  verb.add_option("--store", guest.store, "domain store");
  verb.add_option("--iotlb", guest.iotlb, "IOTLB and its invalidation protocol");
  verb.add_option("--endpoints", guest.endpoints,
                  "lcore of disk and card: own, the engine's, or auto (own with 3 CPUs)")
      ->check(CLI::IsMember({"auto", "own", "engine"}));
  verb.add_option("--net", guest.net, "the card's wire: mirror (default), or tap:NAME of the host");
  verb.add_flag("--topology", guest.topology,
                "say in the config space too who is behind the IOMMU");
  verb.add_option("--disk", guest.disk, "a file (default: 64 MiB in memory); overwritten");
  verb.add_option("--keep", guest.keep, "folder for the console's log and the boot files");
  verb.add_flag("--packed", guest.packed, "offer packed rings for the IOMMU's queues");
  verb.add_flag("--console", guest.console, "a shell of the guest here, instead of the test");
  verb.add_option("--memory", guest.memory_mib, "MiB")->check(CLI::Range(128, 1 << 20));
  verb.add_option("--vcpus", guest.vcpus, "at most 8")->check(CLI::Range(1, 8));
  verb.add_option("--rounds", guest.rounds, "of writing, reading back, comparing");
  verb.add_option("--mib", guest.verify_mib, "of each round")->check(CLI::Range(1, 64));
  verb.add_option("--seconds", guest.seconds, "of each measurement of fio and iperf3");
  verb.add_option("--timeout", guest.timeout_s, "seconds");
  add_format(verb, guest.format, {"text", "json"}, "text or json");
}

void add_guest(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto& guest = flags.guest;
  auto* verb = app.add_subcommand("guest", "a real Linux in stock QEMU whose IOMMU is the engine");
  verb->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, auto body) {
    auto* one = verb->add_subcommand(name, what);
    add_guest_options(*one, guest);
    one->callback([&places, &guest, &action, body] {
      action = [&places, &guest, body] { return body(places, guest); };
    });
  };
  add("run", "boots it; it verifies disk and network card through the IOTLB", &guest_run_verb);
  add("capture", "the same, recorded: a run to look at, and a trace to replay",
      &guest_capture_verb);
  auto* bench =
      verb->add_subcommand("bench", "QEMU's virtio-iommu, Violet in kicks, Violet polling");
  bench->add_option("--kernel", flags.bench.kernel, "as for run");
  bench->add_option("--accel", flags.bench.accelerator, "as for run")
      ->check(CLI::IsMember({"tcg", "kvm"}));
  bench->add_option("--repetitions", flags.bench.repetitions, "of each guest, in turns")
      ->check(CLI::Range(1, 1000));
  bench->add_option("--seconds", flags.bench.seconds, "of each measurement of fio")
      ->check(CLI::Range(1, 3600));
  add_format(*bench, flags.bench.format);
  bench->callback([&] { action = [&] { return guest_bench_verb(places, flags.bench); }; });
}
void add_rest(CLI::App& app, const Places& places, Flags& flags, Action& action) {
  auto* list = app.add_subcommand("list", "what there is to choose from");
  list->add_option("WHAT", flags.list_what, "what to list")
      ->required()
      ->check(CLI::IsMember(list_names()));
  add_format(*list, flags.format);
  list->callback(
      [&] { action = [&] { return list_verb(places, flags.list_what, flags.format); }; });

  auto* doctor = app.add_subcommand("doctor", "what this machine has and lacks");
  add_format(*doctor, flags.format);
  doctor->callback([&] { action = [&] { return doctor_verb(places, flags.format); }; });

  auto* score =
      app.add_subcommand("scorecard", "how good the engine is, as ratios on this machine");
  score->add_flag("--json", flags.json, "machine-readable");
  score->callback([&] {
    action = [&] {
      const auto card = scorecard::run({.json = flags.json});
      return card ? print(*card) : complain(card.error());
    };
  });
}

// What is said of a first word that is no verb; empty: it is one, or an option.
std::string unknown_verb(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return {};
  const std::string word = argv[1];
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  if (std::find(names.begin(), names.end(), word) != names.end()) return {};
  const std::string guess = nearest(word, names);
  return fmt::format("there is no verb '{}'{}; ./violet --help shows them", word,
                     guess.empty() ? "" : fmt::format(", did you mean '{}'?", guess));
}

int run(int argc, char** argv) {
  const Places places = find_places(argc, argv);
  CLI::App app{"Violet: a performance research testbed for virtio-iommu", "violet"};
  app.require_subcommand(1);
  Flags flags;
  Action action;
  add_demo(app, places, flags, action);
  add_run(app, places, flags, action);
  add_reproduce(app, places, flags, action);
  add_rest(app, places, flags, action);
  add_readers(app, places, flags, action);
  add_show(app, places, flags, action);
  add_export(app, places, flags, action);
  add_runs(app, places, flags, action);
  add_import(app, flags, action);
  add_guest(app, places, flags, action);
  if (const std::string unknown = unknown_verb(app, argc, argv); !unknown.empty()) {
    return complain({unknown, ErrorKind::kUsage});
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, said;
    const bool asked = app.exit(error, out, said) == 0;
    tell_text(said.str());
    const int printed = print(results::fitted(out.str(), kHelpColumns));
    return asked ? printed : static_cast<int>(kUsage);
  }
  return action();
}

// A bug, or no memory: the exit code holds even so.
int run_or_fail(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return complain({error.what(), ErrorKind::kFailed});
  }
}

}  // namespace
}  // namespace violet::cli

int main(int argc, char** argv) {
  violet::secure_standard_streams();
  return violet::cli::run_or_fail(argc, argv);
}
