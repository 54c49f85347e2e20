#include "experiments/runner/runner.hpp"

#include <csignal>
#include <cstring>

#include "dataplane/eal/eal.hpp"
#include "experiments/runner/cores.hpp"
#include "experiments/runner/repetition.hpp"
#include "experiments/runner/testbed.hpp"

namespace violet {
namespace {

constexpr double kSetUpSeconds = 0.08;

// Set by SIGINT and SIGTERM. One signal asks to stop after this repetition, two to stop now.
std::atomic<int> signals_seen{0};
std::atomic<bool> abort_now{false};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void on_signal(int /*signal*/) {
  if (signals_seen.fetch_add(1, std::memory_order_relaxed) > 0) {
    abort_now.store(true, std::memory_order_relaxed);
  }
}

// Installs the handlers for as long as it lives.
class SignalGuard {
 public:
  SignalGuard() {
    signals_seen = 0;
    abort_now = false;
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, &old_interrupt_);
    sigaction(SIGTERM, &action, &old_terminate_);
  }
  ~SignalGuard() {
    sigaction(SIGINT, &old_interrupt_, nullptr);
    sigaction(SIGTERM, &old_terminate_, nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

 private:
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
};

double measured_seconds_of(const plans::RunSettings& run) {
  double seconds = run.warmup_s.value_or(0) + run.duration_s.value_or(0);
  seconds += static_cast<double>(run.warmup_operations.value_or(0)) / kAssumedRate;
  seconds += static_cast<double>(run.operations.value_or(0)) / kAssumedRate;
  return seconds + kSetUpSeconds;
}

results::Manifest manifest_for(const plans::Plan& plan, const RunOptions& options,
                               const CoreMap& cores, const Eal& eal) {
  results::Manifest manifest = results::host_manifest();
  manifest.plan_name = plan.name;
  manifest.plan_hash = plan.hash();
  manifest.command_line = options.command_line;
  manifest.git_revision = results::git_revision(options.checkout);
  manifest.seed = plan.run.seed;
  manifest.threshold_percent = plan.run.threshold_percent;
  manifest.interleaved = plan.run.interleaved;
  if (cores.oversubscribed) manifest.oversubscribed = cores.shared;
  for (const auto& cell : plan.cells) {
    if (cell.costs.exit_ns > 0) {
      manifest.injected_costs["exit_ns"] = static_cast<double>(cell.costs.exit_ns);
    }
    if (cell.costs.wake_ns > 0) {
      manifest.injected_costs["wake_ns"] = static_cast<double>(cell.costs.wake_ns);
    }
  }
  if (!eal.huge_pages()) {
    manifest.hugepages = {"", "EAL found fewer free hugepages than it needs and runs without"};
  }
  return manifest;
}

Result<results::RunWriter> open_writer(const plans::Plan& plan, const RunOptions& options,
                                       const CoreMap& cores, const Eal& eal) {
  if (!options.resume.empty()) return results::RunWriter::resume(options.resume, plan.hash());
  results::RunSetup setup;
  setup.root = options.runs_root;
  setup.plan_text = plan.text;
  setup.resolved_json = plans::resolved_json(plan);
  for (const auto& cell : plan.cells) setup.cells.push_back({cell.id, cell.label, cell.settings});
  setup.manifest = manifest_for(plan, options, cores, eal);
  return results::RunWriter::create(std::move(setup));
}

class PlanRun {
 public:
  PlanRun(const plans::Plan& plan, const RunOptions& options, const CoreMap& cores, Eal& eal,
          results::RunWriter writer)
      : plan_(plan),
        options_(options),
        cores_(cores),
        eal_(eal),
        writer_(std::move(writer)),
        progress_(results::Progress::on_stderr(options.progress)) {}

  Result<RunOutcome> run() {
    outcome_.directory = writer_.directory();
    auto trace = results::EventTraceWriter::open(
        writer_.trace_path(), {ns_per_tick(), now_ticks(), results::epoch_now_s()});
    if (!trace) return tl::unexpected<Error>(trace.error());
    trace_ = &*trace;
    const std::size_t left = steps_left();
    const double each_s = measured_seconds_of(plan_.run);
    progress_.start(plan_.name, left, each_s * static_cast<double>(left));
    for_each_step([&](const plans::Cell& cell, std::uint32_t repetition) {
      return run_step(cell, repetition, each_s);
    });
    const char* how = outcome_.interrupted         ? "interrupted"
                      : !outcome_.failures.empty() ? "failed"
                                                   : "finished";
    if (auto closed = writer_.close(how); !closed) return tl::unexpected<Error>(closed.error());
    progress_.finish(fmt::format("{}: {}", how, outcome_.directory.string()));
    return outcome_;
  }

 private:
  // Repetition 0 of every cell, then repetition 1, ...: what drifts on the host touches all alike.
  template <class Body>
  void for_each_step(Body&& body) {
    if (plan_.run.interleaved) {
      for (std::uint32_t repetition = 0; repetition < plan_.run.repetitions; ++repetition) {
        for (const auto& cell : plan_.cells) {
          if (!body(cell, repetition)) return;
        }
      }
      return;
    }
    for (const auto& cell : plan_.cells) {
      for (std::uint32_t repetition = 0; repetition < plan_.run.repetitions; ++repetition) {
        if (!body(cell, repetition)) return;
      }
    }
  }

  std::size_t steps_left() {
    std::size_t left = 0;
    for_each_step([&](const plans::Cell& cell, std::uint32_t repetition) {
      left += writer_.finished().count({cell.id, repetition}) == 0;
      return true;
    });
    return left;
  }

  // False: stop here.
  bool run_step(const plans::Cell& cell, std::uint32_t repetition, double expected_s) {
    if (writer_.finished().count({cell.id, repetition}) != 0) return true;
    if (signals_seen.load(std::memory_order_relaxed) > 0) return interrupted();
    progress_.begin_step(fmt::format("{} #{}", cell.label, repetition + 1), expected_s);
    const auto done = measure(cell, repetition);
    progress_.end_step();
    if (done) return signals_seen.load(std::memory_order_relaxed) > 0 ? interrupted() : true;
    if (abort_now.load(std::memory_order_relaxed)) return interrupted();
    outcome_.failures.push_back(
        fmt::format("{} #{}: {}", cell.label, repetition + 1, done.error().message));
    progress_.note(outcome_.failures.back());
    static_cast<void>(writer_.note({writer_.elapsed_s(), "error", done.error().message, cell.id}));
    return true;
  }

  bool interrupted() {
    outcome_.interrupted = true;
    return false;
  }

  Status measure(const plans::Cell& cell, std::uint32_t repetition) {
    auto testbed = Testbed::create({.eal = eal_,
                                    .cores = cores_,
                                    .cell = cell,
                                    .limits = plan_.limits,
                                    .dataset_dir = options_.dataset_dir,
                                    .seed = plan_.run.seed + repetition});
    if (!testbed) return tl::unexpected<Error>(testbed.error());
    if (auto begun = writer_.begin_repetition(cell.id, repetition); !begun) return begun;
    const double start_s = writer_.elapsed_s();
    auto record = run_repetition(**testbed, {.run = plan_.run,
                                             .recorder = {.cpu = cores_.recorder},
                                             .writer = &writer_,
                                             .trace = repetition == 0 ? trace_ : nullptr,
                                             .tick = [this] { progress_.tick(); },
                                             .abort = &abort_now});
    if (!record) return tl::unexpected<Error>(record.error());
    record->cell = cell.id;
    record->repetition = repetition;
    record->start_s = start_s;
    for (const auto& shared : cores_.shared) record->warnings.push_back(shared);
    return writer_.finish_repetition(*record);
  }

  const plans::Plan& plan_;
  const RunOptions& options_;
  const CoreMap& cores_;
  Eal& eal_;
  results::RunWriter writer_;
  results::Progress progress_;
  results::EventTraceWriter* trace_ = nullptr;
  RunOutcome outcome_;
};

}  // namespace

double estimated_seconds(const plans::Plan& plan) {
  return measured_seconds_of(plan.run) * static_cast<double>(plan.cells.size()) *
         plan.run.repetitions;
}

Result<RunOutcome> run_plan(const plans::Plan& plan, const RunOptions& options) {
  auto cores = choose_cores(plan.cores, allowed_cpus());
  if (!cores) return tl::unexpected<Error>(cores.error());
  auto eal = Eal::start({.cpus = cores->lcore_cpus()});
  if (!eal) return tl::unexpected<Error>(eal.error());
  auto writer = open_writer(plan, options, *cores, **eal);
  if (!writer) return tl::unexpected<Error>(writer.error());
  const SignalGuard guard;
  return PlanRun(plan, options, *cores, **eal, std::move(*writer)).run();
}

}  // namespace violet
